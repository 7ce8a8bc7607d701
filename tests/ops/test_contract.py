"""What every operation keeps to: channels-last results, untouched inputs, the promised types, float32 throughout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_cases import CASES, Case

import tinyconv as tc
from tinyconv.autograd import gradcheck
from tinyconv.core import layout

VIEWS = {
    *("get_item", "narrow", "split", "chunk", "unbind", "expand", "broadcast_to", "permute", "transpose", "t"),
    *("reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze"),
    *(
        "expand_as",
        "reshape_as",
        "view_as",
        "ravel",
        "swapaxes",
        "swapdims",
        "movedim",
        "moveaxis",
        "adjoint",
        "select",
    ),
    *("diagonal", "broadcast_tensors", "meshgrid", "atleast_1d", "atleast_2d", "atleast_3d"),
    *("tensor_split", "hsplit", "vsplit", "dsplit"),
}
"""These may return a view of their input's memory, in whatever order that has."""


def results_of(case: Case, *tensors: tc.Tensor) -> list[tc.Tensor]:
    results = case.run(*tensors)
    return list(results) if isinstance(results, tuple) else [results]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_4d_result_and_gradient_is_stored_channels_last(case: Case):
    tensors = case.arguments()
    scrambled = [scramble(tensor) for tensor in tensors]
    for inputs in (tensors, scrambled) if case.name not in ("view", "view_as") else (tensors,):
        results = results_of(case, *inputs)
        leaves = [tensor for tensor in inputs if tensor.requires_grad]
        for result in results:
            assert result.ndim != 4 or layout.is_engine_order(result.array) or case.name in VIEWS
        roots = [(result * result).sum() for result in results if result.requires_grad]
        for gradient in tc.autograd.grad(roots, leaves, allow_unused=True) if roots else ():
            if gradient is not None and gradient.ndim == 4:
                assert has_engine_strides(gradient.array) or 0 in gradient.array.strides


def has_engine_strides(array: np.ndarray) -> bool:
    """Channels innermost, then columns, rows, images. A slice of such an array has gaps but keeps the order."""
    strides = [array.strides[dim] for dim in (0, 2, 3, 1) if array.shape[dim] > 1]
    return strides == sorted(strides, reverse=True)


def scramble(tensor: tc.Tensor) -> tc.Tensor:
    """The same elements in the opposite memory order."""
    return tc.Tensor(np.array(tensor.array, order="F"), requires_grad=tensor.requires_grad)


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in ("view", "view_as")], ids=str)
def test_memory_order_does_not_change_the_result(case: Case):
    tensors = case.arguments()
    expected = results_of(case, *tensors)
    for before, after in zip(expected, results_of(case, *map(scramble, tensors)), strict=True):
        np.testing.assert_allclose(after.array, before.array, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_inputs_and_cotangents_are_not_touched(case: Case):
    tensors = case.arguments()
    before = [tensor.array.copy() for tensor in tensors]
    roots = [result for result in results_of(case, *tensors) if result.requires_grad]
    generator = np.random.default_rng(1)
    cotangents = [tc.tensor(generator.standard_normal(root.shape)) for root in roots]
    sent = [cotangent.array.copy() for cotangent in cotangents]
    tc.autograd.backward(roots, cotangents)
    for tensor, original in zip([*tensors, *cotangents], [*before, *sent], strict=True):
        np.testing.assert_array_equal(tensor.array, original)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_gradient_is_the_same_whether_or_not_it_is_recorded(case: Case):
    """Some operations compute it differently then: with one kernel, or with operations that can be differentiated."""
    tensors = case.arguments()
    leaves = [tensor for tensor in tensors if tensor.requires_grad]
    gradients = []
    for create_graph in (False, True):
        roots = [result for result in results_of(case, *tensors) if result.requires_grad]
        generator = np.random.default_rng(1)
        cotangents = [tc.tensor(generator.standard_normal(root.shape)) for root in roots]
        gradients.append(tc.autograd.grad(roots, leaves, cotangents, create_graph=create_graph, allow_unused=True))
    for plain, recorded in zip(*gradients, strict=True):
        assert (plain is None) == (recorded is None)
        if plain is not None:
            np.testing.assert_allclose(recorded.array, plain.array, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_read_only_inputs_are_accepted(case: Case):
    tensors = case.arguments()
    for tensor in tensors:
        tensor.array.flags.writeable = False
    for result, expected in zip(results_of(case, *tensors), results_of(case, *case.arguments()), strict=True):
        np.testing.assert_array_equal(result.array, expected.array)


SINGLE = [case for case in CASES if case.name not in ("cast", "float_power") and "pos_weight" not in case.keywords]


@pytest.mark.parametrize("case", SINGLE, ids=str)
def test_float32_inputs_give_float32_results_and_gradients_close_to_those_of_float64(case: Case):
    single, double = case.arguments(tc.float32), case.arguments(tc.float64)
    for tensor, rounded in zip(double, single, strict=True):
        if tensor.dtype is tc.float64:
            tensor.array[...] = rounded.array
    for inputs in (single, double):
        roots = [result for result in results_of(case, *inputs) if result.requires_grad]
        generator = np.random.default_rng(1)
        cotangents = [tc.tensor(generator.standard_normal(root.shape)).to(root.dtype) for root in roots]
        tc.autograd.backward(roots, cotangents)
    for low, high in zip(results_of(case, *single), results_of(case, *double), strict=True):
        if high.dtype is tc.float64:
            assert low.dtype is tc.float32
            np.testing.assert_allclose(low.array, high.array, rtol=2e-5, atol=2e-5)
    for low, high in zip(single, double, strict=True):
        if high.grad is not None:
            assert low.grad.dtype is tc.float32
            np.testing.assert_allclose(low.grad.array, high.grad.array, rtol=1e-4, atol=1e-4)


# --- broadcasting, on every pair of shapes ---------------------------------------------------------------------------


@st.composite
def broadcastable_shapes(draw):
    """Two shapes that broadcast: from a common one, by dropping leading sizes and setting others to 1."""
    common = draw(st.lists(st.integers(1, 3), min_size=0, max_size=4))

    def operand():
        kept = common[draw(st.integers(0, len(common))) :]
        return tuple(1 if draw(st.booleans()) else size for size in kept)

    return operand(), operand()


@given(broadcastable_shapes(), st.integers(0, 1000))
def test_the_gradient_of_a_broadcast_operand_is_summed_over_its_repetitions(shapes, seed):
    generator = np.random.default_rng(seed)
    x, y = (tc.tensor(generator.uniform(0.5, 2.0, shape), requires_grad=True) for shape in shapes)
    result = x * y + y
    cotangent = generator.standard_normal(result.shape)
    result.backward(tc.tensor(cotangent))

    def summed(full, shape):
        full = full.sum(axis=tuple(range(full.ndim - len(shape))))
        return full.sum(axis=tuple(dim for dim, size in enumerate(shape) if size == 1), keepdims=True).reshape(shape)

    np.testing.assert_allclose(x.grad.array, summed(cotangent * y.array, x.shape), atol=1e-12)
    np.testing.assert_allclose(y.grad.array, summed(cotangent * (x.array + 1), y.shape), atol=1e-12)
    assert result.ndim != 4 or layout.is_engine_order(result.array)


@settings(max_examples=40)
@given(
    st.integers(1, 2),
    st.integers(1, 2),
    st.integers(1, 2),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.integers(0, 1000),
)
def test_convolution_has_the_right_gradients_for_every_valid_geometry(
    groups, channels, filters, kernel, stride, padding, dilation, extra, seed
):
    size = [
        max(1, dilation[axis] * (kernel[axis] - 1) + 1 - 2 * padding[axis]) + extra[axis] for axis in (0, 1)
    ]  # never smaller than one window
    generator = np.random.default_rng(seed)
    x = tc.tensor(generator.standard_normal((1, groups * channels, *size)), requires_grad=True)
    weight = tc.tensor(generator.standard_normal((groups * filters, channels, *kernel)), requires_grad=True)
    bias = tc.tensor(generator.standard_normal(groups * filters), requires_grad=True)
    assert gradcheck(
        lambda *tensors: tc.nn.functional.conv2d(*tensors, stride, padding, dilation, groups),
        (x, weight, bias),
        directions=1,
    )
