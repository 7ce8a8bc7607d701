"""ONNX models read: what they compute, what their layers and weights are called, that they train, what is refused."""

import copy
import json
import warnings

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import MissingFileError, RunError, UnsupportedError
from tinyconv.models.graph import Graph, GraphModule

onnx = pytest.importorskip("onnx", reason="reads files with the package onnx")
from onnx_files import Draft, residual  # noqa: E402

from tinyconv.interop.onnx import load  # noqa: E402
from tinyconv.interop.onnx.reading import from_model  # noqa: E402


def images(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run(model, *inputs):
    """What our module makes of ``model``'s inputs."""
    with tc.no_grad(), tc.set_float32_precision("exact"):
        found = from_model(model)(*map(tc.tensor, inputs))
    return [part.numpy() for part in (found if isinstance(found, tuple) else (found,))]


def reference(model, *inputs):
    """What ONNX Runtime makes of them."""
    runtime = pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {port.name: value for port, value in zip(session.get_inputs(), inputs, strict=True)})


def agree(model, *inputs, tolerance=1e-5):
    for ours, theirs in zip(run(model, *inputs), reference(model, *inputs), strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        assert np.abs(ours - theirs).max(initial=0) <= tolerance * max(1, np.abs(theirs).max(initial=0))


# --- what is computed -----------------------------------------------------------------------------------------------


def test_a_network_gives_what_onnx_runtime_gives():
    agree(residual(), images(2, 3, 8, 8))


def test_a_shortcut_may_have_layers_of_its_own():
    draft = Draft()
    draft.node("Conv", ["x", draft.weight("main.weight", 4, 3, 1, 1)], ["a"])
    draft.node("BatchNormalization", ["a", *draft.norm("norm", 4)], ["b"])
    draft.node("Conv", ["x", draft.weight("short.weight", 4, 3, 1, 1)], ["c"])
    draft.node("Add", ["c", "b"], ["d"])
    draft.node("Relu", ["d"], ["y"])
    model = draft.model({"x": [2, 3, 5, 5]}, {"y": None})
    x = images(2, 3, 5, 5)
    assert sorted(type(step).__name__ for step in from_model(model)._steps) == ["Residual", "Row"]
    (theirs,) = reference(model, x)
    with tc.no_grad():
        fused = from_model(model)(tc.tensor(x)).numpy()
    assert np.allclose(fused, theirs, atol=1e-4)
    agree(model, x)


def test_a_weight_may_be_a_result():
    draft = Draft()
    draft.node("Relu", ["x"], ["y"])
    draft.weight("known", 2, 3)
    found = run(draft.model({"x": [2]}, {"y": [2], "known": [2, 3]}), images(2))
    assert np.array_equal(found[1], draft.values["known"])


def test_rows_in_fused_passes_give_what_single_layers_give():
    module, x = from_model(residual()), tc.tensor(images(2, 3, 8, 8))
    with tc.no_grad():
        fused = module(x).numpy()
        with tc.set_float32_precision("exact"):
            single = module(x).numpy()
    assert np.abs(fused - single).max() < 1e-4 * np.abs(single).max()


def test_its_layers_are_layers_in_rows_and_the_end_of_the_block_is_one_step():
    module = from_model(residual())
    assert {path: type(layer).__name__ for path, layer in module.named_modules() if not layer._modules} == {
        "stem.conv": "Conv2d",
        "stem.bn": "BatchNorm2d",
        "stem.relu": "ReLU",
        "block.conv": "Conv2d",
        "block.bn": "BatchNorm2d",
        "block.relu": "ReLU",
        "pool": "MaxPool2d",
        "head": "Linear",
    }
    kinds = [type(step).__name__ for step in module._steps]
    assert kinds[:3] == ["Row", "Residual", "Row"]
    assert len(module._steps[0].layers) == 3


def test_the_state_dict_has_the_file_s_names_and_values():
    model = residual()
    state = from_model(model).state_dict()
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert set(state) == {name for name in values if "." in name} | {
        "stem.bn.num_batches_tracked",
        "block.bn.num_batches_tracked",
    }
    for name in state:
        if "tracked" not in name:
            assert np.array_equal(state[name].numpy(), values[name]), name


def test_a_matrix_product_and_a_sum_are_a_linear_layer():
    draft = Draft()
    draft.node("Flatten", ["x"], ["flat"])
    draft.node("MatMul", ["flat", draft.weight("dense.kernel", 12, 5)], ["product"])
    draft.node("Add", [draft.weight("dense.bias", 5), "product"], ["sum"])
    draft.node("Gemm", ["sum", draft.weight("last.w", 5, 3)], ["y"], alpha=1.0, transB=0)
    model = draft.model({"x": ["N", 3, 4]}, {"y": ["N", 3]})
    agree(model, images(2, 3, 4))
    module = from_model(model)
    assert {path for path, layer in module.named_modules() if isinstance(layer, nn.Linear)} == {"dense", "last"}
    assert np.array_equal(module.dense.weight.detach().numpy(), draft.values["dense.kernel"].T)


def test_nothing_that_shapes_are_computed_with_is_met_by_who_watches_the_operations():
    from tinyconv.features import capture

    module = from_model(residual())
    with capture(module) as activations:
        module(tc.tensor(images(1, 3, 8, 8)))
    assert list(activations) == [
        "stem.conv", "stem.bn", "stem.relu", "block.conv", "block.bn", "add1", "block.relu", "pool", "head",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("Conv", {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ("Conv", {"auto_pad": "SAME_LOWER", "strides": [3, 2]}),
        ("Conv", {"pads": [0, 1, 2, 3]}),
        ("Conv", {"auto_pad": "VALID", "dilations": [2, 1]}),
        ("ConvTranspose", {"strides": [2, 2], "output_padding": [1, 1], "pads": [1, 1, 1, 1]}),
        ("ConvTranspose", {"strides": [2, 2], "pads": [0, 1, 2, 0]}),
        ("ConvTranspose", {"strides": [3, 2], "output_shape": [21, 15]}),
    ],
    ids=str,
)
def test_convolutions_whose_margins_differ_agree_too(operator, attributes):
    draft = Draft()
    draft.node(operator, ["x", draft.weight("w", 3, 3, 3, 3), draft.weight("b", 3)], ["y"], **attributes)
    agree(draft.model({"x": [2, 3, 7, 8]}, {"y": None}), images(2, 3, 7, 8))


@pytest.mark.parametrize("ceil_mode", [0, 1])
@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("MaxPool", {"pads": [1, 0, 0, 1]}),
        ("MaxPool", {"auto_pad": "SAME_LOWER"}),
        ("MaxPool", {"dilations": [2, 1], "pads": [1, 1, 1, 1]}),
        ("AveragePool", {"pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("AveragePool", {"pads": [1, 0, 0, 1]}),
        ("AveragePool", {"auto_pad": "SAME_UPPER"}),
        ("LpPool", {"p": 3}),
    ],
    ids=str,
)
def test_poolings_agree(operator, attributes, ceil_mode):
    if operator == "LpPool" and ceil_mode:
        pytest.skip("ONNX Runtime leaves ceil_mode of LpPool aside")
    draft = Draft(opset=19 if operator != "LpPool" else 18)
    extra = {} if operator == "LpPool" or "auto_pad" in attributes else {"ceil_mode": ceil_mode}
    draft.node(operator, ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 2], **attributes, **extra)
    agree(draft.model({"x": [2, 3, 8, 7]}, {"y": None}), images(2, 3, 8, 7))


# --- older operator sets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [None, 1, 2])
def test_before_operator_set_13_the_softmax_is_over_all_dimensions_from_its_axis_on(operator, axis):
    draft = Draft(opset=11)
    draft.node("Relu", ["x"], ["r"])
    draft.node(operator, ["r"], ["y"], **({} if axis is None else {"axis": axis}))
    agree(draft.model({"x": [2, 3, 4]}, {"y": None}), images(2, 3, 4))


def test_what_were_attributes_are_inputs():
    draft = Draft(opset=9)
    draft.node("Clip", ["x"], ["a"], min=-0.5, max=0.5)
    draft.node("Pad", ["a"], ["b"], pads=[0, 0, 1, 0, 0, 0, 0, 2], value=2.0)
    draft.node("Unsqueeze", ["b"], ["c"], axes=[0])
    draft.node("ReduceSum", ["c"], ["d"], axes=[3], keepdims=0)
    draft.node("Slice", ["d"], ["e"], starts=[0, 1], ends=[9, 9], axes=[1, 3])
    draft.node("Squeeze", ["e"], ["f"], axes=[0])
    draft.node("Dropout", ["f"], ["y"], ratio=0.3)
    agree(draft.model({"x": [2, 3, 4, 4]}, {"y": None}), images(2, 3, 4, 4))


def test_flags_of_operator_set_6_are_understood():
    draft = Draft(opset=6)
    scale, shift, mean, variance = (draft.weight(name, array=np.float32(values)) for name, values in (
        ("s", [1, 2, 3]), ("t", [0, 1, 0]), ("m", [0, 0, 1]), ("v", [1, 4, 1])
    ))  # fmt: skip
    draft.node("BatchNormalization", ["x", scale, shift, mean, variance], ["a"], is_test=1, epsilon=0.0)
    draft.node("PRelu", ["a", draft.weight("slope", array=np.float32([0.1, 0.2, 0.3]))], ["b"])
    draft.node("Add", ["b", draft.weight("bias", array=np.float32([10, 20, 30]))], ["c"], broadcast=1, axis=1)
    draft.node("Dropout", ["c"], ["y"], is_test=1, ratio=0.9)
    x = images(2, 3, 4, 4)
    (ours,) = run(draft.model({"x": [2, 3, 4, 4]}, {"y": [2, 3, 4, 4]}), x)
    v = {name: np.reshape(value, (3, 1, 1)) for name, value in draft.values.items()}
    normed = (x - v["m"]) / np.sqrt(v["v"]) * v["s"] + v["t"]
    assert np.allclose(ours, np.where(normed > 0, normed, v["slope"] * normed) + v["bias"], atol=1e-5)


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


# --- what is refused ------------------------------------------------------------------------------------------------


def refusal(model):
    with pytest.raises(UnsupportedError) as caught:
        run(model, images(1, 3, 4, 4))
    return str(caught.value)


def test_an_operator_that_is_not_offered_is_named():
    draft = Draft()
    draft.node("DequantizeLinear", ["x", draft.weight("s", array=np.float32(1))], ["y"])
    draft.nodes[0].input[0] = "x"
    text = refusal_of_unchecked(draft, "DequantizeLinear")
    assert "there are no 8-bit layers" in text


def refusal_of_unchecked(draft, operator):
    """The refusal of a model that the checker would not let pass."""
    from onnx import TensorProto, helper

    ports = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, None)] for name in "xy"]
    model = helper.make_model(helper.make_graph(draft.nodes, "g", *ports, draft.weights))
    model.opset_import[0].version = 17
    with pytest.raises(UnsupportedError, match=f"operator {operator} ") as caught:
        from_model(model)
    return str(caught.value)


def test_an_attribute_that_is_not_known_is_named():
    draft = Draft()
    draft.node("Relu", ["x"], ["y"], slope=0.5)
    assert "attribute 'slope'" in refusal_of_unchecked(draft, "Relu")


def test_a_cubic_is_refused_by_name():
    draft = Draft()
    scales = draft.weight("scales", array=np.array([1, 1, 2, 2], np.float32))
    draft.node("Resize", ["x", "", scales], ["y"], mode="cubic")
    text = refusal(draft.model({"x": [1, 3, 4, 4]}, {"y": None}))
    assert "node Resize (which makes 'y'): operator Resize with mode='cubic' is not offered" in text


@pytest.mark.parametrize("opset", [5, 99])
def test_an_operator_set_outside_those_that_are_known_is_refused(opset):
    draft = Draft()
    draft.node("Relu", ["x"], ["y"])
    model = draft.model({"x": [1]}, {"y": [1]})
    model.opset_import[0].version = opset
    with pytest.raises(UnsupportedError, match=f"operator set {opset}"):
        from_model(model)


def test_a_half_precision_network_is_refused_with_the_way_out():
    draft = Draft()
    draft.node("Conv", ["x", draft.weight("w", array=np.ones((1, 3, 1, 1), np.float16))], ["y"])
    with pytest.raises(tc.TinyconvError, match=r"'w' has type float16.*export the network in float32"):
        refusal_of_unchecked(draft, "Conv")


def test_a_file_that_is_missing_or_no_model_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"nowhere\.onnx does not exist"):
        load(tmp_path / "nowhere.onnx")
    other = tmp_path / "other.onnx"
    other.write_bytes(b"no model")
    with pytest.raises(RunError, match=r"other\.onnx is no valid ONNX model"):
        load(other)
    with pytest.raises(RunError, match="is a folder"):
        load(tmp_path)


def test_a_file_is_read(tmp_path):
    onnx.save(residual(), tmp_path / "small.onnx")
    module = load(tmp_path / "small.onnx")
    assert not module.training
    assert module(tc.zeros(2, 3, 8, 8)).shape == (2, 5)


def test_another_number_of_inputs_is_refused_with_their_names():
    with pytest.raises(tc.TinyconvError, match=r"takes 1 inputs \(image\), got 2"):
        from_model(residual())(tc.zeros(1, 3, 8, 8), tc.zeros(1))


# --- what other frameworks write ------------------------------------------------------------------------------------


def test_a_network_that_pytorch_exported_has_pytorch_s_names_and_results(tmp_path):
    torch = pytest.importorskip("torch", reason="exports the network")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            norm = torch.nn.BatchNorm2d
            self.features = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, 2, 1, bias=False), norm(4), torch.nn.ReLU6())
            self.slope = torch.nn.PReLU(4)
            self.up = torch.nn.ConvTranspose2d(4, 4, 2, 2)
            self.pool = torch.nn.AvgPool2d(2, ceil_mode=True)
            self.drop, self.head = torch.nn.Dropout(0.3), torch.nn.Linear(64, 5)

        def forward(self, x):
            x = self.pool(self.up(self.slope(self.features(x))))
            return self.head(self.drop(x.reshape(x.shape[0], -1)))

    torch.manual_seed(0)
    net = Net().eval()
    x = torch.randn(2, 3, 8, 8)
    file = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, x, file, dynamo=False, opset_version=17, input_names=["x"], dynamic_axes={"x": {0: "N"}},
            do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
        )  # fmt: skip
    module = load(file)
    assert list(module.state_dict()) == list(net.state_dict())
    assert {type(layer).__name__ for layer in module.modules()} >= {"ReLU6", "PReLU", "ConvTranspose2d", "AvgPool2d"}
    with tc.no_grad(), tc.set_float32_precision("exact"):
        ours = module(tc.tensor(x.numpy())).numpy()
    assert np.allclose(ours, net(x).detach().numpy(), atol=1e-5)
    assert module.slope.weight.shape == (4,)
