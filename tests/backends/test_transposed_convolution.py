"""The input gradient as a layer of its own: with a bias, and of any size that a transposed convolution can have."""

import numpy as np
import pytest
from convolution_cases import Convolution, convolutions
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.core import layout
from tinyconv.core.geometry import transposed_size

EPSILON = float(np.finfo(np.float32).eps)


def sizes_of(case, extra):
    """The result's size, from dy of the case's own size, and no smaller than one pixel."""
    axes = zip(case.output_size, case.kernel_size, case.stride, case.padding, case.dilation, extra, strict=True)
    return tuple(max(1, transposed_size(*axis)) for axis in axes)


def bias_of(case, dtype=np.float64):
    return np.random.default_rng(case.seed + 1).standard_normal(case.groups * case.channels).astype(dtype)


DEPTHWISE = Convolution(2, 5, 1, 2, (5, 4), (3, 3), (2, 1), (1, 1), (1, 1))
POINTWISE = Convolution(2, 1, 17, 18, (2, 3), (1, 1), (1, 1), (0, 0), (1, 1))
STRIDE_BEYOND_KERNEL = Convolution(1, 1, 2, 3, (9, 9), (1, 2), (3, 3), (0, 1), (1, 1))


@settings(max_examples=30)
@given(convolutions(), st.tuples(st.integers(0, 2), st.integers(0, 2)))
@example(DEPTHWISE, (0, 0))
@example(POINTWISE, (0, 0))
@example(STRIDE_BEYOND_KERNEL, (2, 2))
def test_a_transposed_convolution_with_bias_agrees_with_the_definition(case, extra):
    _, weight, _, dy = case.arrays()
    size, bias = sizes_of(case, extra), bias_of(case)
    ours = cpu.conv2d_input_gradient(dy, weight, size, *case.parameters, bias)
    expected = reference.conv2d_input_gradient(dy, weight, size, *case.parameters, bias)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)
    assert layout.is_engine_order(ours)


@settings(max_examples=20)
@given(convolutions())
@example(DEPTHWISE)
@example(STRIDE_BEYOND_KERNEL)
def test_in_float32_it_stays_within_the_rounding_of_its_own_terms(case):
    _, weight, _, dy = case.arrays(np.float32)
    size, bias = sizes_of(case, (0, 0)), bias_of(case, np.float32)
    ours = cpu.conv2d_input_gradient(dy, weight, size, *case.parameters, bias)
    doubles = [array.astype(np.float64) for array in (dy, weight, bias)]
    exact, largest = (
        reference.conv2d_input_gradient(d, w, size, *case.parameters, b)
        for d, w, b in (doubles, [abs(array) for array in doubles])
    )
    terms = case.outputs * np.prod(case.kernel_size) + 2
    assert ours.dtype == np.float32
    assert (abs(ours - exact) <= terms * EPSILON * largest).all()


@settings(max_examples=60)
@given(convolutions(most_extra=12), st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_convolution_is_its_adjoint_at_every_size(case, extra):
    """<transposed(dy), x> = <dy, conv(x)>, where conv(x) may have more rows and columns than dy: those count as 0."""
    _, weight, _, dy = case.arrays()
    size = sizes_of(case, extra)
    x = np.random.default_rng(case.seed + 2).standard_normal((case.images, case.groups * case.channels, *size))
    y = cpu.conv2d_input_gradient(dy, weight, size, *case.parameters)
    z = cpu.conv2d(x, weight, None, *case.parameters)
    rows, columns = (min(a, b) for a, b in zip(z.shape[2:], dy.shape[2:], strict=True))
    inner = np.vdot(dy[:, :, :rows, :columns], z[:, :, :rows, :columns])
    reached = np.vdot(y, x)
    beyond = dy.copy()
    beyond[:, :, :rows, :columns] = 0  # windows that would hang over the end of this size
    reached -= np.vdot(cpu.conv2d_input_gradient(beyond, weight, size, *case.parameters), x)
    assert abs(reached - inner) <= 1e-12 * (np.linalg.norm(y) * np.linalg.norm(x) + 1)


@pytest.mark.parametrize("groups", [1, 3])
def test_without_cotangents_only_the_bias_is_left(groups):
    dy, weight, bias = np.zeros((2, 3, 0, 4)), np.ones((3, 2, 3, 3)), np.arange(2.0 * groups)
    y = cpu.conv2d_input_gradient(dy, weight, (4, 5), (1, 1), (1, 1), (1, 1), groups, bias)
    np.testing.assert_array_equal(y, np.broadcast_to(bias[:, None, None], (2, 2 * groups, 4, 5)))
