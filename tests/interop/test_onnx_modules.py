"""What is read from an ONNX file is a module like any other: it trains, is copied, kept as JSON, and has good names."""

import copy
import json

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import RunError
from tinyconv.models.graph import Graph, GraphModule

onnx = pytest.importorskip("onnx", reason="reads files with the package onnx")
from onnx_files import Draft, agree, images, residual  # noqa: E402

from tinyconv.interop.onnx.reading import from_model  # noqa: E402

# --- it is a module like any other ----------------------------------------------------------------------------------


def test_it_trains():
    module = from_model(residual()).train()
    x, labels = tc.tensor(images(8, 3, 8, 8)), tc.tensor(np.arange(8) % 5)
    optimizer = optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert module.stem.bn.num_batches_tracked.item() == 25


def test_gradients_are_those_of_the_same_network_built_of_layers():
    module = from_model(residual()).double()
    for name, value in module.state_dict().items():
        assert value.dtype is (tc.int64 if "tracked" in name else tc.float64)

    class Plain(nn.Module):
        def __init__(self, like):
            super().__init__()
            self.stem, self.block, self.head = map(copy.deepcopy, (like.stem, like.block, like.head))

        def forward(self, x):
            c = nn.functional.relu(self.stem.bn(self.stem.conv(x)))
            g = nn.functional.relu(self.block.bn(self.block.conv(c)) + c)
            return self.head(nn.functional.max_pool2d(g, 2).flatten(1))

    plain, x = Plain(module), images(3, 3, 8, 8).astype(np.float64)
    weights = tc.tensor(images(3, 5, seed=5).astype(np.float64))
    for network in (module, plain):
        (network.train()(tc.tensor(x)) * weights).sum().backward()
    ours, theirs = dict(module.named_parameters()), dict(plain.named_parameters())
    assert set(ours) == set(theirs)
    for name in ours:
        assert np.allclose(ours[name].grad.numpy(), theirs[name].grad.numpy(), rtol=1e-10, atol=1e-12), name


def test_a_copy_and_a_state_dict_work_as_on_any_module():
    module, x = from_model(residual()), tc.tensor(images(1, 3, 8, 8))
    with tc.no_grad():
        before = module(x).numpy()
        twin = copy.deepcopy(module)
        module.head.weight.fill_(0)
        assert np.array_equal(twin(x).numpy(), before)
        module.load_state_dict(twin.state_dict())
        assert np.array_equal(module(x).numpy(), before)


def test_a_layer_that_runs_twice_is_one_layer():
    draft = Draft()
    parts = [draft.weight("same.weight", 3, 3, 1, 1), draft.weight("same.bias", 3)]
    draft.node("Conv", ["x", *parts], ["a"])
    draft.node("Relu", ["a"], ["b"])
    draft.node("Conv", ["b", *parts], ["y"])
    model = draft.model({"x": [1, 3, 4, 4]}, {"y": None})
    agree(model, images(1, 3, 4, 4))
    assert [name for name, _ in from_model(model).named_parameters()] == ["same.weight", "same.bias"]


def test_the_graph_is_the_same_after_json():
    module = from_model(residual())
    record = json.loads(json.dumps(module.graph.to_json(), allow_nan=False))
    again = GraphModule(Graph.from_json(record)).eval()
    again.load_state_dict(module.state_dict())
    x = tc.tensor(images(1, 3, 8, 8))
    with tc.no_grad():
        assert np.array_equal(again(x).numpy(), module(x).numpy())


def test_numbers_that_json_lacks_survive_it():
    draft = Draft()
    draft.node("Max", ["x", draft.weight("low", array=np.float32(-np.inf))], ["y"])
    graph = from_model(draft.model({"x": [2]}, {"y": [2]})).graph
    record = json.loads(json.dumps(graph.to_json(), allow_nan=False))
    assert Graph.from_json(record).constants["low"] == -np.inf


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "other"}, "not the record of a graph"),
        ({"format_version": 2}, "format version 2"),
        ({"nodes": [{}]}, "damaged"),
    ],
    ids=str,
)
def test_a_record_that_is_no_graph_is_refused(change, says):
    record = from_model(residual()).graph.to_json()
    with pytest.raises(RunError, match=says):
        Graph.from_json(record | change)


def test_what_was_not_trained_is_no_parameter():
    draft = Draft()
    draft.node("Sub", ["x", draft.weight("mean", 1, 3, 1, 1)], ["centred"])
    draft.node("Conv", ["centred", draft.weight("w", 2, 3, 1, 1)], ["a"])
    draft.node("Mul", ["a", draft.weight("scale", 1, 2, 1, 1)], ["b"])
    draft.node("Mul", ["b", draft.weight("half", array=np.float32(0.5))], ["y"])
    module = from_model(draft.model({"x": [1, 3, 4, 4]}, {"y": None}))
    assert {name for name, _ in module.named_parameters()} == {"conv1.weight", "scale"}
    assert set(module.graph.constants) == {"mean", "half"}


# --- names ----------------------------------------------------------------------------------------------------------


def test_names_that_say_nothing_become_kinds_with_numbers():
    draft = Draft()
    draft.node("Conv", ["x", draft.weight("onnx::Conv_7", 3, 3, 1, 1), draft.weight("onnx::Conv_8", 3)], ["a"])
    draft.node("Relu", ["a"], ["b"])
    draft.node("Conv", ["b", draft.weight("onnx::Conv_9", 3, 3, 1, 1)], ["c"], name="Conv_2")
    draft.node("Relu", ["c"], ["y"])
    module = from_model(draft.model({"x": [1, 3, 4, 4]}, {"y": None}))
    assert [path for path, _ in module.named_modules() if path] == ["conv1", "relu1", "conv2", "relu2"]
    assert [name for name, _ in module.named_parameters()] == ["conv1.weight", "conv1.bias", "conv2.weight"]


def test_names_that_a_module_has_already_or_that_lead_through_a_layer_are_changed():
    draft = Draft()
    draft.node("Conv", ["x", draft.weight("train.weight", 3, 3, 1, 1)], ["a"])
    draft.node("Conv", ["a", draft.weight("train.forward.weight", 3, 3, 1, 1)], ["b"])
    draft.node("Conv", ["b", draft.weight("train.forward.0.weight", 3, 3, 1, 1)], ["y"])
    model = draft.model({"x": [1, 3, 4, 4]}, {"y": None})
    agree(model, images(1, 3, 4, 4))
    names = [name for name, _ in from_model(model).named_parameters()]
    assert names[0] == "train_.weight"
    assert len(set(names)) == 3


def test_what_a_module_does_itself_lies_beside_its_submodules_and_weights():
    draft = Draft()
    draft.node("AveragePool", ["x"], ["a"], "/scale/AveragePool", kernel_shape=[2, 2])
    draft.node("Mul", ["a", draft.weight("scale.weight", 3, 1, 1)], ["b"], "/scale/Mul")
    draft.node("Conv", ["b", draft.weight("unit.conv.weight", 3, 3, 1, 1)], ["c"], "/unit/conv/Conv")
    draft.node("Relu", ["c"], ["y"], "/unit/Relu")
    model = draft.model({"x": [1, 3, 4, 4]}, {"y": None})
    agree(model, images(1, 3, 4, 4))
    module = from_model(model)
    assert [path for path, _ in module.named_modules() if "." in path] == ["scale.pool", "unit.conv", "unit.relu"]
    assert [name for name, _ in module.named_parameters()] == ["scale.weight", "unit.conv.weight"]
