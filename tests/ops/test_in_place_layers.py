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
@pytest.mark.parametrize("records", [True, False])
def test_a_view_is_written_with_the_tensor_under_it(function, records):
    with tc.set_grad_enabled(records):
        x = tc.full((4, 8), -1.0, requires_grad=True) * 1
        view = x.reshape(32)
        assert function(view, inplace=True) is view
    np.testing.assert_array_equal(x.array.reshape(32), view.array)
    assert (x.array != -1).any()
    if records:
        assert x.grad_fn.name == view.grad_fn.edges[0][0].name == "WriteThroughView"


def test_what_a_backward_hook_hands_on_is_left_as_it_is():
    layer = nn.ReLU(inplace=True)
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: None)
    x = tc.full((4, 8), -1.0, requires_grad=True) * 1
    assert (layer(x) == 0).all()
    assert (x.array == -1).all()
