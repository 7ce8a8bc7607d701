"""``tinyconv evolve``, ``kernels`` and ``health``: what a run's owner gets to see."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import tinyconv
from PIL import Image
from tiny_run import train_tiny_run

from tinyconv.features import load_features
from tinyconv.features.health import load_health


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_run(tmp_path_factory.mktemp("seeing"))


def test_evolve_writes_a_page_and_a_film_for_each_layer(run: Path, tmp_path: Path) -> None:
    outcome = tinyconv("evolve", run, "--out", tmp_path / "a")
    assert outcome.code == 0, outcome.stderr
    recorded = load_features(run / "features" / "features.npz")
    names = ["evolution.html", *(f"{layer}.gif" for layer in recorded.arrays)]
    assert outcome.stdout.splitlines() == [str(tmp_path / "a" / name) for name in names]
    with Image.open(tmp_path / "a" / "conv1.gif") as film:
        assert film.n_frames == len(recorded.meta["epochs"])
    page = (tmp_path / "a" / "evolution.html").read_text(encoding="utf-8")
    assert "of held-out images right" in page
    assert str(run.parent) not in page.replace(recorded.meta["source"], "").replace(recorded.meta["credit"], "")
    shutil.copytree(run, tmp_path / "elsewhere")
    tinyconv("evolve", tmp_path / "elsewhere", "--out", tmp_path / "b")
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_evolve_replaces_only_what_it_is_told_to(run: Path, tmp_path: Path) -> None:
    arguments = ("evolve", run, "--layers", "pool*", "--format", "html", "--scale", "channel", "--out", tmp_path / "a")
    assert tinyconv(*arguments).code == 0
    page = tmp_path / "a" / "evolution.html"
    assert "One colour scale for each channel" in page.read_text(encoding="utf-8")
    assert 'id="film-conv1"' not in page.read_text(encoding="utf-8")
    assert "--force" in tinyconv(*arguments).stderr
    page.write_text("old")
    assert tinyconv(*arguments, "--force").code == 0
    assert "film-pool1" in page.read_text(encoding="utf-8")


def test_kernels_are_those_of_the_checkpoint(run: Path, tmp_path: Path) -> None:
    outcome = tinyconv("kernels", run, "--layers", "conv*", "--channels", "0-3", "--out", tmp_path / "k")
    assert outcome.code == 0, outcome.stderr
    names = sorted(path.name for path in (tmp_path / "k").iterdir())
    assert names == ["conv1-kernels.png", "conv2-kernels.png", "conv3-kernels.png", "kernels.npz"]
    found = load_features(tmp_path / "k" / "kernels.npz")
    from safetensors.numpy import load_file

    weights = load_file(run / "last.safetensors")
    for layer, array in found.arrays.items():
        np.testing.assert_array_equal(array, weights[f"{layer}.weight"])
    assert (found.meta["epoch"], len(found.meta["checkpoint_sha256"])) == (2, 64)
    assert "--force" in tinyconv("kernels", run, "--out", tmp_path / "k").stderr


def test_health_tells_what_was_recorded_along_the_training(run: Path, tmp_path: Path) -> None:
    record = load_health(run / "health.npz")
    assert record.epochs == [0, 1, 2]
    files = (tmp_path / "health.png", tmp_path / "health.csv")
    outcome = tinyconv("health", run, "--layers", "conv1", "--picture", files[0], "--csv", files[1])
    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout.startswith("over 12 images, epochs 0 to 2\n")
    channels = record.figures["conv1"]["mean"].shape[1]
    assert outcome.stdout.count("\n conv") == len([layer for layer in record.figures if layer.startswith("conv")])
    assert files[1].read_text().count("\nconv1,") == 3 * channels
    again = tinyconv("health", run, "--picture", files[0], "--csv", files[1])  # its own files are replaced
    assert again.code == 0, again.stderr
    facts = json.loads(tinyconv("health", run, "--json").stdout)
    assert (facts["epochs"], facts["images"]) == ([0, 1, 2], 12)
    assert facts["verdict"]


def test_health_of_a_run_without_a_record_is_measured_now(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "health.npz").unlink()
    outcome = tinyconv("health", tmp_path / "run", "--images", 5)
    assert outcome.code == 0, outcome.stderr
    assert "nothing was recorded of this training" in outcome.stderr
    assert outcome.stdout.startswith("over 5 images, epoch 2\n")
    best = tinyconv("health", run, "--checkpoint", "best", "--json")
    assert json.loads(best.stdout)["epochs"][0] in (1, 2)
