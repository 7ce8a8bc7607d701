"""Normalisation over channels on a GPU against its definitions."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from on_device import run

from tinyconv.backends import cuda, reference
from tinyconv.core import layout
from tinyconv.core.windows import sliding_windows

# Channels in fours and not, more than a block has lanes, one; rows that fill a block's lines, and those that do not.
shapes = st.tuples(st.integers(1, 3), st.sampled_from([1, 3, 5, 8, 20]), st.integers(1, 4), st.integers(2, 5))
SEVERAL_PIECES = (2, 3, 9, 7)
SEVERAL_IN_FOURS = (3, 8, 5, 5)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def normal(shape, dtype, seed):
    return layout.copy(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def assert_close(ours, expected, tolerance):
    for one, other in zip(ours, expected, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        largest = float(np.abs(other).max(initial=1.0))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * largest)


@dtypes
@settings(max_examples=3)
@given(shape=shapes, per_image=st.booleans(), seed=st.integers(0, 99))
@example(shape=SEVERAL_PIECES, per_image=False, seed=1)
@example(shape=SEVERAL_IN_FOURS, per_image=True, seed=1)
def test_every_pass_over_channels_equals_its_definition(dtype, shape, per_image, seed):
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    x, dy = normal(shape, dtype, seed), normal(shape, dtype, seed + 1)
    sets = shape[0] if per_image else 1
    mean, scale, other, shift = normal((4, sets, shape[1]), np.float64, seed + 2)
    for name, arguments in (
        ("channel_moments", (x, sets)),
        ("channel_products", (dy, x, mean)),
    ):
        assert_close(run(getattr(cuda, name), *arguments), getattr(reference, name)(*arguments), 10 * tolerance)
    for name, arguments in (
        ("channel_affine", (x, mean, scale, shift)),
        ("channel_combination", (dy, x, mean, scale, other, shift)),
        ("channel_sum", (x,)),
    ):
        ours = run(getattr(cuda, name), *arguments)
        assert_close((ours,), (getattr(reference, name)(*arguments),), 10 * tolerance)


@dtypes
@settings(max_examples=3)
@given(
    shape=shapes,
    affine=st.booleans(),
    fixed=st.booleans(),
    follows=st.sampled_from(["nothing", "relu", "residual"]),
    seed=st.integers(0, 99),
)
@example(shape=SEVERAL_PIECES, affine=True, fixed=False, follows="relu", seed=1)
@example(shape=SEVERAL_IN_FOURS, affine=False, fixed=False, follows="residual", seed=1)
@example(shape=(2, 4, 3, 3), affine=True, fixed=True, follows="residual", seed=1)
def test_batch_norm_and_its_gradient_equal_the_definition(dtype, shape, affine, fixed, follows, seed):
    tolerance = 5e-5 if dtype == np.float32 else 1e-11
    x, dy, residual = (normal(shape, dtype, seed + i) for i in range(3))
    weight, bias, mean = (normal((shape[1],), dtype, seed + i) for i in range(3))
    parameters = (weight, bias) if affine else (None, None)
    statistics = (mean.astype(np.float64), np.abs(mean).astype(np.float64) + 0.5) if fixed else None
    added, relu = residual if follows == "residual" else None, follows != "nothing"
    result = run(cuda.batch_norm, x, *parameters, 0.1, statistics, added, relu)
    assert_close(result, reference.batch_norm(x, *parameters, 0.1, statistics, added, relu), tolerance)
    y = result[0] if follows == "residual" else None
    arguments = (dy, x, *parameters, 0.1, result[1:], fixed, y, relu)
    assert_close(run(cuda.batch_norm_gradient, *arguments), reference.batch_norm_gradient(*arguments), tolerance)


@dtypes
@pytest.mark.parametrize(
    ("shape", "kernel", "gap", "ceil_mode"),
    [((2, 5, 7, 6), (2, 2), 0, True), ((2, 8, 5, 5), (2, 1), 1, False), ((1, 4, 3, 4), (3, 2), 0, False)],
)
def test_pooled_batch_norm_and_its_gradient_equal_the_definition(dtype, shape, kernel, gap, ceil_mode):
    tolerance = 5e-5 if dtype == np.float32 else 1e-11
    windows = sliding_windows(shape[2:], kernel, (kernel[0] + gap, kernel[1]), (0, 0), (1, 1), ceil_mode)
    x = normal(shape, dtype, 1)
    weight, bias = (normal((shape[1],), dtype, 2 + i) for i in range(2))
    weight[::3] = 0
    result = run(cuda.batch_norm_max_pool2d, x, weight, bias, 0.1, windows)
    expected = reference.batch_norm_max_pool2d(x, weight, bias, 0.1, windows)
    np.testing.assert_array_equal(result[1], expected[1])
    assert_close((result[0], *result[2:]), (expected[0], *expected[2:]), tolerance)
    dy = normal(result[0].shape, dtype, 4)
    arguments = (dy, x, *result[1:3], weight, bias, 0.1, result[3:], windows)
    assert_close(
        run(cuda.batch_norm_max_pool2d_gradient, *arguments),
        reference.batch_norm_max_pool2d_gradient(*arguments),
        tolerance,
    )


def test_the_variance_survives_a_mean_a_thousand_times_larger():
    x = layout.copy(normal((2, 4, 9, 9), np.float32, 0) + np.float32(1000))
    exact = x.astype(np.float64)
    for mean, variance in (
        run(cuda.channel_moments, x, 1),
        run(cuda.batch_norm, x, None, None, 0.0, None, None, False)[1:],
    ):
        np.testing.assert_allclose(mean.ravel(), exact.mean(axis=(0, 2, 3)), rtol=1e-9)
        np.testing.assert_allclose(variance.ravel(), exact.var(axis=(0, 2, 3)), rtol=1e-6)


def test_what_rounding_a_mean_loses_comes_back():
    x = np.full((1, 1, 4, 4), 1e6, np.float32)
    mean, one, zero = np.full((1, 1), 1e6 + 0.01), np.ones((1, 1)), np.zeros((1, 1))
    np.testing.assert_allclose(run(cuda.channel_affine, x, mean, one, zero), -0.01, rtol=1e-6)
    _, products = run(cuda.channel_products, np.ones_like(x), x, mean)
    np.testing.assert_allclose(products, -0.16, rtol=1e-6)
    np.testing.assert_allclose(run(cuda.channel_combination, x, x, mean, zero, one, zero), -0.01, rtol=1e-6)
    statistics = mean[0], one[0]
    y = run(cuda.batch_norm, x, None, None, 0.0, statistics, None, False)[0]
    np.testing.assert_allclose(y, -0.01, rtol=1e-6)
    _, dweight, _, _ = run(cuda.batch_norm_gradient, np.ones_like(x), x, None, None, 0.0, statistics, True, None, False)
    np.testing.assert_allclose(dweight, -0.16, rtol=1e-6)


def test_a_nan_spoils_its_own_channel_and_set_only_and_passes_the_rectifier():
    x = normal((2, 3, 4, 4), np.float32, 0)
    x[1, 1, 2, 3] = np.nan
    mean, variance = run(cuda.channel_moments, x, 2)
    assert np.isnan(mean).tolist() == np.isnan(variance).tolist() == [[False, False, False], [False, True, False]]
    assert np.isnan(run(cuda.channel_sum, x)).tolist() == [False, True, False]
    windows = sliding_windows((4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False)
    for y in (
        run(cuda.batch_norm, x, None, None, 1e-5, None, None, True)[0],
        run(cuda.batch_norm_max_pool2d, x, None, None, 1e-5, windows)[0],
    ):
        assert np.isnan(y).all(axis=(0, 2, 3)).tolist() == np.isnan(y).any(axis=(0, 2, 3)).tolist()
        assert np.isnan(y).any(axis=(0, 2, 3)).tolist() == [False, True, False]


def test_infinite_numbers_make_nan_not_an_error():
    x = np.full((2, 2, 4, 4), np.inf, np.float32)
    ones = np.ones((1, 2))
    y, mean, variance = run(cuda.batch_norm, x, None, None, 1e-5, None, None, False)
    assert np.isinf(mean).all()
    assert np.isnan(variance).all()
    assert np.isnan(y).all()
    assert np.isnan(run(cuda.channel_affine, x, mean[None], ones, ones)).all()
    large = np.full((2, 2, 4, 4), 3e38, np.float32)
    assert np.isinf(run(cuda.channel_sum, large)).all()


def test_a_constant_channel_has_no_variance():
    x = np.full((2, 2, 5, 5), 0.1, np.float32)
    assert run(cuda.batch_norm, x, None, None, 1.0, None, None, False)[2].tolist() == [0.0, 0.0]


def test_an_empty_batch_normalises_to_an_empty_batch():
    x, vector = np.empty((0, 3, 4, 4), np.float32), np.ones((1, 3))
    assert run(cuda.channel_affine, x, vector, vector, vector).shape == x.shape
    assert run(cuda.channel_combination, x, x, vector, vector, vector, vector).shape == x.shape
    sums, products = run(cuda.channel_products, x, x, vector)
    assert not sums.any()
    assert not products.any()
    assert not run(cuda.channel_sum, x).any()
    assert run(cuda.batch_norm, x, None, None, 0.1, (vector[0], vector[0]), None, True)[0].shape == x.shape
    assert run(cuda.channel_sum, np.empty((5, 0, 1, 1), np.float32)).shape == (0,)
