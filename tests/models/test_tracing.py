"""What a model computes, as a graph of operations."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.core.shapes import shapes_only
from tinyconv.models.tracing import trace
from tinyconv.nn import functional as F


class Block(nn.Module):
    """A residual block, half of it written with functions."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.register_buffer("scale", tc.full((2, 1, 1), 0.5))

    def forward(self, x):
        y = F.relu(self.conv(x), inplace=True)
        unused = y.exp()  # noqa: F841
        return y * (self.scale * 2) + x.detach()


def test_steps_are_joined_by_values_whatever_the_model_is_written_with():
    with shapes_only():
        computed = trace(nn.Sequential(Block()), tc.zeros(1, 2, 4, 4))
    assert [step.operation.name for step in computed.steps] == [
        "Convolution2d", "Relu", "Exp", "Multiply", "Multiply", "Add"
    ]  # fmt: skip
    assert [step.operation.name for step in computed.needed()] == ["Convolution2d", "Relu", "Multiply", "Add"]
    conv, relu, product, total = computed.needed()
    (image,) = computed.inputs
    assert conv.inputs[0] is image
    assert [value.name for value in conv.inputs] == ["", "0.conv.weight", "0.conv.bias"]
    assert relu.inputs == (conv.output,)
    assert product.inputs[0] is relu.output
    assert total.inputs == (product.output, image)
    assert computed.outputs == (total.output,)
    assert [(step.path, step.where) for step in (conv, total)] == [
        ("0.conv", "Convolution2d in Conv2d '0.conv'"),
        ("0", "Add in Block '0'"),
    ]


def test_what_does_not_depend_on_the_input_has_its_numbers():
    computed = trace(Block(), tc.zeros(1, 2, 4, 4))
    factor = computed.needed()[2].inputs[1]
    assert not factor.depends
    assert factor.array.tolist() == [[[1.0]], [[1.0]]]
    scale, two = computed.steps[3].inputs
    assert (scale.origin, scale.name, two.origin, two.array.tolist()) == ("weight", "scale", "constant", 2.0)


def test_a_weight_in_another_shape_keeps_its_name():
    step = trace(nn.PReLU(3), tc.zeros(1, 3, 2)).needed()[-1]
    assert (step.inputs[1].name, step.inputs[1].shape) == ("weight", (1, 3, 1))


def test_writing_into_a_view_is_followed_or_refused_but_never_wrong():
    class Views(nn.Module):
        def __init__(self, then):
            super().__init__()
            self.then = then

        def forward(self, x):
            return self.then(x + 0)

    def into_the_whole(x):
        part = x[:1]
        x.mul_(2)
        return part + 1

    def into_a_part(x):
        x[:1].mul_(2)
        return x

    def into_a_constant(x):
        total = tc.zeros(2, 2)
        total += x
        return total

    for then in (into_the_whole, into_a_part, into_a_constant):
        with pytest.raises(UnsupportedError, match=r"overwritten|in place into a tensor that does not depend"):
            trace(Views(then), tc.zeros(2, 2))
    twice = trace(Views(lambda x: x.mul_(2).add_(x)), tc.zeros(2, 2)).needed()
    assert [step.operation.name for step in twice] == ["Add", "Multiply", "Add"]
    assert twice[2].inputs == (twice[1].output, twice[1].output)


def test_the_model_and_its_input_are_left_as_they_are():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(0.5)).train()
    x = tc.tensor(np.array([-1.0, 1.0]))
    (step,) = trace(model, x).steps
    assert step.operation.name == "Relu"
    assert x.tolist() == [-1.0, 1.0]
    assert model.training
    assert model[1].training


def test_what_is_no_model_or_no_tensor_is_refused():
    with pytest.raises(ArgumentError, match=r"must be an nn\.Module, got function"):
        trace(lambda x: x, tc.zeros(1))
    with pytest.raises(ArgumentError, match="must be tensors, got ndarray"):
        trace(nn.ReLU(), np.zeros(1))

    class Text(nn.Module):
        def forward(self, x):
            return "text"

    with pytest.raises(ArgumentError, match="must return tensors, got str"):
        trace(Text(), tc.zeros(1))
