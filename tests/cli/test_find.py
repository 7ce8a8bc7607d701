"""``tinyconv find``: what it writes, counts and cuts out; on any run of several classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import tinyconv
from PIL import Image
from tiny_run import train_tiny_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_run(tmp_path_factory.mktemp("finding"))


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two photographs, one with a bright bar."""
    random = np.random.default_rng(0)
    paths = []
    for name in ("bar.png", "empty.png"):
        pixels = random.uniform(0, 0.2, (36, 30))
        if name == "bar.png":
            pixels[12:24, 8:14] += 0.7
        paths.append(tmp_path / name)
        Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(paths[-1])
    return paths


def search(run: Path, photos: list[Path], folder: Path, *options: object) -> dict[str, list[dict[str, float]]]:
    outcome = tinyconv("find", run, *photos, "--class", "left", "--threshold", 0.5, "--out", folder, *options)
    assert outcome.code == 0, outcome.stderr
    record = json.loads((folder / "boxes.json").read_text())
    assert record["class"] == "left"
    return record["photographs"]


def test_it_writes_pictures_and_boxes_and_says_how_many(run: Path, photos: list[Path], tmp_path: Path) -> None:
    outcome = tinyconv("find", run, *photos, photos[0], "--class", "left", "--threshold", 0.5, "--out", tmp_path / "f")
    assert outcome.code == 0, outcome.stderr
    assert sorted(path.name for path in (tmp_path / "f").iterdir()) == ["bar.png", "boxes.json", "empty.png"]
    found = json.loads((tmp_path / "f" / "boxes.json").read_text())["photographs"]
    assert list(found) == [str(photo) for photo in photos]
    count = sum(map(len, found.values()))
    assert f"{count} found in 2 photographs" in outcome.stdout
    for box in found[str(photos[0])]:
        assert 0 <= box["left"] < box["right"] <= 30
        assert 0 <= box["top"] < box["bottom"] <= 36
        assert box["probability"] >= 0.5
        assert box["votes"] >= 2
    with Image.open(tmp_path / "f" / "bar.png") as drawn:
        assert drawn.size == (480, 576)


def test_thresholds_votes_and_sizes_leave_boxes_out(run: Path, photos: list[Path], tmp_path: Path) -> None:
    every = search(run, photos, tmp_path / "every", "--votes", 1, "--threshold", 0)
    assert sum(map(len, every.values())) > 0
    many = search(run, photos, tmp_path / "many", "--votes", 10**6, "--threshold", 0)
    assert sum(map(len, many.values())) == 0
    large = search(run, photos, tmp_path / "large", "--votes", 1, "--threshold", 0, "--smallest", 25)
    assert all(box["bottom"] - box["top"] > 20 for boxes in large.values() for box in boxes)


def test_with_a_truth_it_counts_and_cuts_out_the_false_alarms(run: Path, photos: list[Path], tmp_path: Path) -> None:
    options = ("--votes", 1, "--threshold", 0, "--class", "left")
    search(run, photos, tmp_path / "first", *options)
    boxes = json.loads((tmp_path / "first" / "boxes.json").read_text())["photographs"][str(photos[0])]
    right = [boxes[0][edge] for edge in ("left", "top", "right", "bottom")]
    (tmp_path / "truth.json").write_text(json.dumps({"bar.png": [right], "empty.png": []}))
    crops = ("--truth", tmp_path / "truth.json", "--crops", tmp_path / "crops")
    for attempt, new in (("second", True), ("third", False)):
        outcome = tinyconv("find", run, *photos, *options, *crops, "--out", tmp_path / attempt)
        assert outcome.code == 0, outcome.stderr
        assert "1 of 1 found (100.0%)" in outcome.stdout
        false = int(outcome.stdout.partition("found (100.0%), ")[2].split()[0])
        written = json.loads((tmp_path / attempt / "boxes.json").read_text())["photographs"]
        assert false == sum(map(len, written.values())) - 1
        assert f"({false / 2:.2f} per photograph)" in outcome.stdout
        assert len(list((tmp_path / "crops").iterdir())) == false
        assert f"crops: {false if new else 0} new images" in outcome.stdout


def test_crops_have_no_more_colours_than_the_model_sees(run: Path, photos: list[Path], tmp_path: Path) -> None:
    """Else the windows that a gray model is trained on next would differ by their colours."""
    with Image.open(photos[0]) as gray:
        Image.merge("RGB", (gray, gray.point(lambda value: value // 2), gray)).save(photos[0])
    search(run, photos[:1], tmp_path / "f", "--votes", 1, "--threshold", 0, "--crops", tmp_path / "crops")
    crops = list((tmp_path / "crops").iterdir())
    assert crops
    for path in crops:
        with Image.open(path) as crop:
            assert len({band.tobytes() for band in crop.convert("RGB").split()}) == 1


def test_a_photograph_that_cannot_be_read_is_passed_over(run: Path, photos: list[Path], tmp_path: Path) -> None:
    outcome = tinyconv("find", run, tmp_path / "none.png", photos[0], "--class", "left", "--out", tmp_path / "f")
    assert outcome.code == 2
    assert "none.png does not exist" in outcome.stderr
    assert (tmp_path / "f" / "bar.png").is_file()
    again = tinyconv("find", run, photos[0], "--class", "left", "--out", tmp_path / "f")
    assert "--force" in again.stderr
    assert tinyconv("find", run, photos[0], "--class", "left", "--out", tmp_path / "f", "--force").code == 0
