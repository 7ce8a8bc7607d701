"""What is written, what stays open, and what is refused, of models as ONNX files."""

import io
import json
import sys

import numpy as np
import pytest
from command import tinyconv
from tiny_run import train_tiny_run

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, RunError, UnsupportedError
from tinyconv.interop.onnx import export

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra [onnx]")


class Net(nn.Module):
    """A convolution, then whatever a test wants of it."""

    def __init__(self, then):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.then = then

    def forward(self, x):
        return self.then(self.conv(x))


def written(model, shape=(2, 1, 6, 6), **options):
    file = io.BytesIO()
    export(model, tc.zeros(*shape), file, **options)
    return onnx.load_from_string(file.getvalue())


def sizes(values):
    return {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values
    }


def test_weights_have_the_names_and_the_numbers_of_the_state_dict():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.PReLU(4), nn.Flatten(), nn.Linear(64, 2))
    found = {one.name: onnx.numpy_helper.to_array(one) for one in written(model).graph.initializer}
    for name, tensor in model.state_dict().items():
        if name != "1.num_batches_tracked":
            assert np.array_equal(found[name].reshape(tensor.shape), tensor.numpy()), name
    assert [node.name for node in written(model).graph.node][:2] == ["/0/Conv", "/1/BatchNormalization"]


def test_a_weight_that_two_layers_share_is_written_once():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    model[2].weight = model[0].weight
    assert [one.name for one in written(model, (2, 6)).graph.initializer] == ["0.weight", "0.bias", "2.bias"]


def test_the_batch_stays_open_and_nothing_else():
    graph = written(Net(lambda x: x.flatten(1))).graph
    assert sizes(graph.input) == {"images": ["N", 1, 6, 6]}
    assert sizes(graph.output) == {"logits": ["N", 144]}
    assert sizes(written(Net(nn.ReLU()), dynamic_axes={}).graph.input) == {"images": [2, 1, 6, 6]}


def test_height_and_width_stay_open_where_the_graph_does_not_need_them():
    runtime = pytest.importorskip("onnxruntime", reason="exported files are held against ONNX Runtime")
    model = Net(nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(2))).eval()
    file = io.BytesIO()
    export(model, tc.zeros(1, 1, 6, 7), file, dynamic_axes={"images": {2: "height", 3: "width"}})
    assert sizes(onnx.load_from_string(file.getvalue()).graph.input) == {"images": [1, 1, "height", "width"]}
    session = runtime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for size in ((6, 7), (9, 4), (30, 21)):
        x = np.random.default_rng(0).standard_normal((1, 1, *size)).astype(np.float32)
        assert np.allclose(session.run(None, {"images": x})[0], model(tc.tensor(x)).detach().numpy(), atol=1e-5)
    maps = written(Net(nn.ReLU()), dynamic_axes={"images": [2, 3]}).graph
    assert sizes(maps.output) == {"logits": [2, 4, "images_size_2", "images_size_3"]}


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.Linear(144, 2)),
            r"\(2, 1, 6, 6\) and \(2, 1, 7, 8\) the model takes",
        ),
        (nn.AdaptiveAvgPool2d(2), "AdaptiveAvgPool2d in AdaptiveAvgPool2d 'then' is written for maps of 6x6"),
        (nn.MaxPool2d(3, 2, ceil_mode=True), "MaxPool2d in MaxPool2d 'then' is written for maps of 6x6"),
        (lambda x: x.reshape(2, 2 * x.shape[2], -1), r"Reshape in Net gives \(2, 12, 12\) for one input and"),
        (nn.Upsample(scale_factor=2), "Resample in Upsample 'then' is written for maps of 6"),
    ],
    ids=["linear", "adaptive", "ceil", "reshape", "upsample"],
)
def test_what_depends_on_the_size_of_maps_is_refused_where_it_was_to_stay_open(then, words):
    with pytest.raises(UnsupportedError, match=words):
        written(Net(then), dynamic_axes={"images": [2, 3]})


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (lambda x: x * float(x.array.max()), "Multiply in Net takes numbers that depend on the input"),
        (lambda x: x + tc.tensor(x.numpy() * 2), "Add in Net takes numbers that depend on the input"),
        (lambda x: x.relu() if x.array.max() > 1 else x.sigmoid(), "runs Sigmoid in Net on one input, where it runs"),
        (lambda x: x.clamp(max=float(x.array.mean())), "takes numbers that depend on the input"),
        (lambda x: x / len(x), "Divide in Net takes numbers that depend on the input"),
        (lambda x: x + 1 if len(x) == 2 else x, "runs 2 operators on one input and 1 on another"),
        (lambda x: nn.functional.dropout(x, 0.5, True), "Dropout in Net draws random numbers"),
        (lambda x: x.cumsum(1), "CumulativeSum in Net has no counterpart"),
        (lambda x: x[x > 0], "takes elements by several lists of positions"),
        (nn.BatchNorm2d(4, track_running_stats=False), "BatchNorm in BatchNorm2d 'then' normalises by the statistics"),
        (nn.Softplus(threshold=2.0), "Softplus in Softplus 'then' is a straight line"),
        (lambda x: _written_through_a_view(x), "was overwritten through another tensor"),
    ],
    ids=[
        "number",
        "array",
        "branch",
        "bound",
        "batch size",
        "fewer",
        "random",
        "unknown",
        "mask",
        "batch statistics",
        "threshold",
        "view",
    ],
)
def test_what_the_graph_would_not_do_is_refused_with_the_module(then, words):
    with pytest.raises(UnsupportedError, match=words):
        written(Net(then))


def _written_through_a_view(x):
    y = x * 1
    y[:, 0].mul_(2)
    return y + 1


def test_several_inputs_and_outputs_have_names_of_their_own():
    class Two(nn.Module):
        def forward(self, x, y):
            return {"sum": x + y, "same": x, "twice": (x + y, x)}

    graph_of = io.BytesIO()
    done = export(Two(), (tc.zeros(2, 3), tc.zeros(2, 3)), graph_of, input_names=("a", "b"), output_names=list("pqrs"))
    assert (done.inputs, done.outputs) == ({"a": ("N", 3), "b": ("N", 3)}, dict.fromkeys("pqrs", ("N", 3)))
    graph = onnx.load_from_string(graph_of.getvalue()).graph
    assert [node.op_type for node in graph.node].count("Add") == 2
    (found,) = {tuple(sizes(graph.output)[name]) for name in "pqrs"}
    assert found == ("N", 3)


def test_a_model_keeps_its_modes_its_numbers_and_its_gradients():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    model[1].eval()
    before = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    written(model)
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert all(np.array_equal(tensor.numpy(), before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_equal_models_make_equal_bytes_of_the_opset_that_is_asked_for():
    model = Net(nn.ReLU())
    assert written(model).SerializeToString() == written(model).SerializeToString()
    assert [one.version for one in written(model).opset_import] == [18]
    assert [one.version for one in written(model, opset_version=20).opset_import] == [20]
    for version in (17, 1000, "18", True):
        with pytest.raises(ArgumentError, match="opset_version is"):
            written(model, opset_version=version)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"input_names": ("a", "b")}, "input_names must name 1 tensor, got"),
        ({"output_names": ("images",)}, "share the name 'images'"),
        ({"dynamic_axes": {"image": [0]}}, "dynamic_axes names 'image'; the inputs are images"),
        ({"dynamic_axes": {"images": {4: "N"}}}, "an axis from 0 to 3"),
    ],
    ids=["names", "shared", "unknown", "axis"],
)
def test_names_and_axes_that_do_not_fit_are_refused(options, words):
    with pytest.raises(ArgumentError, match=words):
        written(Net(nn.ReLU()), **options)
    with pytest.raises(ArgumentError, match=r"must be an nn\.Module"):
        export(lambda x: x, tc.zeros(1), "model.onnx")


def test_double_precision_stays_what_it_is():
    graph = written(Net(nn.ReLU())).graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    file = io.BytesIO()
    export(nn.Linear(3, 2).double(), tc.zeros(1, 3, dtype=tc.float64), file)
    graph = onnx.load_from_string(file.getvalue()).graph
    assert {one.data_type for one in graph.initializer} == {onnx.TensorProto.DOUBLE}


def test_pytorch_s_names_write_fixed_sizes_unless_they_are_told(tmp_path):
    model = Net(nn.ReLU())
    tc.onnx.export(model, (tc.zeros(2, 1, 6, 6),), tmp_path / "fixed.onnx")
    graph = onnx.load(tmp_path / "fixed.onnx").graph
    assert (sizes(graph.input), sizes(graph.output)) == ({"input": [2, 1, 6, 6]}, {"output": [2, 4, 6, 6]})
    axes = {"x": {0: "batch"}, "y": {0: "batch"}}
    tc.onnx.export(model, tc.zeros(2, 1, 6, 6), tmp_path / "open.onnx", input_names=["x"], output_names=["y"],
                   dynamic_axes=axes, opset_version=19)  # fmt: skip
    graph = onnx.load(tmp_path / "open.onnx").graph
    assert (sizes(graph.input), sizes(graph.output)) == ({"x": ["batch", 1, 6, 6]}, {"y": ["batch", 4, 6, 6]})
    with pytest.raises(UnsupportedError, match="export_params=False"):
        tc.onnx.export(model, tc.zeros(2, 1, 6, 6), tmp_path / "no.onnx", export_params=False)
    with pytest.raises(RunError, match="cannot be written"):
        tc.onnx.export(model, tc.zeros(2, 1, 6, 6), tmp_path / "missing" / "no.onnx")


def test_the_command_writes_a_run_with_its_classes_and_its_preprocessing(tmp_path):
    run, file = train_tiny_run(tmp_path), tmp_path / "model.onnx"
    outcome = tinyconv("export", run, file)
    assert (outcome.code, outcome.stdout) == (0, f"{file}\n")
    assert "opset 18, checked; images Nx1x12x12, logits Nx2" in outcome.stderr
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    notes = {note.key: note.value for note in model.metadata_props}
    assert json.loads(notes["classes"]) == ["left", "right"]
    record = json.loads((run / "run.json").read_text())
    assert json.loads(notes["preprocessing"]) == record["preprocessing"]
    assert (notes["model"], notes["epoch"]) == (record["model"]["name"], "2")

    again = tinyconv("export", run, file)
    assert again.code == 2
    assert "exists" in again.stderr
    assert "--force" in again.stderr
    assert tinyconv("export", run, file, "--force", "--batch-size", 3, "--checkpoint", "best").code == 0
    assert sizes(onnx.load(file).graph.input) == {"images": [3, 1, 12, 12]}
    for arguments, words in [
        ((tmp_path, file), "not a run folder"),
        ((run, tmp_path / "new.onnx", "--opset", 7), "opset_version is 7"),
        ((run, tmp_path / "none" / "new.onnx"), "cannot be written"),
        ((run, tmp_path), "is a directory"),
    ]:
        outcome = tinyconv("export", *arguments)
        assert outcome.code == 2
        assert words in outcome.stderr
        assert outcome.stderr.count("\n") <= 3


def test_where_the_package_is_missing_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'tinyconv\[onnx\]'"):
        export(nn.ReLU(), tc.zeros(1), io.BytesIO())
