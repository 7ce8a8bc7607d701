"""Max pooling as TensorFlow pads it, against its definition in loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv.autograd import gradcheck
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.layout import is_engine_order
from tinyconv.models.same_pooling import SameMaxPool2d


def defined(x, kernel, stride):
    """From the documentation: the number of windows, then the margin, then the maxima."""
    (kh, kw), (sh, sw) = kernel, stride
    height, width = x.shape[2:]
    rows, columns = -(-height // sh), -(-width // sw)
    top = max((rows - 1) * sh + kh - height, 0) // 2
    left = max((columns - 1) * sw + kw - width, 0) // 2
    y = np.empty((*x.shape[:2], rows, columns), x.dtype)
    for i in range(rows):
        for j in range(columns):
            first, beside = i * sh - top, j * sw - left
            y[:, :, i, j] = x[:, :, max(first, 0) : first + kh, max(beside, 0) : beside + kw].max((2, 3))
    return y


sides = st.tuples(st.integers(1, 9), st.integers(1, 9))
small = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(sides, small, small, st.randoms(use_true_random=False))
def test_it_is_what_the_definition_says(size, kernel, stride, random):
    x = np.random.default_rng(random.randrange(1000)).normal(size=(2, 3, *size))
    expected = defined(x, kernel, stride)
    found = SameMaxPool2d(kernel, stride)(tc.tensor(x))
    np.testing.assert_array_equal(found.numpy(), expected, strict=True)


def test_the_gradient_goes_to_the_largest_pixel():
    x = tc.tensor(np.random.default_rng(0).permutation(60).reshape(1, 3, 4, 5) / 7.0, requires_grad=True)
    for kernel, stride in ((3, 2), (2, 2), (2, 1)):
        pool = SameMaxPool2d(kernel, stride)
        assert gradcheck(pool, (x,))
        assert is_engine_order(pool(x).array)


def test_impossible_numbers_are_refused():
    with pytest.raises(ArgumentError, match="SameMaxPool2d: kernel_size"):
        SameMaxPool2d(0)
    with pytest.raises(ShapeError, match=r"SameMaxPool2d: takes images \(N, C, H, W\)"):
        SameMaxPool2d(2)(tc.ones(3, 3))
