"""Kernels over single elements against their definitions, at sizes around those at which they change their way."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu import elementwise, pieces
from tinyconv.core import layout

SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-300, 1e-40, 12.9, -12.9, -14.0, 1e30, -1e30]
SIZES = [0, 1, 7, pieces.PIECE + 1, elementwise.FEW - 1, elementwise.FEW, elementwise.FEW + 5]
FUNCTIONS = ["add", "subtract", "multiply", "divide"]
DTYPES = [np.float32, np.float64]


def drawn(shape, dtype, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    values.reshape(-1)[: len(SPECIAL)] = SPECIAL[: values.size]
    with np.errstate(over="ignore"):
        return values.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("size", SIZES)
def test_two_arrays_and_a_number_on_either_side_are_combined_to_numpys_bits(name, size, dtype):
    x, y = drawn(size, dtype, 1), drawn(size, dtype, 2)[::-1].copy()
    for number in (np.array(3, dtype), np.array(-0.0, dtype), np.array(7, dtype)):
        for first, second in ((x, y), (x, number), (number, x), (x, y[:1])):
            if second.size == 0 and first.size:
                continue
            with np.errstate(all="ignore"):
                expected = getattr(np, name)(first, second)
                result = np.empty(expected.shape, dtype)
                getattr(cpu, name)(first, second, result)
            np.testing.assert_array_equal(result, expected)
            np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_operands_in_any_memory_order_are_combined(name):
    shape = (4, 16, 32, 24)
    images = layout.copy(drawn(shape, np.float32, 1))
    across = drawn(shape, np.float32, 2)
    repeated = np.broadcast_to(drawn((1, 16, 1, 1), np.float32, 3), shape)
    fixed = layout.copy(drawn(shape, np.float32, 4))
    fixed.flags.writeable = False
    for first, second in ((images, across), (across, images), (images, repeated), (images, fixed), (fixed, images)):
        result = layout.empty(shape, np.float32)
        with np.errstate(all="ignore"):
            getattr(cpu, name)(first, second, result)
            np.testing.assert_array_equal(result, getattr(np, name)(first, second))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_result_may_be_written_over_an_operand(name):
    x, y = drawn(elementwise.FEW + 3, np.float32, 1), drawn(elementwise.FEW + 3, np.float32, 2)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x, y)
        getattr(cpu, name)(x, y, y)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("by_tanh", [False, True])
@settings(max_examples=50)
@given(values=st.lists(st.floats(-20, 20) | st.sampled_from(SPECIAL[:9]), max_size=40), wide=st.booleans())
def test_gelu_and_its_gradient_equal_the_definition(by_tanh, values, wide):
    x = np.array(values, np.float64 if wide else np.float32)
    dy = np.linspace(-1, 2, x.size, dtype=x.dtype)
    tolerance = {"rtol": 1e-12, "atol": 1e-14} if wide else {"rtol": 2e-6, "atol": 3e-7}
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(cpu.gelu(x, by_tanh), reference.gelu(x, by_tanh), **tolerance)
        finite = np.isfinite(
            x
        )  # at infinity the slopes' formulas have infinity times 0, which they resolve differently
        results = (each.gelu_gradient(dy, x, by_tanh)[finite] for each in (cpu, reference))
        np.testing.assert_allclose(*results, **tolerance)


def test_what_gelu_leaves_of_a_negative_number_is_exact_to_float32s_digits():
    x = np.linspace(-12.8, 12.8, 100_001, dtype=np.float32)
    x = x[x != 0]
    expected = x * np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x.astype(np.float64)])
    np.testing.assert_allclose(cpu.gelu(x, False), expected, rtol=6e-7)


@pytest.mark.parametrize("by_tanh", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_gelu_has_the_same_bits_for_any_number_of_threads(size, by_tanh, threads):
    x = drawn(size, np.float32)
    results = []
    for count in (1, 2):
        threads(count)
        results.append((cpu.gelu(x, by_tanh), cpu.gelu_gradient(x, x, by_tanh)))
    np.testing.assert_array_equal(*results)


@settings(max_examples=60)
@given(
    place=st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 1), *[st.integers(0, 2**64 - 1)] * 2),
    p=st.floats(0, 1),
    shape=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    first=st.integers(0, 100),
)
def test_a_mask_is_the_one_that_numpy_draws(place, p, shape, first):
    mask = cpu.draw_mask(*place, p, tuple(shape), first)
    np.testing.assert_array_equal(mask, reference.draw_mask(*place, p, tuple(shape), first))
    assert layout.is_engine_order(mask)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_masks_and_products_with_them_do_not_depend_on_the_number_of_threads(size, dtype, threads):
    x = drawn(size, dtype)
    for count in (1, 2):
        threads(count)
        mask = cpu.draw_mask(5, 6, 7, 8, 0.3, (size,))
        np.testing.assert_array_equal(mask, reference.draw_mask(5, 6, 7, 8, 0.3, (size,)))
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(cpu.masked(x, mask, 1 / 0.7), reference.masked(x, mask, 1 / 0.7))


def test_a_mask_is_repeated_over_the_pixels_of_its_channel():
    x = layout.copy(drawn((4, 64, 16, 16), np.float32))
    mask = cpu.draw_mask(5, 6, 7, 8, 0.5, (4, 64, 1, 1))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(cpu.masked(x, mask, 2.0), reference.masked(x, mask, 2.0))
