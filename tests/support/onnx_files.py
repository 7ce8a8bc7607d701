"""Small ONNX models for tests, written with the package onnx, and what we and ONNX Runtime make of them."""

import numpy as np
import pytest

import tinyconv as tc


class Draft:
    """A model under construction: nodes and weights are added, ``model()`` gives the ``ModelProto``."""

    def __init__(self, seed=0, opset=17):
        self.draw = np.random.default_rng(seed)
        self.opset = opset
        self.nodes, self.weights, self.values = [], [], {}

    def weight(self, name, *shape, array=None):
        from onnx import numpy_helper

        values = self.draw.standard_normal(shape).astype(np.float32) if array is None else np.asarray(array)
        self.values[name] = values
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, operator, inputs, outputs, name="", **attributes):
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, outputs, name=name, **attributes))

    def model(self, inputs, outputs):
        """``inputs``, ``outputs``: name -> shape; a text in it is a size that varies, None leaves it open."""
        from onnx import TensorProto, checker, helper

        ports = [
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in some.items()]
            for some in (inputs, outputs)
        ]
        graph = helper.make_graph(self.nodes, "graph", *ports, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        if None not in outputs.values():
            checker.check_model(model)
        return model

    def norm(self, name, channels):
        """The five inputs of a batch normalisation behind its first."""
        parts = [self.weight(f"{name}.{part}", channels) for part in ("weight", "bias", "running_mean")]
        spread = np.abs(self.draw.standard_normal(channels)).astype(np.float32) + 0.5
        return [*parts, self.weight(f"{name}.running_var", array=spread)]


def residual(seed=0):
    """A small residual network for images (N, 3, 8, 8) and 5 classes, named as PyTorch's exporter names things."""
    draft = Draft(seed)
    weight, node = draft.weight, draft.node
    node(
        "Conv",
        ["image", weight("stem.conv.weight", 4, 3, 3, 3), weight("stem.conv.bias", 4)],
        ["a"],
        "/stem/conv/Conv",
        pads=[1, 1, 1, 1],
    )
    node("BatchNormalization", ["a", *draft.norm("stem.bn", 4)], ["b"], "/stem/bn/BatchNormalization")
    node("Relu", ["b"], ["c"], "/stem/relu/Relu")
    node("Conv", ["c", weight("block.conv.weight", 4, 4, 3, 3)], ["d"], "/block/conv/Conv", pads=[1, 1, 1, 1])
    node("BatchNormalization", ["d", *draft.norm("block.bn", 4)], ["e"], "/block/bn/BatchNormalization")
    node("Add", ["e", "c"], ["f"], "/block/Add")
    node("Relu", ["f"], ["g"], "/block/relu/Relu")
    node("MaxPool", ["g"], ["h"], "/pool/MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    # x.view(x.size(0), -1), as it is written down: the shape, a number of it, joined with -1.
    node("Shape", ["h"], ["shape"])
    node("Gather", ["shape", weight("zero", array=np.int64(0))], ["batch"])
    node("Unsqueeze", ["batch", weight("first", array=np.array([0]))], ["batches"])
    node("Concat", ["batches", weight("rest", array=np.array([-1]))], ["target"], axis=0)
    node("Reshape", ["h", "target"], ["flat"])
    node("Gemm", ["flat", weight("head.weight", 5, 64), weight("head.bias", 5)], ["scores"], "/head/Gemm", transB=1)
    return draft.model({"image": ["N", 3, 8, 8]}, {"scores": ["N", 5]})


def images(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run(model, *inputs):
    """What our module makes of ``model``'s inputs."""
    from tinyconv.interop.onnx.reading import from_model

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
