"""``inplace=True`` of layers: the same numbers and gradients, whether or not the input happens to be a view."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.nn import functional as F


def network(*layers):
    tc.manual_seed(1)
    return nn.Sequential(nn.Conv2d(2, 3, 3), *layers)


@pytest.mark.parametrize("shape", [(2, 2, 3, 3), (2, 2, 5, 5), (2, 5, 5), (2, 3, 3)])
@pytest.mark.parametrize("flattens", [False, True])
@pytest.mark.parametrize("make", [nn.ReLU, lambda inplace: nn.Dropout(0.5, inplace=inplace)], ids=["relu", "dropout"])
def test_a_layer_in_place_learns_as_out_of_place_for_any_map_size(make, flattens, shape):
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    results = []
    for inplace in (False, True):
        model = network(*([nn.Flatten()] if flattens else []), make(inplace=inplace))
        x = tc.tensor(image, requires_grad=True)
        tc.manual_seed(2)
        y = model(x)
        (y * y).sum().backward()
        results.append([y.array, x.grad.array, *(parameter.grad.array for parameter in model.parameters())])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("function", [F.relu, lambda x, inplace: F.dropout(x, 0.5, inplace=inplace)])
def test_a_view_is_left_as_it_is_only_where_the_tape_records(function):
    x = tc.full((4, 8), -1.0, requires_grad=True) * 1
    view = x.reshape(32)
    assert function(view, inplace=True) is not view
    assert (x.array == -1).all()
    assert function(x, inplace=True) is x
    with tc.no_grad():
        base = tc.full((4, 8), -1.0)
        view = base.reshape(32)
        assert function(view, inplace=True) is view
        assert (base.array != -1).any()
