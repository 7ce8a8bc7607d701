"""Region perturbation: the curves, the orders, and the optimality of the true order in a linear model."""

from itertools import permutations

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.explain.scoring import Regions, class_answer, perturb


def linear(weights):
    return lambda images, rows: (images * weights[rows]).sum(axis=(1, 2, 3))


@pytest.fixture
def random():
    return np.random.default_rng(3)


def test_regions_cover_every_pixel_once_and_the_last_ones_are_smaller(random):
    regions = Regions(5, 7, side=3)
    heat = random.normal(size=(2, 5, 7))
    assert regions.count == 6
    assert sorted(np.unique(regions.numbers)) == list(range(6))
    assert (regions.numbers[3:, 6:] == 5).all()
    for number in range(6):
        expected = heat[:, regions.numbers == number].sum(axis=1)
        np.testing.assert_allclose(regions.sums(heat)[:, number], expected, atol=1e-12)


@pytest.mark.parametrize(("size", "side"), [((32, 32), 4), ((64, 64), 8), ((56, 46), 6), ((3, 9), 1)])
def test_there_are_about_eight_regions_along_the_shorter_side(size, side):
    assert Regions.of(*size).side == side


def test_the_true_order_of_a_linear_model_has_the_largest_area_of_all_orders(random):
    """With a fixed fill b, region r contributes Σ w (x − b) over its pixels, whatever else was replaced."""
    images, weights = random.normal(size=(2, 2, 4, 6)), random.normal(size=(2, 2, 4, 6))
    regions = Regions(4, 6, side=2)
    fill = 0.3
    true = regions.order((weights * (images - fill)).sum(axis=1))
    best = perturb(linear(weights), images, true, regions, fill=fill).aopc
    worst = perturb(linear(weights), images, true[:, ::-1], regions, fill=fill).aopc
    areas = []
    for permutation in permutations(range(regions.count)):
        order = np.tile(permutation, (2, 1))
        areas.append(perturb(linear(weights), images, order, regions, fill=fill).aopc)
    assert len(areas) == 720
    np.testing.assert_allclose(np.max(areas, axis=0), best, atol=1e-12)
    np.testing.assert_allclose(np.min(areas, axis=0), worst, atol=1e-12)
    assert (np.sum(np.array(areas) > best - 1e-12, axis=0) == 1).all(), "no other order is as good"


def test_the_area_over_the_curve_is_the_mean_drop_over_all_steps_the_zeroth_included():
    regions = Regions(1, 3, side=1)
    image = np.array([[[[5.0, 2.0, 1.0]]]])
    curves = perturb(lambda images, _: images.sum(axis=(1, 2, 3)), image, np.array([[0, 1, 2]]), regions, fill=0.0)
    assert curves.answers.tolist() == [[8.0, 3.0, 1.0, 0.0]]
    assert curves.aopc.tolist() == [(0 + 5 + 7 + 8) / 4]


def test_of_several_draws_the_one_with_the_median_answer_is_kept(random):
    regions = Regions(2, 2, side=1)
    image = random.normal(size=(1, 1, 2, 2))
    seen = []

    def answer(images, _):
        seen.append(images.copy())
        return images.sum(axis=(1, 2, 3))

    curves = perturb(answer, image, np.array([[2, 0, 1, 3]]), regions, steps=2, draws=5, noise=(-1.0, 1.0))
    first, second = (batch.sum(axis=(1, 2, 3)) for batch in seen[1:])
    assert curves.answers[0, 1:].tolist() == [np.median(first), np.median(second)]
    kept = seen[1][np.argsort(first)[2]]
    changed = seen[2] != kept[None]
    assert [np.argwhere(each).tolist() for each in changed] == [[[0, 0, 0]]] * 5, "the next step starts from it"
    assert (np.abs(seen[1][:, 0, 1, 0]) <= 1).all()


def test_noise_depends_on_seed_image_and_region_alone(random):
    regions = Regions(4, 4, side=2)
    images = random.normal(size=(3, 1, 4, 4))
    order = regions.order(random.normal(size=(3, 4, 4)))

    def answers(order, images=images, **options):
        return perturb(
            lambda images, _: images.mean(axis=(1, 2, 3)), images, order, regions, draws=1, **options
        ).answers

    all_gone = answers(order, noise=(0.0, 1.0))[:, -1]
    np.testing.assert_allclose(answers(order[:, ::-1], noise=(0.0, 1.0))[:, -1], all_gone, atol=1e-12)
    assert (answers(order, noise=(0.0, 1.0))[:, -1] == all_gone).all()
    assert (answers(order, noise=(0.0, 1.0), seed=1)[:, -1] != all_gone).all()
    assert len(np.unique(all_gone)) == 3


def test_equal_regions_stand_in_a_random_order_that_the_seed_decides():
    regions = Regions(8, 8, side=2)
    heat = np.zeros((4, 8, 8))
    heat[:, 6:, 6:] = 1
    order = regions.order(heat)
    assert (order[:, 0] == 15).all()
    assert len({tuple(row) for row in order}) == 4
    assert (regions.order(heat) == order).all()
    assert (regions.order(heat, seed=1) != order).any()
    assert (regions.order(heat, "lerf")[:, -1] == 15).all()
    assert (np.sort(regions.order(heat, "random"), axis=1) == np.arange(16)).all()


def test_the_answer_is_the_target_s_logit_or_probability_in_any_batch(random):
    tc.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).double().eval()
    images = random.normal(size=(40, 1, 4, 4))
    targets = np.arange(40) % 3
    logits = model(tc.tensor(images)).detach().numpy()
    order = Regions(4, 4, side=2).order(images[:, 0])
    curves = perturb(class_answer(model, targets), images, order, Regions(4, 4, side=2), draws=10, steps=1)
    np.testing.assert_allclose(curves.answers[:, 0], logits[np.arange(40), targets], atol=1e-12)
    shares = class_answer(model, targets, "probability")(images, np.arange(40))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected[np.arange(40), targets], atol=1e-12)


def test_a_model_is_asked_in_evaluation_mode_before_its_softmax_and_left_as_it_was(random):
    layers = [nn.BatchNorm2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 3)]
    model, with_softmax = nn.Sequential(*layers), nn.Sequential(*layers, nn.Softmax(1))
    images, targets = random.normal(3, 2, (5, 1, 4, 4)).astype(np.float32), np.array([0, 1, 2, 0, 1])
    expected = class_answer(model.eval(), targets)(images, np.arange(5))
    before = layers[0].running_mean.numpy().copy()
    for asked in (model.train(), with_softmax.train()):
        np.testing.assert_allclose(class_answer(asked, targets)(images, np.arange(5)), expected, rtol=1e-5)
        assert asked.training
    np.testing.assert_array_equal(layers[0].running_mean.numpy(), before)


def test_mistakes_say_what_would_fit():
    regions = Regions(4, 4, side=2)
    images = np.zeros((2, 1, 4, 4))
    with pytest.raises(ArgumentError, match="1 to 3"):
        Regions(4, 4, side=4)
    with pytest.raises(ShapeError, match=r"\(N, 4, 4\).*\(2, 1, 4, 4\).*heat\(\)"):
        regions.sums(images)
    with pytest.raises(ArgumentError, match="32 NaN"):
        regions.order(np.full((2, 4, 4), np.nan))
    with pytest.raises(ArgumentError, match=r"'most'.*morf"):
        regions.order(images[:, 0], "most")
    with pytest.raises(ArgumentError, match=r"5 steps.*1 to 4"):
        perturb(lambda *_: 0, images, regions.order(images[:, 0]), regions, steps=5)
    with pytest.raises(ShapeError, match=r"\(2, 4\), got \(1, 4\)"):
        perturb(lambda *_: 0, images, regions.order(images[:1, 0]), regions)
    with pytest.raises(ArgumentError, match=r"'loss'.*logit or probability"):
        class_answer(nn.Sequential(nn.Linear(1, 1)), np.zeros(1), "loss")
