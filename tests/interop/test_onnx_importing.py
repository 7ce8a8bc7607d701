"""Runs made of ONNX files: what they compute, what they are called, which commands work on them, what is refused."""

import json
import shutil

import numpy as np
import pytest
from command import tinyconv
from PIL import Image

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, DataError, RunError, UnsupportedError
from tinyconv.train import load_run, resume_run

onnx = pytest.importorskip("onnx", reason="reads files with the package onnx")
from onnx_files import Draft, residual  # noqa: E402

from tinyconv.interop.onnx import export_run, import_run, load  # noqa: E402

CLASSES = ["ant", "bee", "cat", "dog", "eel"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    onnx.save(residual(), path)
    return path


@pytest.fixture(scope="module")
def run(file):
    folder = file.parent / "run"
    import_run(file, folder, classes=CLASSES, mean=[0.5], std=[0.25, 0.2, 0.1])
    return folder


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


# --- the run --------------------------------------------------------------------------------------------------------


def test_the_run_computes_what_the_file_does_of_normalised_images(file, run):
    loaded = load_run(run)
    images = np.random.default_rng(1).random((3, 3, 8, 8)).astype(np.float32)
    mean, std = np.full((3, 1, 1), 0.5), np.array([0.25, 0.2, 0.1]).reshape(3, 1, 1)
    with tc.no_grad():
        expected = load(file)(tc.tensor(((images - mean) / std).astype(np.float32))).numpy()
    assert np.allclose(loaded.logits(images), expected, atol=1e-4)
    assert loaded.classes == tuple(CLASSES)
    assert loaded.record["model"]["name"] == "small.onnx"
    assert loaded.record["status"] == "imported"
    assert sorted(path.name for path in run.iterdir()) == ["graph.json", "last.safetensors", "run.json"]


def test_its_model_trains_on(run):
    model = load_run(run).model.train()
    before = model.head.weight.detach().numpy().copy()
    optimizer = tc.optim.SGD(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(model(tc.randn(4, 3, 8, 8)), tc.tensor([0, 1, 2, 3])).backward()
    optimizer.step()
    assert np.abs(model.head.weight.detach().numpy() - before).max() > 0


def test_it_has_no_training_to_go_on_with(run):
    with pytest.raises(RunError, match=r"was imported, so it has no training to go on with; in a script"):
        resume_run(run)


def test_a_softmax_at_the_end_is_left_out_and_a_file_for_one_image_takes_many(tmp_path):
    draft = Draft()
    draft.node("Relu", ["image"], ["r"])
    draft.node("Reshape", ["r", draft.weight("shape", array=np.array([1, 192]))], ["flat"])
    draft.node("Gemm", ["flat", draft.weight("w", 4, 192)], ["z"], transB=1)
    draft.node("Softmax", ["z"], ["y"])
    onnx.save(draft.model({"image": [1, 3, 8, 8]}, {"y": [1, 4]}), tmp_path / "one.onnx")
    imported = import_run(tmp_path / "one.onnx", tmp_path / "run")
    assert any("softmax" in note for note in imported.notes)
    x = np.random.default_rng(0).random((5, 3, 8, 8)).astype(np.float32)
    logits = load_run(tmp_path / "run").logits(x)
    assert np.allclose(logits, np.maximum(x, 0).reshape(5, -1) @ draft.values["w"].T, atol=1e-4)


def test_maps_of_one_pixel_are_classes_and_the_softmax_before_a_flatten_is_found(tmp_path):
    draft = Draft()
    draft.node("Conv", ["image", draft.weight("w", 4, 3, 1, 1)], ["a"])
    draft.node("GlobalAveragePool", ["a"], ["b"])
    onnx.save(draft.model({"image": ["N", 3, 8, 8]}, {"b": ["N", 4, 1, 1]}), tmp_path / "maps.onnx")
    import_run(tmp_path / "maps.onnx", tmp_path / "maps")
    draft.node("Softmax", ["b"], ["c"], axis=1)
    draft.node("Flatten", ["c"], ["d"])
    onnx.save(draft.model({"image": ["N", 3, 8, 8]}, {"d": ["N", 4]}), tmp_path / "soft.onnx")
    import_run(tmp_path / "soft.onnx", tmp_path / "soft")
    x = np.random.default_rng(0).random((2, 3, 8, 8)).astype(np.float32)
    first, second = (load_run(tmp_path / name).logits(x) for name in ("maps", "soft"))
    assert first.shape == (2, 4)
    assert np.allclose(first, second, atol=1e-6)


def test_the_classes_and_the_normalisation_of_an_exported_run_come_back(run, tmp_path):
    export_run(load_run(run), tmp_path / "again.onnx")
    imported = import_run(tmp_path / "again.onnx", tmp_path / "again")
    original = load_run(run)
    assert imported.classes == original.classes
    assert imported.preprocessing == original.preprocessing
    assert imported.notes == ()
    x = np.random.default_rng(1).random((3, 3, 8, 8)).astype(np.float32)
    assert np.allclose(load_run(tmp_path / "again").logits(x), original.logits(x), atol=1e-4)


# --- the commands ---------------------------------------------------------------------------------------------------


def test_the_command_makes_a_run_and_the_others_work_on_it(file, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("\n".join(CLASSES) + "\n")
    outcome = tinyconv("import", file, "--classes", "names.txt", "--mean", "0.5", "--std", "0.2,0.2,0.3")
    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout.strip() == "runs/small"
    assert "images 3x8x8; 5 classes: ant, bee, cat, dog, eel" in outcome.stderr
    predicted = tinyconv("predict", "runs/small", photo, "--json")
    assert set(json.loads(predicted.stdout)[0]["top"]) <= set(CLASSES)
    listed = json.loads(tinyconv("summary", "runs/small", "--json").stdout)
    assert [layer["layer"] for layer in listed["layers"] if layer["type"] == "Conv2d"] == ["stem.conv", "block.conv"]
    assert tinyconv("features", "runs/small", photo, "--format", "npz").code == 0
    again = tinyconv("import", file)
    assert again.code == 2
    assert "--force" in again.stderr
    assert tinyconv("import", file, "--force").code == 0


def test_images_that_come_with_it_judge_the_run(file, tmp_path):
    draw = np.random.default_rng(0)
    np.savez(
        tmp_path / "data.npz",
        images=draw.random((10, 8, 8, 3)).astype(np.float32),
        labels=np.arange(10) % 5,
        class_names=np.array(CLASSES),
    )
    outcome = tinyconv("import", file, "--out", tmp_path / "run", "--data", f"npz:{tmp_path / 'data.npz'}")
    assert outcome.code == 0, outcome.stderr
    judged = tinyconv("evaluate", tmp_path / "run")
    assert judged.code == 0, judged.stderr
    metrics = json.loads(next((tmp_path / "run" / "evaluation").rglob("metrics.json")).read_text())
    assert len(load_run(tmp_path / "run").record["classes"]) == 5
    assert metrics["images"] == 10


def test_without_images_the_commands_that_need_some_say_how_to_give_them(run):
    outcome = tinyconv("evaluate", run)
    assert outcome.code == 2
    assert "--data" in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"classes": ["a", "b"]}, ArgumentError, "--classes names 2 classes, and the network tells 5 apart"),
        ({"classes": ["a"] * 5}, ArgumentError, "names a class twice"),
        ({"mean": [0.1, 0.2]}, ArgumentError, "--mean takes one number, or one for each of 3 channels, got 2"),
        ({"std": [0.0]}, ArgumentError, "--std must be above 0"),
        ({"image_size": (9, 9)}, ArgumentError, "the network takes images of 8x8"),
        ({"output": "logit"}, ArgumentError, "there is no output 'logit'; the outputs are: scores"),
        ({"data": "npz:nowhere.npz"}, DataError, "nowhere.npz"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named_and_nothing_is_written(file, tmp_path, options, error, says):
    with pytest.raises(error) as caught:
        import_run(file, tmp_path / "run", **options)
    assert says in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"x": ["N", 8, 8, 3]}, "Conv"),
        ({"x": ["N", 224, 224, 3]}, "export it with the channels first"),
        ({"x": ["N", 5]}, "takes (?, 5)"),
    ],
    ids=str,
)
def test_a_network_that_is_no_classifier_of_images_is_refused(tmp_path, inputs, says):
    draft = Draft()
    if len(inputs["x"]) == 4:
        draft.node("Conv", ["x", draft.weight("w", 4, 3, 1, 1)], ["y"])
    else:
        draft.node("Relu", ["x"], ["y"])
    onnx.save(draft.model(inputs, {"y": ["a", "b", "c", "d"][: len(inputs["x"])]}), tmp_path / "other.onnx")
    with pytest.raises(tc.TinyconvError) as caught:
        import_run(tmp_path / "other.onnx", tmp_path / "run")
    assert str(caught.value).startswith(f"{tmp_path / 'other.onnx'}: ")
    assert says.lower() in str(caught.value).lower()


def test_maps_that_are_no_classes_are_refused(tmp_path):
    draft = Draft()
    draft.node("Conv", ["x", draft.weight("w", 4, 3, 1, 1)], ["y"])
    onnx.save(draft.model({"x": ["N", 3, 8, 8]}, {"y": ["N", 4, 8, 8]}), tmp_path / "maps.onnx")
    with pytest.raises(UnsupportedError, match=r"for two images the network gives \(2, 4, 8, 8\)"):
        import_run(tmp_path / "maps.onnx", tmp_path / "run")


def test_a_run_whose_graph_is_missing_or_damaged_says_so(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "graph.json").write_text("{}")
    with pytest.raises(RunError, match=r"graph\.json is missing or damaged"):
        load_run(tmp_path / "run")
    (tmp_path / "run" / "graph.json").unlink()
    with pytest.raises(RunError, match=r"graph\.json is missing or damaged"):
        load_run(tmp_path / "run")
