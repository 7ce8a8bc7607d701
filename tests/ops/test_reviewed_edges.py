"""Edges at which sums, indices, views and promotion are easily wrong."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.autograd import backward
from tinyconv.nn import functional as F


@pytest.mark.parametrize("reduce", [tc.mean, lambda x, dim: tc.sum(x, dim) / x.shape[0]])
def test_long_float32_sums_over_any_dimension_are_accurate(reduce):
    tenths = tc.full((1_000_000, 2), 0.1)
    np.testing.assert_allclose(reduce(tenths, 0).numpy(), np.float32(0.1), rtol=1e-6)


def test_the_variance_of_many_channels_last_images_is_accurate():
    images = tc.randn(16, 3, 64, 64) + 10
    exact = images.numpy().astype(np.float64).var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(images.var((0, 2, 3)).numpy(), exact, rtol=2e-6)


def test_the_gradient_of_a_broadcast_operand_is_accurate():
    row = tc.zeros(2, requires_grad=True)
    ((tc.zeros(1_000_000, 2) + row) * 0.1).sum().backward()
    np.testing.assert_allclose(row.grad.numpy(), 1e5, rtol=1e-6)


def test_writing_into_returned_switches_does_not_reach_the_backward_of_pooling():
    images = tc.arange(16, dtype=tc.float32).reshape(1, 1, 4, 4).requires_grad_()
    values, indices = F.max_pool2d(images, 2, return_indices=True)
    indices.fill_(10**9)
    values.sum().backward()
    assert images.grad.flatten().numpy().nonzero()[0].tolist() == [5, 7, 13, 15]


@pytest.mark.parametrize(
    "take",
    [
        lambda x, index: x[index],
        lambda x, index: x[index.numpy()],
        lambda x, index: tc.gather(x, 0, index),
        lambda x, index: tc.take_along_dim(x, index, 0),
    ],
)
def test_writing_into_an_index_does_not_reach_the_backward(take):
    x = tc.tensor([1.0, 2.0, 3.0], requires_grad=True)
    index = tc.tensor([0, 1])
    y = take(x, index)
    index[0] = 2
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]


def test_writing_into_the_index_of_a_maximum_does_not_reach_the_backward():
    x = tc.tensor([[1.0, 3.0, 2.0]], requires_grad=True)
    values, indices = x.max(1)
    indices.add_(1)
    values.sum().backward()
    assert x.grad.tolist() == [[0.0, 1.0, 0.0]]


def test_an_element_is_a_view():
    x = tc.zeros(3)
    element = x[1]
    x[1] = 9.0
    assert element.item() == 9.0
    element.add_(1)
    assert x.tolist() == [0.0, 10.0, 0.0]
    assert isinstance(element.numpy(), np.ndarray)


@pytest.mark.parametrize("further", [lambda v: v[0], lambda v: v.t(), lambda v: v.view(-1), lambda v: v.detach()])
def test_a_write_that_would_not_reach_the_original_raises_through_views_too(further):
    copied = tc.zeros(2, 3, 4, 4).view(2, -1)
    with pytest.raises(tc.TinyconvError, match="channels-last"):
        further(copied).fill_(1)


def test_a_slice_of_images_has_a_view_in_reading_order():
    images = tc.arange(96, dtype=tc.float32).reshape(2, 3, 4, 4)
    assert images.clone()[0].view(-1).tolist() == list(range(48))


@pytest.mark.parametrize(
    ("function", "dtype", "values"),
    [
        (lambda: tc.tensor([2, 3]) ** 2.0, tc.float32, [4.0, 9.0]),
        (lambda: tc.tensor([True, False]) ** 2, tc.int64, [1, 0]),
        (lambda: tc.div(tc.tensor([16777217, -7, 7]), tc.tensor([1, 2, -2]), rounding_mode="trunc"), tc.int64, None),
        (lambda: tc.remainder(tc.tensor([5.0, -5.0]), 3.0), tc.float32, [2.0, 1.0]),
        (lambda: tc.remainder(tc.tensor([5.0]), float("inf")), tc.float32, [5.0]),
    ],
)
def test_arithmetic_keeps_to_the_promoted_type(function, dtype, values):
    result = function()
    assert result.dtype is dtype
    assert result.tolist() == (values if values is not None else [16777217, -3, -3])


def test_an_integer_is_not_divided_by_zero():
    with pytest.raises(tc.TinyconvError, match="divided by zero"):
        tc.div(tc.tensor([1]), tc.tensor([0]), rounding_mode="trunc")


def test_a_cotangent_of_another_type_is_refused():
    y = tc.zeros(2, requires_grad=True) * 2
    with pytest.raises(tc.TinyconvError, match="float64"):
        y.backward(tc.ones(2, dtype=tc.float64))
    with pytest.raises(tc.TinyconvError, match="make it a tensor"):
        backward([y], [np.ones(2, np.float32)])
