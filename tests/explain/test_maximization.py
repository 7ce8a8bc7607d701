"""Activation maximisation and class models: the exact properties, on small networks in float64."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError
from tinyconv.explain.running import at_rest, logits_of
from tinyconv.explain.synthesis import RECIPES, Recipe, class_model, maximize
from tinyconv.explain.synthesis.ascent import ascend
from tinyconv.explain.synthesis.priors import alpha_norm, total_variation
from tinyconv.explain.synthesis.reading import Units
from tinyconv.explain.synthesis.recipes import recipe_for
from tinyconv.explain.synthesis.regularizers import (
    blurred,
    decayed,
    within_ball,
    without_small_contributions,
    without_small_norms,
)
from tinyconv.explain.synthesis.views import ViewRange, seen, seen_back, view_matrix
from tinyconv.features import capture

SIDE = 12
SHAPE = (1, SIDE, SIDE)


@pytest.fixture(scope="module")
def faces():
    """Images of three classes, bars at three places in noise, and a network that has learnt them; float64."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = random.normal(0, 0.3, (60, *SHAPE))
    for image, label in zip(images, labels, strict=True):
        image[0, 2:10, 1 + 4 * label : 3 + 4 * label] += 2.0
    images = (images - images.mean()) / images.std()
    tc.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(128, 3),
    ).to(tc.float64)  # fmt: skip
    optimiser = tc.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(tc.tensor(images)), tc.tensor(labels)).backward()
        optimiser.step()
    assert (logits_of(model, images).argmax(axis=1) == labels).all()
    return model, images


# --- the pieces -----------------------------------------------------------------------------------------------------


def numerical(function, x, step=1e-6):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            gradient[index] += sign * function(moved)[0].sum() / (2 * step)
    return gradient


@pytest.mark.parametrize("beta", [1.0, 2.0, 3.0])
def test_the_gradient_of_total_variation_is_that_of_finite_differences(beta):
    x = np.random.default_rng(1).standard_normal((2, 2, 4, 5))
    np.testing.assert_allclose(
        total_variation(x, beta)[1], numerical(lambda y: total_variation(y, beta), x), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("alpha", [2.0, 3.0, 6.0])
def test_the_gradient_of_the_alpha_norm_is_that_of_finite_differences(alpha):
    x = np.random.default_rng(2).standard_normal((2, 1, 3, 4))
    np.testing.assert_allclose(
        alpha_norm(x, alpha)[1], numerical(lambda y: alpha_norm(y, alpha), x), rtol=1e-6, atol=1e-8
    )


def test_total_variation_counts_differences_of_neighbours():
    x = np.array([[[[0.0, 3.0], [4.0, 4.0]]]])
    # (3, 4), (., 1), (0, .), (., .): squares 9 + 16, 1, 0, 0
    assert total_variation(x, 2.0)[0].tolist() == [26.0]
    assert total_variation(x, 1.0)[0].tolist() == [6.0]
    assert total_variation(np.full((1, 1, 3, 3), 7.0), 2.0)[0].tolist() == [0.0]


def test_each_regulariser_does_what_it_says_to_each_image_alone():
    x = np.array([[[[1.0, -4.0], [2.0, 3.0]], [[0.0, 0.0], [-2.0, 0.0]]], [[[8.0, 0], [0, 6.0]], [[0, 0], [0, 0]]]])
    np.testing.assert_array_equal(decayed(x, 0.25), 0.75 * x)
    kept = without_small_norms(x, 50)  # norms 1, 4, sqrt 8, 3: the median lies between sqrt 8 and 3
    np.testing.assert_array_equal(kept[0], [[[0, -4], [0, 3]], [[0, 0], [0, 0]]])
    g = np.ones_like(x)
    g[0, 0, 0, 0] = -9  # contributions of the first image: 9, 4, 0 (2 - 2), 3
    kept = without_small_contributions(x, g, 50)
    np.testing.assert_array_equal(kept[0], [[[1, -4], [0, 0]], [[0, 0], [0, 0]]])
    inside = within_ball(x, 5.0)
    np.testing.assert_allclose(np.sqrt((inside**2).sum(axis=(1, 2, 3))), 5.0)
    np.testing.assert_array_equal(within_ball(x, 100.0), x)
    np.testing.assert_array_equal(within_ball(np.zeros_like(x), 1.0), 0)


def test_a_blur_mixes_neither_images_nor_channels_and_keeps_the_mean():
    x = np.zeros((2, 2, 9, 9))
    x[0, 1, 4, 4] = 1.0
    y = blurred(x, 1.0)
    assert not y[1].any()
    assert not y[0, 0].any()
    assert y[0, 1].sum() == pytest.approx(1.0, abs=1e-6)
    assert 0.1 < y[0, 1, 4, 4] < 0.2
    assert y[0, 1, 4, 5] > y[0, 1, 4, 6] > 0


def test_the_pull_back_of_a_view_is_its_adjoint():
    random = np.random.default_rng(3)
    views = ViewRange(jitter=2, scale=(0.8, 1.2), rotation=30).draw(3, (7, 9), random)
    x, y = random.standard_normal((2, 3, 2, 7, 9))
    assert (seen(x, views) * y).sum() == pytest.approx((x * seen_back(y, views)).sum(), rel=1e-12)


def test_views_shift_turn_and_magnify():
    x = np.arange(25.0).reshape(1, 1, 5, 5)

    def view(shift=(0, 0), scale=1.0, angle=0.0):
        return seen(x, [view_matrix((5, 5), np.array(shift), scale, angle)])[0, 0]

    np.testing.assert_array_equal(view(), x[0, 0])
    np.testing.assert_array_equal(view(shift=(1, -2))[1:, :-2], x[0, 0, :-1, 2:])
    assert not view(shift=(1, -2))[0].any()
    np.testing.assert_allclose(view(angle=np.pi / 2), np.rot90(x[0, 0], -1), atol=1e-12)
    assert view(scale=2.0)[2, 3] == pytest.approx(12.5)  # half a pixel right of the middle, 12


# --- activation maximisation ----------------------------------------------------------------------------------------


def test_the_gradient_of_a_unit_is_that_of_finite_differences(faces):
    model, images = faces
    for layer, position in (("conv2", (1, 2)), ("relu1", "mean"), ("linear1", "centre"), (None, "centre")):
        units = Units(model, layer, [1, 2], position)
        x = images[:2].copy()
        with at_rest(model):
            gradient = units(x)[1]
            direction = np.random.default_rng(4).standard_normal(x.shape)
            slope = (units(x + 1e-6 * direction)[0] - units(x - 1e-6 * direction)[0]) / 2e-6
        np.testing.assert_allclose((gradient * direction).sum(axis=(1, 2, 3)), slope, rtol=1e-6)


def test_the_centre_is_the_unit_in_the_middle_of_the_map(faces):
    model, images = faces
    with capture(model, "conv2") as activations:
        model(tc.tensor(images[:2]))
    assert activations["conv2"].shape[2:] == (4, 4)
    with at_rest(model):
        values = Units(model, "conv2", [1, 2])(images[:2])[0]
    np.testing.assert_allclose(values, activations["conv2"][[0, 1], [1, 2], 2, 2])


def test_the_network_is_shown_no_pixel_that_there_cannot_be():
    shown = []

    def objective(images):
        shown.append(images.copy())
        return images.sum(axis=(1, 2, 3)), np.ones_like(images)

    low, high = np.full((1, 1, 1), -1.0), np.full((1, 1, 1), 1.0)
    recipe = Recipe(steps=5, policy="levels", rate=200)
    start = np.random.default_rng(0).normal(0, 3, (2, 1, 4, 4))
    made, history = ascend(objective, start, recipe, low, high, np.random.default_rng(0))
    assert len(shown) == 6
    assert max(np.abs(images).max() for images in shown) <= 1
    assert (made == 1).all()
    assert history[-1].tolist() == [16.0, 16.0]


def test_the_best_image_in_a_ball_for_a_unit_of_the_first_layer_is_its_kernel(faces):
    model, _ = faces
    recipe = Recipe(steps=60, policy="constant", rate=1e4, ball=3.0)
    made = maximize(model, "conv1", range(6), shape=SHAPE, recipe=recipe, bounds=(-50, 50), position=(5, 5))
    assert made.box == (4, 4, 7, 7)
    patches = made.images[:, 0, 4:7, 4:7].reshape(6, 9)
    kernels = model[0].weight.detach().numpy().reshape(6, 9)
    cosines = (patches * kernels).sum(axis=1) / np.linalg.norm(patches, axis=1) / np.linalg.norm(kernels, axis=1)
    assert (cosines >= 0.999).all(), cosines
    np.testing.assert_allclose(np.sqrt((made.images**2).sum(axis=(1, 2, 3))), 3.0, rtol=1e-9)
    biases = model[0].bias.detach().numpy()
    np.testing.assert_allclose(made.values, 3 * np.linalg.norm(kernels, axis=1) + biases, rtol=1e-3)


@pytest.mark.parametrize("recipe", ["plain", "yosinski-1", "yosinski-2", "yosinski-3", "yosinski-4"])
def test_the_best_image_beats_the_best_patch_of_the_data_for_nine_of_ten_live_channels(faces, recipe):
    model, images = faces
    bounds = (images.min(), images.max())
    with capture(model, "conv2") as activations:
        model(tc.tensor(images))
    best = activations["conv2"].max(axis=(0, 2, 3))
    live = np.flatnonzero(best > 0)
    assert len(live) >= 5
    made = maximize(model, "conv2", live, shape=SHAPE, recipe=recipe, bounds=bounds, steps=100)
    assert (made.values > best[live]).mean() >= 0.9, (made.values, best[live])


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_best_image_for_a_class_is_taken_for_it(faces, recipe):
    model, images = faces
    made = maximize(model, None, [0, 1, 2], shape=SHAPE, recipe=recipe, bounds=(images.min(), images.max()), steps=80)
    assert logits_of(model, made.images).argmax(axis=1).tolist() == [0, 1, 2]
    np.testing.assert_allclose(logits_of(model, made.images)[range(3), range(3)], made.values, rtol=1e-9)
    assert (made.confidences > 0.5).all()
    assert made.images.min() >= images.min()
    assert made.images.max() <= images.max()


def test_blur_and_decay_lower_the_total_variation_at_matched_activation(faces):
    model, _ = faces
    common = {"shape": SHAPE, "bounds": (-3, 3), "recipe": "plain", "policy": "progress", "rate": 0.5}
    smooth = maximize(model, None, [0, 1, 2], **common, steps=200, blur=0.7, decay=0.01)
    for number, value in enumerate(smooth.values):
        # The plain ascent is stopped where it has come as far.
        reached = maximize(model, None, [number], **common, steps=200).history[:, 0]
        steps = max(1, int(np.argmax(reached >= value)))
        plain = maximize(model, None, [number], **common, steps=steps)
        assert plain.values[0] == pytest.approx(value, abs=1.0)
        assert total_variation(smooth.images)[0][number] < 0.7 * total_variation(plain.images)[0][0]


@pytest.mark.parametrize("recipe", ["yosinski-4", "jitter"])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(faces, recipe):
    model, _ = faces
    first, again, other = (
        maximize(model, "conv2", [0, 3], shape=SHAPE, recipe=recipe, steps=6, seed=seed) for seed in (7, 7, 8)
    )
    assert first.images.tobytes() == again.images.tobytes()
    assert first.sheet().png() == again.sheet().png()
    assert not np.array_equal(first.images, other.images)


def test_what_is_found_with_random_views_is_the_same_class_wherever_it_is_shifted_to(faces):
    model, _ = faces
    found = maximize(model, None, [0, 1, 2], shape=SHAPE, recipe="jitter", steps=80, bounds=(-2, 2))
    for shift in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        shifted = np.roll(found.images, shift, axis=(2, 3))
        assert logits_of(model, shifted).argmax(axis=1).tolist() == [0, 1, 2], shift


def test_a_unit_that_is_off_is_searched_for_by_noise_and_a_dead_one_is_named():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).to(tc.float64)
    with tc.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.copy_(tc.tensor([-0.7, -500.0]))
    made = maximize(model, "relu1", [0, 1], shape=(1, 6, 6), recipe="plain", steps=40)
    assert made.history[0].tolist() == [0.0, 0.0]
    assert made.values[0] > 5
    assert made.values[1] == 0
    assert made.notes == ("No image moved these units, and no gradient reaches them (dead?): channel 1.",)


def test_the_model_is_left_as_it_was(faces):
    model, _ = faces
    model.train()
    before = [parameter.grad for parameter in model.parameters()]
    maximize(model, "conv2", [0], shape=SHAPE, steps=3)
    assert all(module.training for module in model.modules())
    assert [parameter.grad for parameter in model.parameters()] == before
    assert tc.get_float32_precision() == "fast"


def test_recipes_suit_what_a_unit_sees_and_take_changes():
    assert [recipe_for("jitter", side).jitter for side in (64, 128, 3)] == [4, 8, 0]
    assert [recipe_for("yosinski-3", side).blur for side in (64, 16, 3)] == [1.0, 0.5, 0.09]
    assert recipe_for("yosinski-1", 64, steps=3, blur=None) == Recipe(steps=3, blur=0.5, small_norm=50)
    own = Recipe(blur=2.0, jitter=9)
    assert recipe_for(own, 3) == own
    description = RECIPES["yosinski-3"].describe()
    assert description == "200 steps of 5 levels each (of 256), L2 decay 0.0001, blur 1 px every 4 steps"


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ArgumentError, ("no layer matches", "conv1"), {"layer": "conf1"}),
        (DimensionError, ("conv1", "0 to 5", "channel 6"), {"channels": [6]}),
        (DimensionError, ("the output", "0 to 2", "channel 3"), {"layer": None, "channels": [3]}),
        (ArgumentError, ("at least one",), {"channels": []}),
        (ArgumentError, ("'yosinski'", "yosinski-1"), {"recipe": "yosinski"}),
        (ArgumentError, ("'blurr'", "blur"), {"blurr": 1}),
        (ArgumentError, ("decay", "1.5"), {"decay": 1.5}),
        (ArgumentError, ("steps", "0"), {"steps": 0}),
        (DimensionError, ("12x12", "(12, 0)"), {"position": (12, 0)}),
        (ArgumentError, ("'middle'", "'centre'"), {"position": "middle"}),
        (ShapeError, ("(12, 12)",), {"shape": (12, 12)}),
        (ArgumentError, ("1 channels", "2 labels"), {"labels": ["a", "b"]}),
    ],
)
def test_mistakes_are_named(faces, error, words, call):
    model, _ = faces
    with pytest.raises(error) as raised:
        maximize(**{"model": model, "layer": "conv1", "channels": [0], "shape": SHAPE, "steps": 2} | call)
    assert [word for word in words if word not in str(raised.value)] == [], raised.value


# --- class models ---------------------------------------------------------------------------------------------------


def test_the_class_model_of_a_linear_score_is_its_weights_over_twice_lambda():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).to(tc.float64)
    weights = model[1].weight.detach().numpy().reshape(3, 1, 4, 4)
    made = class_model(model, [2, 0], shape=(1, 4, 4), strength=0.25, rate=0.2)
    np.testing.assert_allclose(made.images, weights[[2, 0]] / 0.5, rtol=1e-8)
    contrasty = class_model(model, [2, 0], shape=(1, 4, 4), contrast=3.0, rate=0.2)
    np.testing.assert_allclose(np.sqrt((contrasty.images**2).mean(axis=(1, 2, 3))), 3.0, rtol=1e-8)


def test_a_class_model_raises_what_it_maximises_and_ends_at_a_maximum(faces):
    model, _ = faces
    made = class_model(model, [0, 1, 2], shape=SHAPE)
    assert logits_of(model, made.images).argmax(axis=1).tolist() == [0, 1, 2]
    strength = np.array(made.options["strength"])
    goal = made.values - strength * (made.images**2).sum(axis=(1, 2, 3))
    assert (goal > made.history[0] + 1).all()  # at the mean image the goal is the score
    # No way along the gradient of the goal leads higher.
    units, weights = Units(model, None, [0, 1, 2]), strength[:, None, None, None]
    with at_rest(model):
        residual = units(made.images)[1] - 2 * weights * made.images
        for part in (1e-3, 1e-2, 1e-1, 1.0):
            moved = made.images + part * residual / (2 * weights)
            assert (units(moved)[0] - strength * (moved**2).sum(axis=(1, 2, 3)) <= goal + 0.01 * abs(goal)).all(), part


def test_a_class_model_does_not_change_with_a_constant_added_to_all_scores(faces):
    model, _ = faces
    before = class_model(model, [1], shape=SHAPE, steps=5)
    shifted = nn.Sequential(model, nn.Linear(3, 3)).to(tc.float64)
    with tc.no_grad():
        shifted[1].weight.copy_(tc.eye(3, dtype=tc.float64))
        shifted[1].bias.fill_(7.0)
    after = class_model(shifted, [1], shape=SHAPE, steps=5)
    np.testing.assert_allclose(after.images, before.images, rtol=1e-10)
    np.testing.assert_allclose(after.values, before.values + 7)


@pytest.mark.parametrize("call", [{"strength": 0}, {"rate": 1.5}, {"steps": 0}, {"contrast": -1}])
def test_class_models_refuse_numbers_outside_their_domain(faces, call):
    with pytest.raises(ArgumentError, match=next(iter(call))):
        class_model(faces[0], [0], shape=SHAPE, **call)
