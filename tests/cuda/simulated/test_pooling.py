"""Pooling on a GPU against its definition."""

import numpy as np
import pytest
from convolution_cases import Pooling, max_poolings, poolings
from hypothesis import example, given, settings
from hypothesis import strategies as st
from on_device import on_device, on_host, run

from tinyconv.backends import cuda, reference
from tinyconv.backends.cuda import max_pooling
from tinyconv.backends.cuda.arrays import is_aligned
from tinyconv.core.windows import adaptive_windows, sliding_windows

OVERLAPPING = Pooling((2, 17, 7, 8), (3, 3), (2, 2), (1, 1), (1, 1), ceil_mode=True, seed=1)
IN_FOURS = Pooling((2, 12, 5, 6), (3, 2), (2, 1), (1, 1), (1, 1), ceil_mode=False, seed=1)
LARGE = Pooling((1, 2, 18, 19), (17, 18), (2, 1), (8, 0), (1, 1), ceil_mode=False, seed=1)
FIRST_PIXELS_GO_BACK = Pooling((2, 3, 9, 9), (3, 3), (1, 1), (1, 1), (3, 3), ceil_mode=False, seed=1)


def cotangent(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=4)
@given(case=max_poolings)
@example(case=OVERLAPPING)
@example(case=IN_FOURS)
@example(case=LARGE)
@example(case=FIRST_PIXELS_GO_BACK)
def test_maxima_their_places_and_their_gradient_equal_the_definition(dtype, case):
    x, windows = case.values(dtype), case.windows()
    y, switches = run(cuda.max_pool2d, x, windows)
    expected, places = reference.max_pool2d(x, windows)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(switches, places)
    assert y.dtype == dtype
    dy = cotangent(y.shape, dtype, case.seed)
    dx = run(cuda.max_pool2d_gradient, dy, switches, windows)
    expected = reference.max_pool2d_gradient(dy, switches, windows)
    np.testing.assert_allclose(dx, expected, rtol=1e-12 if dtype == np.float64 else 1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("size", "outputs", "channels"), [((5, 7), (3, 9), 5), ((6, 4), (2, 2), 8), ((3, 1), (7, 1), 1)]
)
def test_adaptive_windows_equal_the_definition(dtype, size, outputs, channels):
    x = np.random.default_rng(0).integers(-2, 3, (2, channels, *size)).astype(dtype)
    x[0, 0, 1, 0] = np.nan
    windows = adaptive_windows(size, outputs)
    y, switches = run(cuda.max_pool2d, x, windows)
    expected, places = reference.max_pool2d(x, windows)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(switches, places)
    dy = cotangent(y.shape, dtype)
    for ours, exact in (
        (
            run(cuda.max_pool2d_gradient, dy, switches, windows),
            reference.max_pool2d_gradient(dy, switches, windows),
        ),
        (run(cuda.adaptive_avg_pool2d, x, outputs), reference.adaptive_avg_pool2d(x, outputs)),
        (run(cuda.adaptive_avg_pool2d_gradient, dy, size), reference.adaptive_avg_pool2d_gradient(dy, size)),
    ):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, exact, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-6)


def test_a_nan_is_larger_than_any_number_and_minus_infinities_point_into_their_window():
    x = np.zeros((1, 4, 4, 4), np.float32)
    x[0, 1, 1, 0] = np.nan
    x[0, 0, 0, 1] = np.inf
    x[0, 2] = -np.inf
    windows = sliding_windows((4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False)
    y, switches = run(cuda.max_pool2d, x, windows)
    assert np.isnan(y[0, :, 0, 0]).tolist() == [False, True, False, False]
    assert switches[0, :, 0, 0].tolist() == [1, 2, 0, 0]
    assert y[0, 0, 0, 0] == np.inf
    assert (switches[0, 2] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=4)
@given(case=poolings(), count_include_pad=st.booleans(), divisor=st.sampled_from([None, None, 3]))
@example(case=OVERLAPPING, count_include_pad=True, divisor=None)
@example(case=IN_FOURS, count_include_pad=False, divisor=None)
@example(case=LARGE, count_include_pad=True, divisor=None)
def test_averages_and_their_gradient_equal_the_definition(dtype, case, count_include_pad, divisor):
    window = (case.kernel_size, case.stride, case.padding, case.ceil_mode, count_include_pad, divisor)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    x = case.values(dtype)
    y = run(cuda.avg_pool2d, x, *window)
    np.testing.assert_allclose(y, reference.avg_pool2d(x, *window), rtol=tolerance, atol=tolerance)
    dy = cotangent(y.shape, dtype, case.seed)
    dx = run(cuda.avg_pool2d_gradient, dy, case.shape[2:], *window)
    expected = reference.avg_pool2d_gradient(dy, case.shape[2:], *window)
    np.testing.assert_allclose(dx, expected, rtol=tolerance, atol=tolerance)
    assert dx.dtype == y.dtype == dtype


def test_averages_of_large_windows_do_not_drift():
    x = np.random.default_rng(0).uniform(0.1, 1, (1, 4, 48, 48)).astype(np.float32)
    x[:, :, ::7] *= 1000
    exact = x.astype(np.float64).mean(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(run(cuda.adaptive_avg_pool2d, x, (1, 1)), exact, rtol=6e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 33, 2, 3), (2, 4, 1, 1)])
def test_indices_name_pixels_to_and_from_which_numbers_go_also_twice(dtype, shape):
    random = np.random.default_rng(0)
    indices = random.integers(0, 12, shape)
    dy, x = cotangent(shape, dtype), cotangent((*shape[:2], 3, 4), dtype, 1)
    np.testing.assert_array_equal(
        run(cuda.scatter_plane, dy, indices, (3, 4)), reference.scatter_plane(dy, indices, (3, 4))
    )
    np.testing.assert_array_equal(run(cuda.gather_plane, x, indices), reference.gather_plane(x, indices))


def test_more_vectors_than_32_bits_count_are_taken_some_images_at_a_time(monkeypatch):
    monkeypatch.setattr(max_pooling, "MOST_VECTORS", 40)
    x = cotangent((5, 8, 4, 4), np.float32)
    windows = sliding_windows((4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False)
    assert [(part.start, part.stop) for part in max_pooling.image_parts(5, 2 * 8)] == [(0, 2), (2, 4), (4, 6)]
    y, switches = run(cuda.max_pool2d, x, windows)
    np.testing.assert_array_equal(y, reference.max_pool2d(x, windows)[0])
    dx = run(cuda.max_pool2d_gradient, y, switches, windows)
    np.testing.assert_array_equal(dx, reference.max_pool2d_gradient(y, switches, windows))
    averages = run(cuda.adaptive_avg_pool2d, x, (2, 2))
    np.testing.assert_allclose(averages, reference.adaptive_avg_pool2d(x, (2, 2)), rtol=1e-6, atol=1e-7)
    spread = run(cuda.adaptive_avg_pool2d_gradient, y, (4, 4))
    np.testing.assert_allclose(spread, reference.adaptive_avg_pool2d_gradient(y, (4, 4)), rtol=1e-6)


def test_an_empty_batch_pools_to_an_empty_batch():
    x = np.empty((0, 3, 4, 4), np.float32)
    windows = sliding_windows((4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False)
    y, switches = run(cuda.max_pool2d, x, windows)
    assert y.shape == switches.shape == (0, 3, 2, 2)
    assert run(cuda.max_pool2d_gradient, y, switches, windows).shape == x.shape
    assert run(cuda.avg_pool2d, x, (2, 2), (2, 2), (0, 0), False, True, None).shape == (0, 3, 2, 2)
    assert run(cuda.adaptive_avg_pool2d, x, (1, 1)).shape == (0, 3, 1, 1)
    indices = switches.astype(np.int64)
    assert run(cuda.gather_plane, x, indices).shape == y.shape
    assert run(cuda.scatter_plane, y, indices, (4, 4)).shape == x.shape


def test_a_slice_that_begins_off_an_address_for_vectors_is_pooled_too():
    x = cotangent((5, 1, 3, 3), np.float32)
    windows = sliding_windows((3, 3), (2, 2), (1, 1), (0, 0), (1, 1), False)
    whole = on_device(x)
    part = whole[1:]
    assert not is_aligned(part)
    np.testing.assert_array_equal(on_host(cuda.max_pool2d(part, windows)[0]), reference.max_pool2d(x[1:], windows)[0])
    np.testing.assert_array_equal(on_host(cuda.relu(part)), np.maximum(x[1:], 0))
    cuda.add_relu(part, whole[:4])
    np.testing.assert_array_equal(on_host(part), np.maximum(x[1:] + x[:4], 0))
