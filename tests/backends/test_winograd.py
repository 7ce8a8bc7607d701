"""Winograd's convolution, forced for every shape that it can compute, against the definition in float64."""

from fractions import Fraction

import numpy as np
import pytest
from convolution_cases import Convolution, windows
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu
from tinyconv.backends.cpu import winograd
from tinyconv.backends.cpu.winograd_matrices import filter_matrix, input_matrix, powers, transposed
from tinyconv.core import layout
from tinyconv.core.algorithms import set_convolution_algorithm
from tinyconv.core.geometry import window_extent

TOLERANCE = 2e-5
"""Of the norm of the terms: Winograd's rounding errors are those of its intermediate values, larger than the sums'."""


@pytest.fixture(autouse=True)
def forced():
    with set_convolution_algorithm("winograd"):
        yield


@st.composite
def winograd_cases(draw):
    kernel = draw(st.sampled_from([(3, 3), (3, 3), (5, 5)]))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 3), (2, 1)]))
    extents = [window_extent(k, d) for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple(draw(st.integers(0, extent - 1)) for extent in extents)
    least = [max(1, extent - 2 * p) for extent, p in zip(extents, padding, strict=True)]
    extra = draw(st.tuples(*[st.integers(0, 11)] * 2))
    return Convolution(
        images=draw(st.integers(1, 3)),
        groups=1,
        channels=draw(st.sampled_from([1, 3, 16, 17, 40])),
        outputs=draw(st.sampled_from([1, 2, 16, 33, 48, 70])),
        size=(least[0] + extra[0], least[1] + extra[1]),
        kernel_size=kernel,
        stride=(1, 1),
        padding=padding,
        dilation=dilation,
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def by_definition(case, x, weight, dy):
    """Forward and both gradients in float64, by NumPy alone."""
    x, weight, dy = (array.astype(np.float64) for array in (x, weight, dy))
    ones, step = (1, 1), case.dilation
    seen = windows(x, case.kernel_size, ones, case.padding, step)
    y = np.einsum("ncijrs,kcrs->nkij", seen, weight, optimize=True)
    around = tuple((k - 1) * d - p for k, p, d in zip(case.kernel_size, case.padding, step, strict=True))
    turned = weight[:, :, ::-1, ::-1]
    dx = np.einsum("nkijrs,kcrs->ncij", windows(dy, case.kernel_size, ones, around, step), turned, optimize=True)
    dweight = np.einsum("ncijrs,nkij->kcrs", seen, dy, optimize=True)
    return y, dx, dweight


def computed(case, x, weight, dy, **epilogue):
    return (
        cpu.conv2d(x, weight, None, *case.parameters, **epilogue),
        cpu.conv2d_input_gradient(dy, weight, case.size, *case.parameters),
        cpu.conv2d_weight_gradient(x, dy, case.kernel_size, *case.parameters),
    )


def assert_close(result, expected):
    assert result.dtype == np.float32
    assert layout.is_engine_order(result)
    assert np.linalg.norm(result - expected) <= TOLERANCE * (np.linalg.norm(expected) + 1)


ONE_TILE = Convolution(1, 1, 16, 16, (4, 4), (3, 3), (1, 1), (1, 1), (1, 1))
MUCH_WEIGHT = Convolution(1, 1, 130, 140, (7, 7), (3, 3), (1, 1), (1, 1), (1, 1))
MANY_TILES = Convolution(3, 1, 20, 40, (57, 61), (3, 3), (1, 1), (1, 1), (1, 1))
DILATED = Convolution(2, 1, 40, 70, (15, 14), (3, 3), (1, 1), (2, 2), (2, 2))
FIVE = Convolution(2, 1, 70, 33, (27, 27), (5, 5), (1, 1), (2, 2), (1, 1))


@settings(max_examples=60)
@given(winograd_cases())
@example(ONE_TILE)
@example(MUCH_WEIGHT)
@example(MANY_TILES)
@example(FIVE)
@example(DILATED)
def test_forward_and_gradients_agree_with_the_definition(case):
    x, weight, _, dy = case.arrays(np.float32)
    results, expected = computed(case, x, weight, dy), by_definition(case, x, weight, dy)
    for result, truth in zip(results, expected, strict=True):
        assert_close(result, truth)


@pytest.mark.parametrize("case", [ONE_TILE, MUCH_WEIGHT, FIVE], ids=str)
def test_bias_and_rectifier_are_added_on_the_way_out(case):
    x, weight, bias, dy = case.arrays(np.float32)
    x[0, 0, 0, 0] = np.nan
    expected = by_definition(case, x, weight, dy)[0] + bias[:, None, None]
    y = cpu.conv2d(x, weight, bias, *case.parameters)
    rectified = cpu.conv2d(x, weight, bias, *case.parameters, relu=True)
    np.testing.assert_array_equal(np.isnan(rectified), np.isnan(y))
    np.testing.assert_array_equal(rectified, np.where(y <= 0, 0, y))
    far = ~np.isnan(y)
    assert_close(np.where(far, y, 0), np.where(far, expected, 0))


@pytest.mark.parametrize("case", [MUCH_WEIGHT, MANY_TILES, FIVE, DILATED], ids=str)
def test_the_number_of_threads_does_not_change_a_bit(case, threads):
    x, weight, _, dy = case.arrays(np.float32)
    threads(1)
    one = computed(case, x, weight, dy)
    threads(2)
    for few, many in zip(one, computed(case, x, weight, dy), strict=True):
        np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("case", [MUCH_WEIGHT, MANY_TILES], ids=str)
def test_a_memo_gives_the_same_bits_and_keeps_the_transformed_weight(case, monkeypatch):
    x, weight, _, _ = case.arrays(np.float32)
    expected, memo = cpu.conv2d(x, weight, None, *case.parameters), {}
    np.testing.assert_array_equal(cpu.conv2d(x, weight, None, *case.parameters, memo=memo), expected)
    if memo:  # much weight is transformed on the way instead
        monkeypatch.setattr(winograd, "filters_to_frequencies", None)
    np.testing.assert_array_equal(cpu.conv2d(x, weight, None, *case.parameters, memo=memo), expected)


@pytest.mark.parametrize("shared", [True, False])
def test_chunks_of_tiles_add_up_to_the_weight_gradient(shared, monkeypatch):
    """Whether threads share V and dM, in larger chunks, or have their own, in smaller ones."""
    from tinyconv.backends.cpu import winograd_weight_gradient

    x, weight, _, dy = MANY_TILES.arrays(np.float32)
    if shared:
        monkeypatch.setattr(winograd_weight_gradient, "PARTIAL_BYTES", 0)
    whole = computed(MANY_TILES, x, weight, dy)[2]
    assert_close(whole, by_definition(MANY_TILES, x, weight, dy)[2])
    for bytes_of_chunk in ("CHUNK_BYTES", "OWN_BYTES"):
        monkeypatch.setattr(winograd_weight_gradient, bytes_of_chunk, 1)
    np.testing.assert_array_equal(computed(MANY_TILES, x, weight, dy)[2], whole)


def test_weights_in_any_memory_order_give_the_same_bits():
    x, weight, _, dy = MUCH_WEIGHT.arrays(np.float32)
    frozen = weight.copy()
    frozen.flags.writeable = False
    for other in (layout.copy(weight), np.asfortranarray(weight), frozen):
        for ours, expected in zip(
            computed(MUCH_WEIGHT, x, other, dy), computed(MUCH_WEIGHT, x, weight, dy), strict=True
        ):
            np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize(("outputs", "taps"), [(4, 3), (2, 5)])
def test_the_matrices_compute_a_correlation_exactly(outputs, taps):
    def times(matrix, vector):
        return [sum((a * b for a, b in zip(row, vector, strict=True)), Fraction(0)) for row in matrix]

    data = [Fraction(number) for number in (3, -1, 4, 1, -5, 9)]
    weights = [Fraction(number) for number in (2, -7, 1, 8, 3)][:taps]
    products = [a * b for a, b in zip(times(filter_matrix(taps), weights), times(input_matrix(), data), strict=True)]
    expected = [sum(weights[j] * data[i + j] for j in range(taps)) for i in range(outputs)]
    assert times(transposed(powers(outputs)), products) == expected
