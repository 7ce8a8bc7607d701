"""Weights to begin with: taken by name and shape, and what is not taken is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import tinyconv
from tiny_run import train_tiny_run

import tinyconv as tc
from tinyconv import models, nn
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.data.images import ImageData
from tinyconv.train import Experiment, Recipe, load_run, resume_run, start_from

OPTIONS = ("--batch-size", 16, "--probes", 1, "--feature-epochs", "1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_run(tmp_path_factory.mktemp("start"))


def network(classes: int = 2, channels: int = 1) -> nn.Module:
    return models.facenet(channels, classes, (12, 12))


def test_a_file_gives_what_fits_and_the_rest_begins_anew(tmp_path: Path) -> None:
    tc.manual_seed(0)
    source, model = network(classes=10), network(classes=3)
    before = model.fc.weight.detach().clone()
    tc.save({**source.state_dict(), "aux.weight": tc.ones(2)}, tmp_path / "old.safetensors")
    start = start_from(model, tmp_path / "old.safetensors")
    for name, value in model.state_dict().items():
        if not name.startswith("fc."):
            assert (value == source.state_dict()[name]).all(), name
    assert (model.fc.weight == before).all()
    features = source.fc.in_features
    assert start.anew == (f"fc.weight (3x{features}, in the file 10x{features})", "fc.bias (3, in the file 10)")
    assert start.left == ("aux.weight",)
    assert start.taken == len(source.state_dict()) - 2
    assert f"{start.taken} tensors taken; anew: fc.weight" in str(start)
    assert str(start).endswith("; not used: aux.weight")


def test_a_checkpoint_that_holds_more_gives_its_model(tmp_path: Path) -> None:
    source, model = network(), network()
    tc.save({"model": source.state_dict(), "epoch": 3}, tmp_path / "checkpoint.safetensors")
    assert not start_from(model, tmp_path / "checkpoint.safetensors").anew
    assert (model.conv1.weight == source.conv1.weight).all()
    tc.save({"epoch": tc.ones(1), "losses": [1.0]}, tmp_path / "other.safetensors")
    with pytest.raises(RunError, match=r"other\.safetensors holds no state dict"):
        start_from(model, tmp_path / "other.safetensors")


def test_what_another_library_lacks_is_no_obstacle(tmp_path: Path) -> None:
    """Files of old versions of PyTorch do not count batches."""
    source, model = network(), network()
    state = {name: value for name, value in source.state_dict().items() if "num_batches" not in name}
    tc.save(state, tmp_path / "old.npz")
    start = start_from(model, tmp_path / "old.npz")
    assert start.anew[0] == "bn1.num_batches_tracked (not in the file)"
    assert (model.fc.bias == source.fc.bias).all()


def test_weights_of_another_network_are_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tc.save(models.lenet(1, 2, (12, 12)).state_dict(), tmp_path / "lenet.safetensors")
    with pytest.raises(ArgumentError, match=r"fit 0 of the \d+ tensors of this FaceNet.*conv1\.weight.*begins with"):
        start_from(model, tmp_path / "lenet.safetensors")
    assert all((value == before[name]).all() for name, value in model.state_dict().items())
    with pytest.raises(ArgumentError, match="Neocognitron learns its stages from the images"):
        start_from(models.neocognitron(1, 2, (16, 16)), tmp_path / "lenet.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"no trained run, it has no last\.safetensors"):
        start_from(model, tmp_path / "empty")


def test_a_training_begins_with_them(tmp_path: Path) -> None:
    source = network(classes=4)
    tc.save(source.state_dict(), tmp_path / "old.safetensors")
    images = np.random.default_rng(0).uniform(size=(16, 1, 12, 12)).astype(np.float32)
    data = ImageData("mine", images, np.arange(16) % 4, ("a", "b", "c", "d"), "nobody", False)
    experiment = Experiment.prepare(data, Recipe(weights=str(tmp_path / "old.safetensors")))
    assert (experiment.model.conv1.weight == source.conv1.weight).all()
    assert experiment.start is not None
    assert experiment.start.taken == len(source.state_dict())
    assert Experiment.prepare(data, Recipe()).start is None


def test_the_command_says_what_it_took_and_the_run_goes_on_without_the_file(run: Path, tmp_path: Path) -> None:
    """A run that begins where another ended is better from the first epoch; its weights are in its own checkpoint."""
    first = tmp_path / "first"
    shutil.copytree(run, first)
    data = f"npz:{run.parent / 'data.npz'}"
    arguments = ("train", "--data", data, "--schedule", "constant", "--epochs", 1, "--lr", 1e-6, *OPTIONS)
    outcome = tinyconv(*arguments, "--weights", first, "--out", tmp_path / "second")
    assert outcome.code == 0, outcome.stderr
    tensors = len(load_run(first).model.state_dict())
    assert f"weights of {first}: {tensors} tensors taken\n" in outcome.stderr
    record = json.loads((tmp_path / "second" / "run.json").read_text())
    assert record["recipe"]["weights"] == str(first)
    assert f'weights = "{first}"' in (tmp_path / "second" / "config.toml").read_text()
    old, new = (load_run(folder).model.conv1.weight.detach().numpy() for folder in (first, tmp_path / "second"))
    np.testing.assert_allclose(new, old, atol=1e-4)

    shutil.rmtree(first)
    resumed = resume_run(tmp_path / "second", epochs=2)
    assert resumed.epochs_left == 1
    assert resumed.experiment.start is None
    again = tinyconv("train", "--config", tmp_path / "second" / "config.toml", "--out", tmp_path / "third")
    assert again.code == 2
    assert "weights" in again.stderr
    assert "does not exist" in again.stderr
