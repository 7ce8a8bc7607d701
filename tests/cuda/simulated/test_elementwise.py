"""Kernels over single elements on a GPU against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from on_device import on_device, on_host, run

from tinyconv.backends import cuda, reference
from tinyconv.core import layout

SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-300, 1e-40, 12.9, -12.9, -14.0, 1e30, -1e30]
SHAPES = [(), (1,), (0,), (7,), (131,), (3, 5, 2, 3), (2, 4, 3, 3)]
DTYPES = [np.float32, np.float64]
dtypes = pytest.mark.parametrize("dtype", DTYPES)
shapes = pytest.mark.parametrize("shape", SHAPES)


def drawn(shape, dtype, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    values = np.asarray(values)
    values.reshape(-1)[: len(SPECIAL)] = SPECIAL[: values.size]
    with np.errstate(over="ignore"):
        return layout.copy(values.astype(dtype))


@dtypes
@shapes
def test_the_rectifier_and_its_gradient_equal_the_definition(shape, dtype):
    x, dy = drawn(shape, dtype, 1), drawn(shape, dtype, 2)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run(cuda.relu, x), reference.relu(x))
        np.testing.assert_array_equal(run(cuda.relu_gradient, dy, x), reference.relu_gradient(dy, x))
        written = on_device(x)
        cuda.add_relu(written, on_device(dy))
        reference.add_relu(x, dy)
        np.testing.assert_array_equal(on_host(written), x)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide"])
def test_two_arrays_are_combined_to_numpys_bits_in_any_memory_order(name):
    shape = (2, 3, 4, 5)
    images, across = drawn(shape, np.float32, 1), np.ascontiguousarray(drawn(shape, np.float32, 2))
    for first, second in ((images, across), (across, images), (images, images[:, :1, :1, :1]), (images, images)):
        result = on_device(np.empty(shape, np.float32))
        getattr(cuda, name)(on_device(first), on_device(second), result)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(on_host(result), getattr(np, name)(first, second))


@pytest.mark.parametrize("by_tanh", [False, True])
@settings(max_examples=10)
@given(values=st.lists(st.floats(-20, 20) | st.sampled_from(SPECIAL), max_size=40), wide=st.booleans())
def test_gelu_and_its_gradient_equal_the_definition(by_tanh, values, wide):
    x = np.array(values, np.float64).astype(np.float64 if wide else np.float32)
    dy = np.linspace(-1, 2, x.size, dtype=x.dtype)
    tolerance = {"rtol": 1e-12, "atol": 1e-14} if wide else {"rtol": 2e-6, "atol": 3e-7}
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(run(cuda.gelu, x, by_tanh), reference.gelu(x, by_tanh), **tolerance)
        finite = np.isfinite(x) & (abs(x) < 1e19)  # beyond, the formulas have infinity times 0, resolved differently
        ours, expected = run(cuda.gelu_gradient, dy, x, by_tanh), reference.gelu_gradient(dy, x, by_tanh)
        np.testing.assert_allclose(ours[finite], expected[finite], **tolerance)


@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv"])
@settings(max_examples=10)
@given(values=st.lists(st.floats(-7, 7) | st.sampled_from(SPECIAL), max_size=20), wide=st.booleans())
def test_the_error_function_and_its_relatives_equal_the_definition(name, values, wide):
    x = np.array(values, np.float64).astype(np.float64 if wide else np.float32)
    x = np.clip(x, -1, 1) if name == "erfinv" else x
    expected = getattr(reference, name)(x)
    np.testing.assert_allclose(run(getattr(cuda, name), x), expected, rtol=1e-13 if wide else 2e-7, atol=0)


@settings(max_examples=20)
@given(
    place=st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 1), *[st.integers(0, 2**64 - 1)] * 2),
    p=st.floats(0, 1),
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    first=st.integers(0, 100),
)
def test_a_mask_is_the_one_that_numpy_draws(place, p, shape, first):
    mask = run(cuda.draw_mask, *place, p, tuple(shape), first)
    np.testing.assert_array_equal(mask, reference.draw_mask(*place, p, tuple(shape), first))
    assert mask.dtype == np.bool_


@dtypes
@pytest.mark.parametrize(("shape", "of_channels"), [((131,), False), ((2, 5, 3, 3), False), ((2, 5, 3, 3), True)])
def test_a_mask_leaves_elements_or_channels(shape, of_channels, dtype):
    x = drawn(shape, dtype)
    mask_shape = (*shape[:2], 1, 1) if of_channels else shape
    mask = reference.draw_mask(5, 6, 7, 8, 0.3, mask_shape)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run(cuda.masked, x, mask, 1 / 0.7), reference.masked(x, mask, 1 / 0.7))
