"""The plain convolution kernels on a GPU against their definition, in tiles so small that shapes are ragged."""

import numpy as np
import pytest
from convolution_cases import Convolution, convolutions
from hypothesis import example, given, settings
from on_device import run

from tinyconv.backends import cuda, reference
from tinyconv.core import gpu

EPSILON = float(np.finfo(np.float32).eps)

STRIDED = Convolution(2, 1, 3, 5, (7, 8), (3, 2), (3, 2), (1, 0), (1, 2))
STRIDE_BEYOND_KERNEL = Convolution(1, 1, 2, 3, (9, 9), (1, 2), (3, 3), (0, 1), (1, 1))
PADDING_BEYOND_KERNEL = Convolution(1, 1, 2, 3, (2, 3), (2, 1), (1, 1), (3, 2), (1, 1))
STRIDES_THAT_SHARE_A_FACTOR = Convolution(1, 1, 2, 9, (13, 11), (3, 3), (4, 6), (2, 1), (2, 4))
POINTWISE = Convolution(1, 1, 9, 17, (2, 3), (1, 1), (1, 1), (0, 0), (1, 1))
GROUPED_POINTWISE = Convolution(2, 2, 3, 17, (2, 3), (1, 1), (1, 1), (0, 0), (1, 1))
DEPTHWISE = Convolution(2, 5, 1, 2, (5, 4), (3, 3), (2, 1), (1, 1), (1, 1))
DEPTHWISE_OF_MANY_TAPS = Convolution(1, 5, 1, 1, (6, 5), (3, 4), (1, 1), (1, 2), (1, 1))
DEPTHWISE_IN_PHASES = Convolution(1, 2, 1, 3, (6, 5), (3, 2), (2, 3), (2, 0), (1, 2))
DEPTHWISE_OF_MANY_PIXELS = Convolution(1, 6, 1, 1, (5, 9), (2, 2), (1, 1), (1, 1), (1, 1))
GROUPED = Convolution(1, 2, 3, 4, (5, 6), (3, 3), (2, 2), (1, 1), (1, 1))
GROUPED_BEYOND_THE_EDGE = Convolution(1, 2, 2, 1, (3, 2), (3, 2), (1, 1), (4, 3), (2, 2))
GROUPS_AND_A_PHASE_WITHOUT_TAPS = Convolution(1, 2, 2, 3, (1, 1), (1, 1), (1, 2), (0, 1), (1, 1))
ONE_PIXEL = Convolution(2, 1, 3, 4, (1, 1), (3, 3), (1, 1), (1, 1), (1, 1))
KERNEL_AS_LARGE_AS_THE_IMAGE = Convolution(1, 1, 1, 2, (5, 6), (5, 6), (1, 1), (0, 0), (1, 1))
MANY_PIXELS = Convolution(1, 1, 1, 3, (3, 23), (1, 1), (1, 1), (0, 0), (1, 1))

WIDTHS = [(1, 1, 1), (1, 3, 2), (1, 2, 9), (1, 5, 3), (2, 2, 3), (3, 1, 1), (2, 1, 2)]
"""Around the edges of the small tiles: (groups, channels, outputs)."""


def three_convolutions(backend, case, x, weight, bias, dy, call=lambda function, *arguments: function(*arguments)):
    """Forward, input gradient and weight gradient."""
    return (
        call(backend.conv2d, x, weight, bias, *case.parameters),
        call(backend.conv2d_input_gradient, dy, weight, case.size, *case.parameters),
        call(backend.conv2d_weight_gradient, x, dy, case.kernel_size, *case.parameters),
    )


def on_gpu(case, *arrays):
    return three_convolutions(cuda, case, *arrays, call=run)


@settings(max_examples=5)
@given(convolutions(most_extra=2, widths=WIDTHS, most_padding=2))
@example(STRIDED)
@example(STRIDE_BEYOND_KERNEL)
@example(PADDING_BEYOND_KERNEL)
@example(STRIDES_THAT_SHARE_A_FACTOR)
@example(POINTWISE)
@example(GROUPED_POINTWISE)
@example(DEPTHWISE)
@example(DEPTHWISE_OF_MANY_TAPS)
@example(DEPTHWISE_IN_PHASES)
@example(DEPTHWISE_OF_MANY_PIXELS)
@example(GROUPED)
@example(GROUPED_BEYOND_THE_EDGE)
@example(GROUPS_AND_A_PHASE_WITHOUT_TAPS)
@example(ONE_PIXEL)
@example(KERNEL_AS_LARGE_AS_THE_IMAGE)
@example(MANY_PIXELS)
def test_float64_convolutions_agree_with_the_definition(case):
    arrays = case.arrays()
    for ours, expected in zip(on_gpu(case, *arrays), three_convolutions(reference, case, *arrays), strict=True):
        assert ours.shape == expected.shape
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)


@settings(max_examples=3)
@given(convolutions(most_extra=2, widths=WIDTHS, most_padding=2))
@example(STRIDED)
@example(DEPTHWISE)
@example(GROUPED)
def test_float32_convolutions_stay_within_the_rounding_of_their_own_terms(case):
    """|error| <= terms eps (|x| conv |w|), element by element: cancellation must not hide in a relative error."""
    arrays = case.arrays(np.float32)
    doubles = [array.astype(np.float64) for array in arrays]
    kernel_pixels, output_pixels = np.prod(case.kernel_size), np.prod(case.output_size)
    terms = (case.channels * kernel_pixels + 1, case.outputs * kernel_pixels, case.images * output_pixels)
    exact = three_convolutions(reference, case, *doubles)
    sizes = three_convolutions(reference, case, *(abs(array) for array in doubles))
    for result, truth, size, count in zip(on_gpu(case, *arrays), exact, sizes, terms, strict=True):
        assert result.dtype == np.float32
        assert (abs(result - truth) <= (count + 1) * EPSILON * size).all()


@settings(max_examples=3)
@given(convolutions(most_extra=2, widths=WIDTHS))
def test_gradients_are_the_adjoints_of_convolution(case):
    """<conv(x), dy> = <x, input gradient(dy)> = <w, weight gradient(x, dy)>."""
    x, weight, _, dy = case.arrays()
    y, dx, dweight = on_gpu(case, x, weight, None, dy)
    size = np.linalg.norm(y) * np.linalg.norm(dy) + 1
    assert abs(np.vdot(y, dy) - np.vdot(x, dx)) <= 1e-12 * size
    assert abs(np.vdot(y, dy) - np.vdot(weight, dweight)) <= 1e-12 * size


@pytest.mark.parametrize("case", [STRIDED, POINTWISE, GROUPED, DEPTHWISE], ids=str)
def test_a_transposed_convolution_adds_its_bias_also_where_no_tap_reaches(case):
    _, weight, _, dy = case.arrays()
    bias = np.random.default_rng(1).standard_normal(case.groups * case.channels)
    arguments = dy, weight, case.size, *case.parameters, bias
    expected = reference.conv2d_input_gradient(*arguments)
    np.testing.assert_allclose(run(cuda.conv2d_input_gradient, *arguments), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", [STRIDED, ONE_PIXEL, GROUPED, DEPTHWISE], ids=str)
def test_the_rectifier_is_part_of_the_sum_and_lets_nan_pass(case):
    x, weight, bias, _ = case.arrays(np.float32)
    x[0, 0, 0, 0] = np.nan
    y = run(cuda.conv2d, x, weight, bias, *case.parameters)
    rectified = run(cuda.conv2d, x, weight, bias, *case.parameters, relu=True)
    assert np.isnan(rectified).any()
    assert (rectified == 0).any()
    np.testing.assert_array_equal(rectified, np.where(y <= 0, 0, y))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("groups", [1, 3])
def test_a_bad_pixel_reaches_exactly_the_outputs_that_see_it(bad, groups):
    """Of dy none at the edge: there a weight gradient multiplies it by the zeros of the padding."""
    case = Convolution(1, groups, 3 // groups, 6 // groups, (6, 7), (3, 2), (2, 1), (1, 1), (1, 1))
    arrays = case.arrays(np.float32)
    arrays[0][0, 2, 3, 3] = arrays[3][0, 4, 1, 2] = arrays[0][0, 0, 0, 6] = bad
    for ours, expected in zip(on_gpu(case, *arrays), three_convolutions(reference, case, *arrays), strict=True):
        assert not np.isfinite(expected).all()
        np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(expected))
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))


@pytest.mark.parametrize("how", ["strided", "channels first"])
def test_any_memory_order_gives_the_same_bits_and_leaves_its_inputs_alone(how):
    case = Convolution(1, 1, 3, 4, (4, 5), (3, 3), (1, 2), (1, 1), (1, 1))
    xp = gpu.array_module()
    arrays = case.arrays(np.float32)
    rearranged = []
    for array in arrays:
        order = "C" if how == "channels first" else None
        moved = xp.asarray(np.ascontiguousarray(array if order else np.repeat(array, 2, axis=-1)))
        rearranged.append(moved if order else moved[..., ::2])
    results = three_convolutions(cuda, case, *rearranged)
    for ours, expected in zip(results, on_gpu(case, *arrays), strict=True):
        np.testing.assert_array_equal(ours.get(), expected)
    for array, old in zip(rearranged, arrays, strict=True):
        np.testing.assert_array_equal(array.get(), old)


def test_an_empty_batch_gives_empty_outputs_and_zero_weight_gradients():
    for groups, channels in ((1, 3), (3, 1)):
        case = Convolution(0, groups, channels, 2, (5, 5), (3, 3), (1, 1), (1, 1), (1, 1))
        y, dx, dweight = on_gpu(case, *case.arrays(np.float32))
        assert y.shape == (0, groups * 2, 5, 5)
        assert dx.shape == (0, groups * channels, 5, 5)
        assert dweight.shape == (groups * 2, channels, 3, 3)
        assert not dweight.any()


def test_convolutions_without_outputs_or_channels():
    no_outputs = Convolution(2, 1, 3, 0, (5, 5), (3, 3), (1, 1), (1, 1), (1, 1))
    no_channels = Convolution(2, 1, 0, 4, (5, 5), (3, 3), (1, 1), (1, 1), (1, 1))
    for case in (no_outputs, no_channels):
        arrays = case.arrays()
        for ours, expected in zip(on_gpu(case, *arrays), three_convolutions(reference, case, *arrays), strict=True):
            np.testing.assert_array_equal(ours, expected)
