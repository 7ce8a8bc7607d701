"""Normalisation: accuracy on wide inputs, running statistics, what samples do to each other, and mistakes."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.nn import functional as F

NORMALISATIONS = {
    "batch": lambda x: F.batch_norm(x, None, None, training=True),
    "group": lambda x: F.group_norm(x, 3),
    "instance": F.instance_norm,
    "whole images": lambda x: F.layer_norm(x, x.shape[1:]),
    "planes": lambda x: F.layer_norm(x, x.shape[2:]),
    "root mean square": lambda x: F.rms_norm(x, x.shape[1:]),
    "response": lambda x: F.local_response_norm(x, 3),
    "length": F.normalize,
}


@pytest.mark.parametrize("normalise", NORMALISATIONS.values(), ids=NORMALISATIONS)
def test_float32_loses_no_digits_where_the_mean_is_ten_thousand_deviations(normalise):
    """What remains is the rounding of the result itself; forming x scale + shift would lose four digits."""
    generator = np.random.default_rng(0)
    values = (generator.standard_normal((6, 9, 11, 12)) + 1e4).astype(np.float32)
    cotangent = generator.standard_normal(values.shape)
    results = []
    for dtype in (tc.float32, tc.float64):
        x = tc.tensor(values, dtype=dtype, requires_grad=True)
        y = normalise(x)
        y.backward(tc.tensor(cotangent, dtype=dtype))
        results.append((y.array, x.grad.array))
    for single, double in zip(*results, strict=True):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=0, atol=1e-6 * abs(double).max())


@pytest.mark.parametrize("normalise", [*NORMALISATIONS.values()][1:], ids=[*NORMALISATIONS][1:])
def test_a_sample_is_normalised_alike_whatever_the_batch_holds_beside_it(normalise):
    x = np.random.default_rng(0).standard_normal((4, 6, 5, 3))
    together = normalise(tc.tensor(x)).array
    for image in range(4):
        np.testing.assert_allclose(normalise(tc.tensor(x[image : image + 1])).array[0], together[image], atol=1e-13)


def test_the_extremes_of_group_normalisation_are_layer_and_instance_normalisation():
    x = tc.tensor(np.random.default_rng(0).standard_normal((2, 6, 5, 3)))
    np.testing.assert_allclose(F.group_norm(x, 1).array, F.layer_norm(x, (6, 5, 3)).array, atol=1e-13)
    np.testing.assert_allclose(F.group_norm(x, 6).array, F.instance_norm(x).array, atol=1e-13)


def test_layer_norm_takes_images_in_any_memory_order_and_its_weight_in_the_logical_one():
    generator = np.random.default_rng(0)
    values, weight = generator.standard_normal((2, 3, 4, 5)), generator.standard_normal((3, 4, 5))
    plain = values.reshape(2, -1)
    expected = (plain - plain.mean(1, keepdims=True)) / np.sqrt(plain.var(1, keepdims=True) + 1e-5)
    expected = expected.reshape(values.shape) * weight
    for order in ("C", "F"):
        y = F.layer_norm(tc.Tensor(np.array(values, order=order)), (3, 4, 5), tc.tensor(weight))
        np.testing.assert_allclose(y.array, expected, atol=1e-12)
    permuted = tc.tensor(values).permute(0, 2, 3, 1)
    y = F.layer_norm(permuted, (3,)).array
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-12)


def test_instance_norm_tracks_the_averages_over_the_batch():
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 5)) * 3 + 1
    layer = nn.InstanceNorm2d(2, momentum=0.25, track_running_stats=True, dtype=tc.float64)
    layer(tc.tensor(x))
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.25 * x.mean((2, 3)).mean(0))
    np.testing.assert_allclose(layer.running_var.numpy(), 0.75 + 0.25 * x.var((2, 3), ddof=1).mean(0))
    mean, variance = layer.running_mean.numpy()[:, None, None], layer.running_var.numpy()[:, None, None]
    y = layer.eval()(tc.tensor(x)).numpy()
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-12)


def test_an_instance_norm_made_for_other_channels_warns_where_it_does_not_matter():
    with pytest.warns(UserWarning, match="InstanceNorm1d: input .2, 4, 5. has 4 channels, num_features=3"):
        y = nn.InstanceNorm1d(3)(tc.rand(2, 4, 5))
    assert y.shape == (2, 4, 5)


def test_a_window_of_channels_that_is_even_reaches_further_down():
    x = np.zeros((1, 5, 1))
    x[0, 2] = 1.0
    x[0, :, 0] += 1e-9
    y = F.local_response_norm(tc.tensor(x), 4, alpha=4.0, beta=1.0, k=1.0).array[0, :, 0] / x[0, :, 0]
    # Channel c sees c - 2 ... c + 1: the large one is seen by channels 1 to 4.
    np.testing.assert_allclose(y, [1.0, 0.5, 0.5, 0.5, 0.5], atol=1e-8)


def test_vectors_of_zeros_stay_zero_and_their_gradient_is_finite():
    x = tc.zeros(2, 3, requires_grad=True)
    y = F.normalize(x)
    y.sum().backward()
    assert not y.array.any()
    assert np.isfinite(x.grad.array).all()


def test_an_empty_batch_passes_what_needs_no_batch():
    x = tc.zeros(0, 4, 3, 3, requires_grad=True)
    for y in (F.group_norm(x, 2), F.instance_norm(x), F.layer_norm(x, (3,)), F.local_response_norm(x, 3)):
        assert y.shape == (0, 4, 3, 3)
        y.sum().backward()
    assert x.grad.shape == (0, 4, 3, 3)


IMAGES = tc.zeros(2, 6, 3, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.group_norm(IMAGES, 4),
            ShapeError,
            r"group_norm: 6 channels of input \(2, 6, 3, 3\) cannot .* 6 % 4 = 2",
        ),
        (lambda: F.group_norm(IMAGES, 0), ArgumentError, "group_norm: num_groups must be an int of at least 1, got 0"),
        (lambda: F.group_norm(tc.zeros(1, 2), 2), ShapeError, "group_norm: a group needs more than one value"),
        (lambda: F.group_norm(tc.zeros(6), 2), ShapeError, "group_norm: input must have a batch and channels"),
        (lambda: F.instance_norm(tc.zeros(2, 6, 1)), ShapeError, r"instance_norm: .* input \(2, 6, 1\) has 1"),
        (lambda: F.instance_norm(IMAGES, tc.zeros(6)), ArgumentError, "running_mean and running_var belong together"),
        (
            lambda: F.instance_norm(IMAGES, use_input_stats=False),
            ArgumentError,
            "it needs running_mean and running_var",
        ),
        (
            lambda: F.layer_norm(IMAGES, (3, 2)),
            ShapeError,
            r"the last 2 sizes of input \(2, 6, 3, 3\) are not .* \(3, 2\)",
        ),
        (lambda: F.layer_norm(IMAGES, ()), ArgumentError, "normalized_shape must be the sizes of one or more"),
        (
            lambda: F.layer_norm(IMAGES, (3,), tc.ones(2)),
            ShapeError,
            r"weight must have the shape .*\(3,\), got \(2,\)",
        ),
        (
            lambda: F.layer_norm(IMAGES, (3,), eps=-1.0),
            ArgumentError,
            "layer_norm: eps must be at least 0, got -1.0",
        ),
        (
            lambda: F.local_response_norm(tc.zeros(2, 3), 2),
            ShapeError,
            r"must have channels and pixels, .* shape \(2, 3\)",
        ),
        (lambda: F.local_response_norm(IMAGES, 0), ArgumentError, "size counts channels, .* got 0"),
        (
            lambda: F.batch_norm(IMAGES, None, None, training=True, eps=-1.0),
            ArgumentError,
            "batch_norm: eps must be at least 0",
        ),
        (
            lambda: nn.BatchNorm1d(6)(IMAGES),
            ShapeError,
            r"BatchNorm1d: expected 2-D or 3-D input \(N, C\) or \(N, C, L\)",
        ),
        (
            lambda: nn.GroupNorm(2, 4)(IMAGES),
            ShapeError,
            r"GroupNorm: input \(2, 6, 3, 3\) has 6 channels, num_channels=4",
        ),
        (lambda: nn.InstanceNorm2d(3, affine=True)(IMAGES), ShapeError, "has 6 channels, num_features=3"),
    ],
)
def test_mistakes_are_named_with_their_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
