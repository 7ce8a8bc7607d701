"""ONNX models read: what they compute, in old and new operator sets and from other frameworks."""

import warnings

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn

onnx = pytest.importorskip("onnx", reason="reads files with the package onnx")
from onnx_files import Draft, agree, images, reference, residual, run  # noqa: E402

from tinyconv.interop.onnx import load  # noqa: E402
from tinyconv.interop.onnx.reading import from_model  # noqa: E402

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
