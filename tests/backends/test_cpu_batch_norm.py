"""Batch normalisation and what is fused with it, on the processor against the definition."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu import parallel
from tinyconv.core import layout
from tinyconv.core.windows import sliding_windows

# Channels that fill vectors, that do not, and more than the factors are repeated for; enough pixels for several pieces.
shapes = st.tuples(st.integers(1, 5), st.sampled_from([1, 3, 16, 17, 64, 600]), st.integers(1, 9), st.integers(2, 9))
LARGE = (3, 24, 33, 35)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def normal(shape, dtype, seed):
    return layout.copy(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def assert_close(ours, expected, tolerance):
    for one, other in zip(ours, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * max(1.0, float(abs(other).max())))


@dtypes
@settings(max_examples=25)
@given(
    shape=shapes,
    affine=st.booleans(),
    fixed=st.booleans(),
    follows=st.sampled_from(["nothing", "relu", "residual"]),
    seed=st.integers(0, 2**32 - 1),
)
@example(shape=LARGE, affine=True, fixed=False, follows="nothing", seed=1)
@example(shape=LARGE, affine=True, fixed=False, follows="relu", seed=1)
@example(shape=LARGE, affine=False, fixed=True, follows="residual", seed=1)
def test_batch_norm_and_its_gradient_equal_the_definition(dtype, shape, affine, fixed, follows, seed):
    tolerance = 5e-5 if dtype == np.float32 else 1e-11
    x, dy, residual = (normal(shape, dtype, seed + i) for i in range(3))
    weight, bias, mean = (normal((shape[1],), dtype, seed + i) for i in range(3))
    parameters = (weight, bias) if affine else (None, None)
    statistics = (mean.astype(np.float64), np.abs(mean) + 0.5) if fixed else None
    added, relu = residual if follows == "residual" else None, follows != "nothing"
    result = cpu.batch_norm(x, *parameters, 0.1, statistics, added, relu)
    assert layout.is_engine_order(result[0])
    assert_close(result, reference.batch_norm(x, *parameters, 0.1, statistics, added, relu), tolerance)
    y = result[0] if follows == "residual" else None
    arguments = (dy, x, *parameters, 0.1, result[1:], fixed, y, relu)
    assert_close(cpu.batch_norm_gradient(*arguments), reference.batch_norm_gradient(*arguments), tolerance)


@dtypes
@settings(max_examples=25)
@given(
    shape=shapes,
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    gap=st.integers(0, 1),
    ceil_mode=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@example(shape=LARGE, kernel=(2, 2), gap=0, ceil_mode=False, seed=1)
def test_pooled_batch_norm_and_its_gradient_equal_the_definition(dtype, shape, kernel, gap, ceil_mode, seed):
    tolerance = 5e-5 if dtype == np.float32 else 1e-11
    size = (max(shape[2], kernel[0]), max(shape[3], kernel[1]))
    windows = sliding_windows(size, kernel, (kernel[0] + gap, kernel[1]), (kernel[0] // 2, 0), (1, 1), ceil_mode)
    assert not windows.overlap
    x = normal((*shape[:2], *size), dtype, seed)
    weight, bias = (normal((shape[1],), dtype, seed + i) for i in range(2))
    weight[::3] = 0
    result = cpu.batch_norm_max_pool2d(x, weight, bias, 0.1, windows)
    expected = reference.batch_norm_max_pool2d(x, weight, bias, 0.1, windows)
    np.testing.assert_array_equal(result[1], expected[1])
    assert_close((result[0], *result[2:]), (expected[0], *expected[2:]), tolerance)
    assert layout.is_engine_order(result[0])
    dy = normal(result[0].shape, dtype, seed + 3)
    arguments = (dy, x, *result[1:3], weight, bias, 0.1, result[3:], windows)
    assert_close(
        cpu.batch_norm_max_pool2d_gradient(*arguments),
        reference.batch_norm_max_pool2d_gradient(*arguments),
        tolerance,
    )


def test_the_variance_survives_a_mean_a_thousand_times_larger():
    x = layout.copy(normal((64, 3, 64, 64), np.float32, 0) + np.float32(1000))
    _, mean, variance = cpu.batch_norm(x, None, None, 0.0, None, None, False)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=(0, 2, 3)), rtol=1e-9)
    np.testing.assert_allclose(variance, exact.var(axis=(0, 2, 3)), rtol=1e-6)


def test_a_constant_channel_has_no_variance():
    _, _, variance = cpu.batch_norm(np.full((4, 2, 50, 50), 0.1, np.float32), None, None, 1.0, None, None, False)
    assert variance.tolist() == [0.0, 0.0]


def test_a_nan_spoils_its_own_channel_only_and_passes_the_rectifier():
    x = normal((2, 3, 4, 4), np.float32, 0)
    x[1, 1, 2, 3] = np.nan
    windows = sliding_windows((4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False)
    for y in (
        cpu.batch_norm(x, None, None, 1e-5, None, None, True)[0],
        cpu.batch_norm_max_pool2d(x, None, None, 1e-5, windows)[0],
    ):
        assert np.isnan(y).all(axis=(0, 2, 3)).tolist() == [False, True, False]
        assert np.isnan(y).any(axis=(0, 2, 3)).tolist() == [False, True, False]


def test_infinite_numbers_make_nan_not_an_error():
    x = np.full((4, 2, 8, 8), np.inf, np.float32)
    y, mean, variance = cpu.batch_norm(x, None, None, 1e-5, None, None, False)
    assert np.isinf(mean).all()
    assert np.isnan(variance).all()
    assert np.isnan(y).all()


def test_the_number_of_threads_does_not_change_a_bit(threads):
    x, dy = normal((5, 19, 32, 30), np.float32, 0), normal((5, 19, 32, 30), np.float32, 1)
    windows = sliding_windows((32, 30), (2, 2), (2, 2), (0, 0), (1, 1), False)
    results = []
    for count in (1, parallel.max_threads()):
        threads(count)
        whole = cpu.batch_norm(x, None, None, 1e-5, None, dy, True)
        pooled = cpu.batch_norm_max_pool2d(x, None, None, 1e-5, windows)
        small = np.ascontiguousarray(dy[:, :, ::2, ::2])
        results.append(
            (
                *whole,
                *cpu.batch_norm_gradient(dy, x, None, None, 1e-5, whole[1:], False, None, True),
                *pooled,
                *cpu.batch_norm_max_pool2d_gradient(small, x, *pooled[1:3], None, None, 1e-5, pooled[3:], windows),
            )
        )
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)
