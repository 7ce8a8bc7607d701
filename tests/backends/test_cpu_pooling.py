"""Pooling on the processor against its definition."""

import numpy as np
import pytest
from convolution_cases import Pooling, max_poolings, poolings
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu import parallel
from tinyconv.core import layout
from tinyconv.core.windows import adaptive_windows, sliding_windows

OVERLAPPING = Pooling((2, 17, 7, 8), (3, 3), (2, 2), (1, 1), (1, 1), ceil_mode=True, seed=1)
LARGE = Pooling((1, 2, 20, 19), (17, 18), (2, 1), (8, 0), (1, 1), ceil_mode=False, seed=1)
FIRST_PIXELS_GO_BACK = Pooling((2, 3, 9, 9), (3, 3), (1, 1), (1, 1), (3, 3), ceil_mode=False, seed=1)


def cotangent(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=30)
@given(case=max_poolings)
@example(case=OVERLAPPING)
@example(case=LARGE)
def test_maxima_and_their_places_equal_the_definition(dtype, case):
    x, windows = case.values(dtype), case.windows()
    y, switches = cpu.max_pool2d(x, windows)
    expected, places = reference.max_pool2d(x, windows)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(switches, places)
    assert switches.dtype == (np.uint8 if windows.taps <= 256 else np.uint32)
    assert y.dtype == dtype
    assert layout.is_engine_order(y)
    assert layout.is_engine_order(switches)


@settings(max_examples=30)
@given(case=max_poolings)
@example(case=OVERLAPPING)
@example(case=LARGE)
@example(case=FIRST_PIXELS_GO_BACK)
def test_the_gradient_of_maxima_goes_to_their_places(case):
    windows = case.windows()
    _, switches = cpu.max_pool2d(case.values(), windows)
    dy = cotangent(switches.shape, np.float64, case.seed)
    dx = cpu.max_pool2d_gradient(dy, switches, windows)
    np.testing.assert_allclose(dx, reference.max_pool2d_gradient(dy, switches, windows), rtol=1e-12, atol=1e-12)
    indices = windows.indices(switches)
    np.testing.assert_allclose(dx, cpu.scatter_plane(dy, indices, windows.size), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(
        cpu.scatter_plane(dy, indices, windows.size), reference.scatter_plane(dy, indices, windows.size)
    )
    gathered = cpu.gather_plane(case.values(), indices)
    np.testing.assert_array_equal(gathered, reference.gather_plane(case.values(), indices))


def maxima_of_squares(x):
    """Of 2 x 2 pixels each: the maxima, and where they are."""
    windows = sliding_windows(x.shape[2:], (2, 2), (2, 2), (0, 0), (1, 1), False)
    y, switches = cpu.max_pool2d(x, windows)
    return y, windows.indices(switches)


def test_a_nan_is_larger_than_any_number():
    x = np.zeros((1, 2, 4, 4), np.float32)
    x[0, 1, 1, 0] = np.nan
    x[0, 0, 0, 1] = np.inf
    y, indices = maxima_of_squares(x)
    assert np.isnan(y).tolist() == [[[[False, False], [False, False]], [[True, False], [False, False]]]]
    assert indices[0, 1, 0, 0] == 4
    assert (y[0, 0, 0, 0], indices[0, 0, 0, 0]) == (np.inf, 1)


def test_a_window_of_minus_infinities_points_into_the_window():
    x = np.full((1, 1, 4, 4), -np.inf, np.float32)
    _, indices = maxima_of_squares(x)
    assert indices.ravel().tolist() == [0, 2, 8, 10]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=30)
@given(case=poolings(), count_include_pad=st.booleans(), divisor=st.sampled_from([None, None, 3]))
@example(case=OVERLAPPING, count_include_pad=True, divisor=None)
def test_averages_and_their_gradient_equal_the_definition(dtype, case, count_include_pad, divisor):
    window = (case.kernel_size, case.stride, case.padding, case.ceil_mode, count_include_pad, divisor)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    x = case.values(dtype)
    y = cpu.avg_pool2d(x, *window)
    np.testing.assert_allclose(y, reference.avg_pool2d(x, *window), rtol=tolerance, atol=tolerance)
    dy = cotangent(y.shape, dtype, case.seed)
    dx = cpu.avg_pool2d_gradient(dy, case.shape[2:], *window)
    expected = reference.avg_pool2d_gradient(dy, case.shape[2:], *window)
    np.testing.assert_allclose(dx, expected, rtol=tolerance, atol=tolerance)
    assert dx.dtype == y.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=30)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    outputs=st.tuples(st.integers(1, 11), st.integers(1, 5)),
    channels=st.sampled_from([1, 17]),
    seed=st.integers(0, 99),
)
def test_adaptive_maxima_and_their_places_equal_the_definition(dtype, size, outputs, channels, seed):
    x = np.random.default_rng(seed).integers(-2, 3, (2, channels, *size)).astype(dtype)
    x[0, 0, seed % size[0], seed % size[1]] = np.nan
    windows = adaptive_windows(size, outputs)
    y, switches = cpu.max_pool2d(x, windows)
    expected, places = reference.max_pool2d(x, windows)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(switches, places)
    assert y.dtype == dtype
    assert layout.is_engine_order(y)


@settings(max_examples=30)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    outputs=st.tuples(st.integers(1, 11), st.integers(1, 5)),
    channels=st.sampled_from([1, 17]),
)
def test_adaptive_averages_and_their_gradient_equal_the_definition(size, outputs, channels):
    x = cotangent((2, channels, *size), np.float64)
    y = cpu.adaptive_avg_pool2d(x, outputs)
    np.testing.assert_allclose(y, reference.adaptive_avg_pool2d(x, outputs), rtol=1e-12, atol=1e-12)
    dy = cotangent(y.shape, np.float64, 1)
    dx = cpu.adaptive_avg_pool2d_gradient(dy, size)
    np.testing.assert_allclose(dx, reference.adaptive_avg_pool2d_gradient(dy, size), rtol=1e-12, atol=1e-12)


def test_the_number_of_threads_does_not_change_a_bit_of_overlapping_gradients(threads):
    case = Pooling((1, 64, 20, 20), (3, 3), (1, 1), (1, 1), (1, 1), ceil_mode=False, seed=3)
    window = (case.kernel_size, case.stride, case.padding, False)
    _, switches = cpu.max_pool2d(case.values(np.float32), case.windows())
    dy = cotangent(switches.shape, np.float32)
    results = []
    for count in (1, parallel.max_threads()):
        threads(count)
        average = cpu.avg_pool2d_gradient(dy, (20, 20), *window, True, None)
        results.append((cpu.max_pool2d_gradient(dy, switches, case.windows()), average))
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_an_empty_batch_pools_to_an_empty_batch():
    x = np.empty((0, 3, 4, 4), np.float32)
    windows = sliding_windows((4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False)
    y, switches = cpu.max_pool2d(x, windows)
    assert y.shape == switches.shape == (0, 3, 2, 2)
    assert cpu.max_pool2d_gradient(y, switches, windows).shape == x.shape
    assert cpu.avg_pool2d(x, (2, 2), (2, 2), (0, 0), False, True, None).shape == (0, 3, 2, 2)
    assert cpu.adaptive_avg_pool2d(x, (1, 1)).shape == (0, 3, 1, 1)


def test_averages_of_large_windows_do_not_drift():
    """A quarter of a million float32 numbers added one by one would be off by percents."""
    x = layout.copy(np.random.default_rng(0).uniform(0.1, 1, (1, 2, 512, 512)).astype(np.float32))
    exact = x.astype(np.float64).mean(axis=(2, 3), keepdims=True)
    for y in (
        cpu.adaptive_avg_pool2d(x, (1, 1)),
        cpu.avg_pool2d(x, (512, 512), (1, 1), (0, 0), False, True, None),
    ):
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, exact, rtol=1e-6)
    constant = np.full((1, 1, 512, 512), 0.1, np.float32)
    np.testing.assert_array_equal(cpu.adaptive_avg_pool2d(constant, (1, 1)), constant[:, :, :1, :1])


def test_averages_of_small_windows_are_exact_to_rounding():
    x = layout.copy(np.random.default_rng(0).uniform(0.1, 1, (2, 5, 24, 24)).astype(np.float32))
    y = cpu.avg_pool2d(x, (4, 4), (4, 4), (0, 0), False, True, None)
    exact = x.astype(np.float64).reshape(2, 5, 6, 4, 6, 4).mean(axis=(3, 5))
    np.testing.assert_allclose(y, exact, rtol=1e-6)
