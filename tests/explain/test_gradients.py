"""Gradient, gradient times input, SmoothGrad, integrated gradients: golden vectors and exact properties."""

import numpy as np
import pytest
from explained import OneConvolution, bias_terms, branched, golden_image, images, linear, plain

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.explain import (
    METHODS,
    Attribution,
    attribute,
    gradient,
    input_x_gradient,
    integrated_gradients,
    smoothgrad,
)
from tinyconv.explain.running import BATCH


def test_golden_gradient():
    found = gradient(OneConvolution(), golden_image(), target=0)
    assert found.scores.tolist() == [54]
    np.testing.assert_array_equal(found.values[0, 0], [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        pytest.param(plain(), (3, 1, 8, 8), id="plain"),
        pytest.param(branched(), (3, 2, 12, 12), id="branched"),
        pytest.param(linear(), (3, 2, 6, 6), id="linear"),
    ],
)
def test_a_piecewise_linear_net_is_the_sum_of_its_pixels_and_biases(model, shape):
    """f_c(x) = <x, grad_x f> + sum <b, grad_b f>."""
    batch = images(*shape)
    found = input_x_gradient(model, batch, target=1)
    np.testing.assert_allclose(
        found.values.sum(axis=(1, 2, 3)) + bias_terms(model, batch, 1), found.scores, rtol=1e-9, atol=1e-12
    )


def test_the_gradient_is_that_of_finite_differences():
    model, batch = branched(), images(1, 2, 12, 12)
    found = gradient(model, batch, target=2).values[0]
    h = 1e-5
    for place in [(0, 3, 4), (1, 0, 0), (1, 11, 7), (0, 6, 6)]:
        moved = [batch.copy(), batch.copy()]
        moved[0][0][place] += h
        moved[1][0][place] -= h
        high, low = (model(tc.tensor(one))[0, 2].item() for one in moved)
        assert abs((high - low) / (2 * h) - found[place]) < 1e-6


def test_the_gradient_is_unchanged_by_adding_a_constant_to_all_scores():
    model, batch = plain(), images(2, 1, 8, 8)
    before = gradient(model, batch, target=0).values
    with tc.no_grad():
        model[-1].bias.add_(7)
    np.testing.assert_array_equal(gradient(model, batch, target=0).values, before)


def test_the_target_is_the_predicted_class_or_what_is_asked_for():
    model, batch = plain(), images(4, 1, 8, 8)
    logits = model(tc.tensor(batch)).detach().numpy()
    found = gradient(model, batch)
    np.testing.assert_array_equal(found.targets, logits.argmax(1))
    np.testing.assert_array_equal(found.scores, logits.max(1))
    each = gradient(model, batch, target=[0, 1, 2, 0])
    for number, target in enumerate([0, 1, 2, 0]):
        alone = gradient(model, batch[number : number + 1], target=target)
        np.testing.assert_allclose(each.values[number], alone.values[0], rtol=1e-12)
        assert each.scores[number] == logits[number, target]


@pytest.mark.parametrize("method", list(METHODS))
def test_an_image_s_map_does_not_depend_on_the_others_and_any_number_of_images_will_do(method):
    model, batch = plain(widths=(2, 3)), images(BATCH + 2, 1, 8, 8)
    fewer = {name: 3 for name in ("samples", "steps") if name in METHODS[method].options}
    targets = [number % 3 for number in range(len(batch))]
    together = attribute(model, batch, method, targets, **fewer)
    assert together.method == method
    assert together.values.shape[0] == len(batch)
    for number in (0, 1, BATCH - 1, BATCH, BATCH + 1):
        alone = attribute(model, batch[number : number + 1], method, targets[number], **fewer)
        np.testing.assert_allclose(together.values[number], alone.values[0], rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(together.scores[number], alone.scores[0], rtol=1e-12)


def test_smoothgrad_without_noise_is_the_gradient():
    model, batch = plain(), images(2, 1, 8, 8)
    np.testing.assert_allclose(
        smoothgrad(model, batch, noise=0, samples=4).values, gradient(model, batch).values, rtol=1e-12
    )


def test_the_variance_of_smoothgrad_falls_as_one_over_the_samples():
    model, batch = plain(), images(1, 1, 8, 8)

    def variance(samples):
        maps = [smoothgrad(model, batch, 0, samples=samples, noise=0.3, seed=seed).values for seed in range(12)]
        return np.var(maps, axis=0).mean()

    assert 4 < variance(1) / variance(8) < 16  # 8, as far as 12 draws of each can tell


@pytest.mark.parametrize("method", ["smoothgrad", "integrated-gradients"])
def test_the_maps_have_the_model_s_type(method):
    model, batch = plain().to(tc.float32), images(2, 1, 8, 8)
    assert attribute(model, batch, method).values.dtype == np.float32


def test_smoothgrad_draws_from_its_seed_alone():
    model, batch = plain(), images(1, 1, 8, 8)
    first = smoothgrad(model, batch, samples=3, seed=5).values
    tc.manual_seed(123)
    np.testing.assert_array_equal(smoothgrad(model, batch, samples=3, seed=5).values, first)
    assert (smoothgrad(model, batch, samples=3, seed=6).values != first).any()


def test_the_noise_is_a_share_of_each_image_s_range():
    model, batch = plain(bias=False, batch_norm=False), images(1, 1, 8, 8)
    pair = np.concatenate([batch, 5 * batch])  # without biases the gradient of 5x is that of x, the noise scaled alike
    found = smoothgrad(model, pair, target=0, samples=4).values
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)
    bright = batch + 10  # whose range is not its largest value
    noise = 0.2 * (batch.max() - batch.min()) * np.random.default_rng(3).standard_normal(batch.shape[1:])
    once = smoothgrad(model, bright, target=0, samples=1, noise=0.2, seed=3).values
    np.testing.assert_allclose(once, gradient(model, bright + noise, target=0).values, rtol=1e-9)
    assert (once != gradient(model, bright, target=0).values).any()


def test_integrated_gradients_sum_to_the_difference_of_the_scores_ever_more_closely():
    model, batch = branched(), images(3, 2, 12, 12)
    start = images(3, 2, 12, 12, seed=9)
    gaps = []
    for steps in (2, 20, 200):
        found = integrated_gradients(model, batch, target=1, steps=steps, baseline=start)
        difference = found.scores - model(tc.tensor(start)).detach().numpy()[:, 1]
        gap = difference - found.values.sum(axis=(1, 2, 3))
        np.testing.assert_allclose(found.measures["completeness gap"], gap, rtol=1e-9, atol=1e-12)
        gaps.append(np.abs(gap).max())
    assert gaps[0] > 10 * gaps[2]
    assert gaps[2] < 5e-3 * np.abs(difference).max()


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_in_a_net_without_biases_they_are_gradient_times_input_for_any_number_of_steps(steps):
    model, batch = plain(bias=False, batch_norm=False), images(2, 1, 8, 8)
    found = integrated_gradients(model, batch, steps=steps)
    np.testing.assert_allclose(found.values, input_x_gradient(model, batch).values, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(found.measures["completeness gap"], 0, atol=1e-12)


def test_integrated_gradients_are_the_same_with_batch_norm_folded():
    model, batch = plain(), images(2, 1, 8, 8)
    folded = nn.Sequential(
        nn.utils.fuse_conv_bn_eval(model[0], model[1]), *model[2:4],
        nn.utils.fuse_conv_bn_eval(model[4], model[5]), *model[6:],
    )  # fmt: skip
    one, other = (integrated_gradients(net, batch, target=0, steps=9) for net in (model, folded))
    np.testing.assert_allclose(one.values, other.values, rtol=1e-9, atol=1e-13)


def test_in_a_linear_net_all_gradients_agree():
    model, batch = linear(), images(2, 2, 6, 6)
    weights = gradient(model, batch, target=1).values
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-12)
    np.testing.assert_allclose(smoothgrad(model, batch, target=1, samples=3).values, weights, rtol=1e-9)
    start = 0.25
    np.testing.assert_allclose(
        integrated_gradients(model, batch, target=1, steps=3, baseline=start).values,
        weights * (batch - start),
        rtol=1e-9,
        atol=1e-13,
    )


def test_sums_and_magnitudes_over_the_channels():
    found = gradient(linear(), images(2, 2, 6, 6))
    np.testing.assert_array_equal(found.heat(), found.values[:, 0] + found.values[:, 1])
    np.testing.assert_array_equal(found.magnitude(), np.maximum(*np.abs(found.values.transpose(1, 0, 2, 3))))


@pytest.mark.parametrize(
    ("method", "options", "error", "words"),
    [
        ("gradeint", {}, ArgumentError, r"did you mean 'gradient'\? The methods are: gradient, "),
        ("x", {}, ArgumentError, r"there is no method 'x'\. The methods are: gradient, "),
        ("gradient", {"steps": 3}, ArgumentError, "no option 'steps'; its options are: none"),
        ("smoothgrad", {"steps": 3}, ArgumentError, "its options are: samples=50, noise=0.15, seed=0"),
        ("smoothgrad", {"samples": 0}, ArgumentError, "samples must be a whole number, 1 or more, got 0"),
        ("smoothgrad", {"noise": -0.1}, ArgumentError, "got -0.1"),
        ("smoothgrad", {"noise": float("nan")}, ArgumentError, "got nan"),
        ("integrated-gradients", {"steps": 2.5}, ArgumentError, "steps must be a whole number"),
        ("integrated-gradients", {"baseline": np.zeros((3, 3))}, ShapeError, r"got \(3, 3\)"),
        ("integrated-gradients", {"baseline": "black"}, ArgumentError, "got 'black'"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_refused_in_words(method, options, error, words):
    with pytest.raises(error, match=words):
        attribute(plain(), images(1, 1, 8, 8), method, **options)


def test_the_maps_of_one_image_come_with_its_own_notes_and_those_of_all():
    notes = ("Image 1: nothing.", "Image 2: a gap.", "All of it is coarse.")
    values = np.arange(8.0).reshape(2, 1, 2, 2)
    both = Attribution(values, "gradient", np.array([3, 4]), np.array([0.1, 0.2]), {}, {"gap": np.array([5, 6])}, notes)
    second = both.only(1)
    assert second.notes == ("Image 1: a gap.", "All of it is coarse.")
    assert (second.values == values[1:]).all()
    assert (second.targets.tolist(), second.scores.tolist(), second.measures["gap"].tolist()) == ([4], [0.2], [6])
    assert both.first(1).notes == notes
