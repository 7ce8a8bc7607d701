"""Products of matrices without elements: a sum over nothing is 0."""

import pytest

import tinyconv as tc
from tinyconv.nn import functional as F


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((2, 3, 0), (0, 4)),
        ((0, 3, 2), (2, 4)),
        ((2, 0, 3), (3, 4)),
        ((2, 3, 4), (4, 0)),
        ((2, 3, 0), (2, 0, 4)),
        ((3, 0), (0, 4)),
    ],
)
def test_a_matrix_product_and_its_gradients_without_elements_are_zeros(first, second):
    a, b = tc.zeros(*first, requires_grad=True), tc.zeros(*second, requires_grad=True)
    c = a @ b
    assert c.shape == (*first[:-1], second[-1])
    assert not c.array.any()
    c.sum().backward()
    assert (a.grad.shape, b.grad.shape) == (first, second)


@pytest.mark.parametrize("rows", [(2,), (0,), (), (2, 3), (2, 0)])
@pytest.mark.parametrize(("in_features", "out_features"), [(0, 4), (3, 0), (0, 0), (3, 4)])
def test_a_linear_layer_without_elements_gives_its_bias_and_has_gradients(rows, in_features, out_features):
    x = tc.zeros(*rows, in_features, requires_grad=True)
    weight = tc.zeros(out_features, in_features, requires_grad=True)
    bias = tc.ones(out_features, requires_grad=True)
    y = F.linear(x, weight, bias)
    assert y.shape == (*rows, out_features)
    assert (y.array == 1).all()
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert weight.grad.shape == weight.shape
    count = 1
    for size in rows:
        count *= size
    assert bias.grad.tolist() == [float(count)] * out_features


def test_the_bias_gradient_of_many_rows_does_not_drift():
    rows = 200_000
    bias = tc.zeros(2, requires_grad=True)
    dy = tc.full((rows, 2), 0.1)
    F.linear(tc.zeros(rows, 1), tc.zeros(2, 1), bias).backward(dy)
    exact = dy.array.astype("float64").sum(axis=0)
    assert abs(bias.grad.array - exact).max() <= 1e-6 * exact.max()
