"""The commands on a GPU, beside the same on the CPU."""

import csv
import json

import numpy as np
import pytest
from command import tinyconv
from device_arrays import synchronisations
from PIL import Image
from stand_in import cuda_without_gpu
from tiny_run import OPTIONS, write_dataset

from tinyconv.autograd.operation import Operation
from tinyconv.core import cache


@pytest.fixture(autouse=True, scope="module")
def device(exact):
    with cuda_without_gpu():
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder and answer of a training on each device."""
    folder = tmp_path_factory.mktemp("runs")
    data = write_dataset(folder / "data.npz")
    for where in ("cpu", "cuda"):
        outcome = tinyconv("train", "--data", f"npz:{data}", "--out", folder / where, *OPTIONS, "--device", where)
        assert outcome.code == 0, outcome.stderr
    return folder


def on_device(*words):
    """The answer of a command that computes on the GPU: it has brought something back from there."""
    with synchronisations() as waits:
        outcome = tinyconv(*words, "--device", "cuda")
    assert outcome.code == 0, outcome.stderr
    assert waits
    return outcome.stdout


def test_a_training_is_that_of_the_cpu_and_says_where_it_was(runs):
    losses = {}
    for where in ("cpu", "cuda"):
        assert json.loads((runs / where / "run.json").read_text())["device"] == where
        with (runs / where / "metrics.csv").open() as file:
            losses[where] = [float(row["train_loss"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(losses["cuda"], losses["cpu"], rtol=1e-3)


def test_what_was_trained_on_a_gpu_predicts_on_both(runs, tmp_path):
    image = tmp_path / "image.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (12, 12), np.uint8)).save(image)
    words = ("predict", runs / "cuda", image, "--json")
    here, there = json.loads(tinyconv(*words).stdout)[0], json.loads(on_device(*words))[0]
    assert there["class"] == here["class"]
    assert there["probability"] == pytest.approx(here["probability"], abs=1e-4)


def test_feature_maps_are_those_of_the_cpu(runs, tmp_path):
    image = tmp_path / "image.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (12, 12), np.uint8)).save(image)
    tinyconv("features", runs / "cpu", image, "--format", "npz", "--out", tmp_path / "here")
    on_device("features", runs / "cpu", image, "--format", "npz", "--out", tmp_path / "there")
    here, there = (np.load(tmp_path / name / "features.npz", allow_pickle=False) for name in ("here", "there"))
    assert here.files == there.files
    for name in here.files:
        if here[name].dtype.kind == "f":
            np.testing.assert_allclose(there[name], here[name], atol=1e-5)


@pytest.mark.parametrize("words", [("profile", "lenet", "--batch", 2, "--steps", 1), ("warmup", "lenet")])
def test_a_model_is_profiled_and_its_kernels_are_prepared_there(words, monkeypatch):
    devices = []
    original = Operation._prepare

    def prepare(operation, inputs):
        original(operation, inputs)
        devices.append(operation.device.type)

    monkeypatch.setattr(Operation, "_prepare", prepare)
    outcome = tinyconv(*words, "--device", "cuda")
    assert outcome.code == 0, outcome.stderr
    assert "cuda" in devices
    assert devices.count("cpu") < devices.count("cuda") / 2  # drawing numbers, on their way
    if words[0] == "warmup":
        assert str(cache.folder() / "ptx") in outcome.stdout
