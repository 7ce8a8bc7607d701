"""What is not offered of ONNX is refused by name and reason, never run wrongly."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.core.errors import MissingFileError, RunError, UnsupportedError

onnx = pytest.importorskip("onnx", reason="reads files with the package onnx")
from onnx_files import Draft, images, residual, run  # noqa: E402

from tinyconv.interop.onnx import load  # noqa: E402
from tinyconv.interop.onnx.reading import from_model  # noqa: E402


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
