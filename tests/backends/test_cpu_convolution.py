"""Convolution on the processor against its definition, and against itself."""

import numpy as np
import pytest
from convolution_cases import Convolution, convolutions, windows
from hypothesis import example, given, settings

from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu import convolution, correlation, parallel
from tinyconv.backends.cpu.choice import Algorithm, algorithms_for, choose
from tinyconv.backends.problem import Problem, Product
from tinyconv.core import layout
from tinyconv.core.algorithms import set_convolution_algorithm
from tinyconv.core.precision import set_float32_precision

EPSILON = float(np.finfo(np.float32).eps)


def three_convolutions(backend, case, x, weight, bias, dy):
    """Forward, input gradient and weight gradient."""
    return (
        backend.conv2d(x, weight, bias, *case.parameters),
        backend.conv2d_input_gradient(dy, weight, case.size, *case.parameters),
        backend.conv2d_weight_gradient(x, dy, case.kernel_size, *case.parameters),
    )


STRIDED = Convolution(2, 1, 3, 5, (7, 8), (3, 2), (3, 2), (1, 0), (1, 2))
STRIDE_BEYOND_KERNEL = Convolution(1, 1, 2, 3, (9, 9), (1, 2), (3, 3), (0, 1), (1, 1))
PADDING_BEYOND_KERNEL = Convolution(1, 1, 2, 3, (2, 3), (2, 1), (1, 1), (3, 2), (1, 1))
POINTWISE = Convolution(2, 1, 17, 18, (2, 3), (1, 1), (1, 1), (0, 0), (1, 1))
GROUPED_POINTWISE = Convolution(2, 2, 3, 17, (2, 3), (1, 1), (1, 1), (0, 0), (1, 1))
DEPTHWISE = Convolution(2, 5, 1, 2, (5, 4), (3, 3), (2, 1), (1, 1), (1, 1))
GROUPED = Convolution(2, 5, 3, 4, (9, 18), (3, 3), (2, 2), (1, 1), (1, 1))
GROUPED_BEYOND_THE_EDGE = Convolution(1, 3, 2, 1, (3, 2), (3, 2), (1, 1), (5, 6), (2, 2))
GROUPS_AND_A_PHASE_WITHOUT_TAPS = Convolution(1, 2, 2, 3, (1, 1), (1, 1), (1, 2), (0, 1), (1, 1))
TAPS_THAT_SEE_NOTHING = Convolution(2, 1, 64, 70, (1, 2), (3, 3), (1, 1), (1, 1), (1, 1))
DEPTHWISE_OF_MANY_TAPS = Convolution(2, 17, 1, 1, (6, 7), (7, 7), (1, 1), (3, 3), (1, 1))
ONE_PIXEL = Convolution(2, 1, 3, 4, (1, 1), (3, 3), (1, 1), (1, 1), (1, 1))
KERNEL_AS_LARGE_AS_THE_IMAGE = Convolution(1, 1, 1, 2, (9, 8), (9, 8), (1, 1), (0, 0), (1, 1))


@settings(max_examples=50)
@given(convolutions())
@example(STRIDED)
@example(STRIDE_BEYOND_KERNEL)
@example(PADDING_BEYOND_KERNEL)
@example(POINTWISE)
@example(GROUPED_POINTWISE)
@example(DEPTHWISE)
@example(GROUPED)
@example(GROUPED_BEYOND_THE_EDGE)
@example(DEPTHWISE_OF_MANY_TAPS)
@example(GROUPS_AND_A_PHASE_WITHOUT_TAPS)
@example(ONE_PIXEL)
@example(TAPS_THAT_SEE_NOTHING)
@example(KERNEL_AS_LARGE_AS_THE_IMAGE)
def test_float64_convolutions_agree_with_the_definition(case):
    arrays = case.arrays()
    for ours, expected in zip(
        three_convolutions(cpu, case, *arrays), three_convolutions(reference, case, *arrays), strict=True
    ):
        assert ours.shape == expected.shape
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)


@settings(max_examples=30)
@given(convolutions())
@example(STRIDED)
@example(POINTWISE)
@example(DEPTHWISE)
@example(GROUPED)
@example(KERNEL_AS_LARGE_AS_THE_IMAGE)
def test_float32_convolutions_stay_within_the_rounding_of_their_own_terms(case):
    """|error| <= terms eps (|x| conv |w|), element by element: cancellation must not hide in a relative error."""
    arrays = case.arrays(np.float32)
    doubles = [array.astype(np.float64) for array in arrays]
    kernel_pixels, output_pixels = np.prod(case.kernel_size), np.prod(case.output_size)
    terms = (
        case.channels * kernel_pixels + 1,
        case.outputs * kernel_pixels,
        case.images * output_pixels,
    )
    ours = three_convolutions(cpu, case, *arrays)
    exact = three_convolutions(reference, case, *doubles)
    sizes = three_convolutions(reference, case, *(abs(array) for array in doubles))
    for result, truth, size, count in zip(ours, exact, sizes, terms, strict=True):
        assert result.dtype == np.float32
        assert (abs(result - truth) <= (count + 1) * EPSILON * size).all()


LARGE = [
    Convolution(3, 1, 16, 40, (37, 45), (3, 3), (1, 1), (1, 1), (1, 1)),
    Convolution(2, 1, 70, 33, (30, 17), (3, 3), (2, 2), (1, 1), (1, 1)),
    Convolution(1, 1, 3, 20, (64, 300), (7, 7), (2, 2), (3, 3), (1, 1)),
    Convolution(2, 2, 20, 40, (19, 21), (3, 3), (1, 1), (2, 2), (2, 2)),
    Convolution(1, 1, 130, 70, (1, 700), (1, 3), (1, 1), (0, 1), (1, 1)),
    Convolution(1, 1, 40, 200, (33, 40), (1, 1), (1, 1), (0, 0), (1, 1)),
    Convolution(2, 40, 1, 1, (33, 40), (3, 3), (1, 1), (1, 1), (1, 1)),
    Convolution(2, 20, 8, 8, (37, 30), (3, 3), (1, 1), (1, 1), (1, 1)),
    Convolution(3, 9, 6, 4, (21, 31), (3, 5), (2, 2), (1, 2), (1, 1)),
]

FEW_PIXELS = [
    Convolution(2, 1, 128, 140, (7, 5), (3, 3), (1, 1), (1, 1), (1, 1)),
    Convolution(1, 1, 64, 165, (9, 8), (3, 3), (2, 2), (1, 1), (1, 1)),
    Convolution(1, 1, 256, 300, (6, 7), (1, 1), (2, 2), (0, 0), (1, 1)),
    Convolution(3, 1, 256, 257, (5, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
]
FEW_CHANNELS = [
    Convolution(3, 1, 6, 16, (14, 14), (5, 5), (1, 1), (0, 0), (1, 1)),
    Convolution(5, 1, 9, 21, (9, 30), (3, 2), (1, 1), (2, 0), (1, 1)),
    Convolution(2, 1, 2, 9, (7, 15), (3, 3), (1, 1), (3, 2), (2, 1)),
]
LARGE += [*FEW_PIXELS, *FEW_CHANNELS]


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_convolutions_of_many_blocks_and_panels_agree_with_numpy(case):
    x, weight, bias, dy = case.arrays()
    seen = windows(x, case.kernel_size, case.stride, case.padding, case.dilation)
    seen = seen.reshape(case.images, case.groups, case.channels, *seen.shape[2:])
    kernels = weight.reshape(case.groups, case.outputs, *weight.shape[1:])
    expected = np.einsum("ngcijrs,gkcrs->ngkij", seen, kernels, optimize=True).reshape(dy.shape)
    np.testing.assert_allclose(
        cpu.conv2d(x, weight, bias, *case.parameters), expected + bias[:, None, None], rtol=1e-10, atol=1e-9
    )
    cotangent = dy.reshape(case.images, case.groups, case.outputs, *case.output_size)
    expected = np.einsum("ngcijrs,ngkij->gkcrs", seen, cotangent, optimize=True).reshape(weight.shape)
    dweight = cpu.conv2d_weight_gradient(x, dy, case.kernel_size, *case.parameters)
    np.testing.assert_allclose(dweight, expected, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("case", FEW_PIXELS, ids=str)
def test_weights_read_in_place_give_the_sum_of_packed_ones(case, monkeypatch):
    _, weight, _, dy = case.arrays()
    bias = np.arange(weight.shape[1], dtype=weight.dtype)
    in_place = cpu.conv2d_input_gradient(dy, weight, case.size, *case.parameters, bias)
    monkeypatch.setattr(correlation, "reads_in_place", lambda *_: False)
    packed = cpu.conv2d_input_gradient(dy, weight, case.size, *case.parameters, bias)
    np.testing.assert_allclose(in_place, packed, rtol=1e-12, atol=1e-11)
    assert (in_place != packed).any()  # the order of the sums is another


@pytest.mark.parametrize("case", FEW_CHANNELS, ids=str)
def test_pixels_as_columns_give_the_bits_of_channels_as_columns(case, monkeypatch):
    _, weight, _, dy = case.arrays()
    gradients = []
    for chosen in (True, False):
        monkeypatch.setattr(convolution, "pixels_fill_vectors", lambda _, chosen=chosen: chosen)
        gradients.append(cpu.conv2d_input_gradient(dy, weight, case.size, *case.parameters))
    np.testing.assert_array_equal(*gradients)


def assert_adjoint(case):
    """<conv(x), dy> = <x, input gradient(dy)> = <w, weight gradient(x, dy)>: exact identities, cheap at any size."""
    x, weight, _, dy = case.arrays()
    y, dx, dweight = three_convolutions(cpu, case, x, weight, None, dy)
    size = np.linalg.norm(y) * np.linalg.norm(dy) + 1
    assert abs(np.vdot(y, dy) - np.vdot(x, dx)) <= 1e-12 * size
    assert abs(np.vdot(y, dy) - np.vdot(weight, dweight)) <= 1e-12 * size


@settings(max_examples=100)
@given(convolutions(most_extra=20))
def test_gradients_are_the_adjoints_of_convolution(case):
    assert_adjoint(case)


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_gradients_of_many_blocks_and_panels_are_adjoint(case):
    assert_adjoint(case)


@pytest.mark.parametrize("case", [*LARGE, ONE_PIXEL, POINTWISE], ids=str)
def test_the_rectifier_is_part_of_the_sum_and_lets_nan_pass(case):
    x, weight, bias, _ = case.arrays(np.float32)
    x[0, 0, 0, 0] = np.nan
    y = cpu.conv2d(x, weight, bias, *case.parameters)
    rectified = cpu.conv2d(x, weight, bias, *case.parameters, relu=True)
    assert np.isnan(rectified).any()
    np.testing.assert_array_equal(rectified, np.where(y <= 0, 0, y))


@pytest.mark.parametrize("case", [*LARGE, ONE_PIXEL, POINTWISE], ids=str)
def test_a_memo_gives_the_same_bits_and_keeps_the_packed_weight(case, monkeypatch):
    x, weight, bias, _ = case.arrays()
    expected, memo = cpu.conv2d(x, weight, bias, *case.parameters), {}
    np.testing.assert_array_equal(cpu.conv2d(x, weight, bias, *case.parameters, memo=memo), expected)
    monkeypatch.setattr(correlation, "pack", None)
    np.testing.assert_array_equal(cpu.conv2d(x, weight, bias, *case.parameters, memo=memo), expected)


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_the_number_of_threads_does_not_change_a_bit(case, threads):
    arrays = case.arrays(np.float32)
    results = []
    for count in (1, parallel.max_threads()):
        threads(count)
        results.append(three_convolutions(cpu, case, *arrays))
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("groups", [1, 6])
def test_a_bad_pixel_reaches_exactly_the_outputs_that_see_it(bad, groups):
    case = Convolution(2, groups, 3, 18 // groups, (6, 7), (3, 2), (2, 1), (1, 1), (1, 1))
    arrays = case.arrays(np.float32)
    arrays[0][1, 2, 3, 3] = arrays[3][0, 4, 1, 2] = bad
    if groups > 1:
        arrays[0][0, 17, 0, 6] = arrays[3][1, 5, 2, 7] = bad  # at the edges
    for ours, expected in zip(
        three_convolutions(cpu, case, *arrays), three_convolutions(reference, case, *arrays), strict=True
    ):
        assert not np.isfinite(expected).all()
        np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(expected))
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))


FORCED = [
    (2, 6, 1, 1, (9, 20), (3, 3), (1, 1), (1, 1), (1, 1)),
    (1, 3, 2, 20, (5, 9), (3, 3), (1, 1), (0, 1), (1, 1)),
    (2, 2, 33, 17, (4, 9), (1, 3), (1, 1), (0, 1), (1, 1)),
    (1, 18, 2, 1, (5, 9), (2, 4), (2, 3), (1, 2), (2, 1)),
    (1, 20, 1, 2, (20, 17), (3, 3), (2, 2), (1, 1), (1, 1)),
    (1, 4, 12, 12, (15, 15), (1, 1), (1, 1), (0, 0), (1, 1)),
]
"""Of all widths of groups, also those for which another algorithm is chosen."""


@pytest.mark.parametrize("shape", FORCED, ids=str)
@pytest.mark.parametrize("algorithm", ["grouped", "direct"])
def test_a_forced_algorithm_takes_groups_of_any_width(shape, algorithm):
    case = Convolution(*shape)
    for dtype, precision in ((np.float64, 1e-12), (np.float32, 1e-4)):
        arrays = case.arrays(dtype)
        with set_convolution_algorithm(algorithm):
            results = three_convolutions(cpu, case, *arrays)
        for ours, expected in zip(results, three_convolutions(reference, case, *case.arrays()), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=precision, atol=10 * precision)


def rearranged(array, how):
    if how == "read-only":
        array = array.copy()
        array.flags.writeable = False
        return array
    if how == "strided":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return {"channels first": np.ascontiguousarray, "channels last": layout.copy}[how](array)


@pytest.mark.parametrize("how", ["read-only", "strided", "channels first", "channels last"])
def test_any_memory_order_gives_the_same_bits_and_leaves_its_inputs_alone(how):
    case = Convolution(2, 1, 3, 4, (6, 7), (3, 3), (1, 2), (1, 1), (1, 1))
    arrays = case.arrays(np.float32)
    inputs = [rearranged(array, how) for array in arrays]
    before = [array.copy() for array in inputs]
    for ours, expected in zip(
        three_convolutions(cpu, case, *inputs), three_convolutions(cpu, case, *arrays), strict=True
    ):
        np.testing.assert_array_equal(ours, expected)
        assert layout.is_engine_order(ours)
    for array, old in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_read_only_inputs_compile_nothing_again():
    from tinyconv.backends.cpu.correlation import correlate

    case = Convolution(1, 1, 3, 4, (6, 7), (3, 3), (1, 1), (1, 1), (1, 1))
    for how in ("channels last", "read-only", "strided"):
        three_convolutions(cpu, case, *(rearranged(array, how) for array in case.arrays(np.float32)))
    types = [str(signature) for signature in correlate.signatures if "float32" in str(signature)]
    assert len(types) == 1


def test_an_empty_batch_gives_empty_outputs_and_zero_weight_gradients():
    for groups, channels in ((1, 3), (3, 1)):
        case = Convolution(0, groups, channels, 2, (5, 5), (3, 3), (1, 1), (1, 1), (1, 1))
        y, dx, dweight = three_convolutions(cpu, case, *case.arrays(np.float32))
        assert y.shape == (0, groups * 2, 5, 5)
        assert dx.shape == (0, groups * channels, 5, 5)
        assert dweight.shape == (groups * 2, channels, 3, 3)
        assert not dweight.any()


def problem(channels, outputs, **changes):
    usual = Problem(
        product=Product.FORWARD,
        images=4,
        groups=1,
        channels=channels,
        outputs=outputs,
        input_size=(32, 32),
        output_size=(32, 32),
        kernel_size=(3, 3),
        stride=(1, 1),
        padding=(1, 1),
        dilation=(1, 1),
        dtype=np.dtype(np.float32),
    )
    return usual._replace(**changes)


def test_the_choice_names_the_special_shapes():
    assert choose(problem(4, 20)) is Algorithm.DIRECT
    assert choose(problem(1, 20)) is Algorithm.DIRECT
    assert choose(problem(1, 3)) is Algorithm.FOLDED
    assert choose(problem(1, 1, groups=8)) is Algorithm.DEPTHWISE
    assert choose(problem(1, 2, groups=4)) is Algorithm.DEPTHWISE
    assert choose(problem(4, 8, groups=4)) is Algorithm.GROUPED
    assert choose(problem(64, 64, groups=2)) is Algorithm.DIRECT
    assert choose(problem(4, 8, kernel_size=(1, 1), padding=(0, 0))) is Algorithm.POINTWISE
    assert choose(problem(4, 20, kernel_size=(1, 1), padding=(0, 0), stride=(2, 2))) is Algorithm.DIRECT
    assert choose(problem(64, 64)) is Algorithm.WINOGRAD
    assert choose(problem(64, 64, stride=(2, 2))) is Algorithm.DIRECT
    assert choose(problem(64, 64, images=64, output_size=(2, 2))) is Algorithm.DIRECT
    assert choose(problem(64, 64, images=64, output_size=(7, 7))) is Algorithm.WINOGRAD
    assert choose(problem(64, 64, dilation=(2, 2), padding=(2, 2))) is Algorithm.WINOGRAD
    assert choose(problem(64, 64, padding=(3, 3))) is Algorithm.DIRECT
    assert choose(problem(64, 64, dtype=np.dtype(np.float64))) is Algorithm.DIRECT


def test_exact_precision_and_a_forced_algorithm_decide_the_choice():
    wide = problem(64, 64)
    with set_float32_precision("exact"):
        assert choose(wide) is Algorithm.DIRECT
        assert Algorithm.WINOGRAD not in algorithms_for(wide)
        with set_convolution_algorithm("winograd"):
            assert choose(wide) is Algorithm.DIRECT
    with set_convolution_algorithm("direct"):
        assert choose(wide) is Algorithm.DIRECT
        assert choose(problem(1, 1, groups=8)) is Algorithm.DIRECT
    with set_convolution_algorithm("winograd"):
        assert choose(problem(1, 2)) is Algorithm.WINOGRAD
        assert choose(problem(1, 20, stride=(2, 2))) is Algorithm.DIRECT
    assert algorithms_for(wide) == [Algorithm.DIRECT, Algorithm.WINOGRAD]
