"""The kernels of augmentation against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.core import layout

sizes = st.tuples(st.integers(0, 4), st.sampled_from([1, 3, 4]), st.integers(1, 6), st.integers(1, 7))


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**40), st.integers(0, 9))
def test_numbers_are_numpys(seed, stream, low, count):
    samples = np.array([0, 5, 2**50])
    numbers = cpu.uniform_rows(seed, stream, low, samples, count)
    np.testing.assert_array_equal(numbers, reference.uniform_rows(seed, stream, low, samples, count))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(sizes, st.integers(0, 2**32), st.booleans())
def test_pixels_are_picked_by_row_and_column(dtype, size, seed, ordered):
    random = np.random.default_rng(seed)
    images = random.random(size).astype(dtype)
    rows = random.integers(-1, size[2], (size[0], 5))
    columns = random.integers(-1, size[3], (size[0], 3))
    result = cpu.picked(layout.ordered(images) if ordered else images, rows, columns)
    np.testing.assert_array_equal(result, reference.picked(images, rows, columns))
    assert layout.is_engine_order(result)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-12)])
@given(size=sizes, seed=st.integers(0, 2**32))
def test_a_warp_interpolates_between_pixels(dtype, tolerance, size, seed):
    random = np.random.default_rng(seed)
    images = random.random(size).astype(dtype)
    matrices = np.eye(2) + 0.5 * random.standard_normal((size[0], 2, 2))
    result = cpu.warped(images, matrices)
    np.testing.assert_allclose(result, reference.warped(images, matrices), atol=tolerance)
    assert result.dtype == dtype
