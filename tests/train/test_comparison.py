"""What differs between runs, read from their folders alone."""

from __future__ import annotations

import copy
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_run import train_tiny_run

from tinyconv import TinyconvError
from tinyconv.train import EpochRecord, RunFolder, compare, comparison_png
from tinyconv.train.comparison.history import read_history
from tinyconv.train.comparison.picture import COLOURS
from tinyconv.train.run_folder import drawn_by_tinyconv


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_run(tmp_path_factory.mktemp("comparison"))


def changed(original: Path, folder: Path, change: dict[str, Any] | None = None, **entries: Any) -> Path:
    """A copy of run ``original`` whose recipe and other entries are changed."""
    shutil.copytree(original, folder, ignore=shutil.ignore_patterns("features", "*.safetensors"))
    record = copy.deepcopy(json.loads((folder / "run.json").read_text()))
    record["recipe"] |= change or {}
    record |= entries
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def test_what_differs_is_named_and_nothing_else(original: Path, tmp_path: Path) -> None:
    faster = changed(original, tmp_path / "faster", {"lr": 0.02, "augment": False})
    comparison = compare([original, faster])
    assert comparison.differing == ("lr", "augment")
    assert [run.name for run in comparison.runs] == ["run", "faster"]
    assert comparison.difference(comparison.runs[1]) == "lr 0.02, augment no"
    assert comparison.warnings == ()


def test_the_figures_are_those_of_the_epochs(original: Path, tmp_path: Path) -> None:
    other = changed(original, tmp_path / "run")
    lines = (other / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    summary = compare([original, other]).runs[1]
    column = {name: [float(line.split(",")[names.index(name)]) for line in lines[1:]] for name in names[:8]}
    assert (summary.epochs, summary.status) == (2, "finished")
    assert summary.last_loss == column["test_loss"][-1]
    assert summary.best_loss == min(column["test_loss"])
    assert summary.last_accuracy == column["test_accuracy"][-1]
    assert summary.best_accuracy == max(column["test_accuracy"])
    assert summary.images_per_second == pytest.approx(np.median(column["images_per_second"]))


def test_runs_of_one_name_are_told_apart_by_their_folders(original: Path, tmp_path: Path) -> None:
    paths = [changed(original, tmp_path / parent / "0001") for parent in ("one", "two")]
    assert [run.name for run in compare(paths).runs] == ["one/0001", "two/0001"]


def test_other_data_another_split_and_another_machine_are_warned_of(original: Path, tmp_path: Path) -> None:
    record = json.loads((original / "run.json").read_text())
    others = {
        "data": {**record["data"], "source": "elsewhere.npz"},
        "split": {**record["data"], "held_out_indices": [0, 1, 2]},
    }
    for name, warning in (("data", "different data"), ("split", "held out different images")):
        other = changed(original, tmp_path / name, data=others[name])
        assert [text for text in compare([original, other]).warnings if warning in text], name
        assert len(compare([original, other]).warnings) == 1
    machine = changed(original, tmp_path / "machine", machine={**record["machine"], "processor": "z80"})
    assert "images/s do not compare" in compare([original, machine]).warnings[0]
    smooth = changed(original, tmp_path / "smooth", {"label_smoothing": 0.5})
    assert "compare the accuracies" in compare([original, smooth]).warnings[0]


def test_unfinished_runs_are_compared_by_the_epochs_that_they_finished(original: Path, tmp_path: Path) -> None:
    killed = changed(original, tmp_path / "killed", status="running")
    content = (killed / "metrics.csv").read_text()
    (killed / "metrics.csv").write_text(content[:-20])  # as a crash in the middle of writing leaves it
    begun = changed(original, tmp_path / "begun", status="interrupted")
    (begun / "metrics.csv").unlink()
    comparison = compare([original, killed, begun])
    assert [run.epochs for run in comparison.runs] == [2, 1, 0]
    assert comparison.warnings == (
        "run killed is still going on, or was killed",
        "run begun has not finished an epoch",
    )
    comparison_png(comparison)
    with pytest.raises(TinyconvError, match="none of the runs has finished an epoch"):
        comparison_png(compare([begun, changed(begun, tmp_path / "again")]))


def test_history_reads_what_was_written_and_refuses_what_was_not(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    names = [name for name in EpochRecord.__dataclass_fields__ if name != "waiting"]
    file.write_text(",".join([*names, "gradient_norm"]) + "\n1,10,0.1,0.7,0.5,,,100,2.5,3.3\n")
    assert read_history(file) == [EpochRecord(1, 10, 0.1, 0.7, 0.5, None, None, 100.0, 2.5)]
    file.write_text(file.read_text().replace("0.7", "much") + "2,20,0.1,0.6,0.5,,,100,5,3.3\n")
    with pytest.raises(TinyconvError, match=r"metrics.csv is damaged: line 2"):
        read_history(file)


def test_a_run_given_twice_and_one_run_alone_are_refused(original: Path) -> None:
    with pytest.raises(TinyconvError, match="given twice"):
        compare([original, original.parent / "." / "run"])
    with pytest.raises(TinyconvError, match="at least two runs, got 1"):
        compare([original])


def test_the_picture_has_a_colour_for_each_of_ten_runs_and_is_the_same_twice(original: Path, tmp_path: Path) -> None:
    paths = []
    for number in range(11):
        run = changed(original, tmp_path / f"{number:02d}", {"lr": 0.001 * (number + 1)})
        epochs = read_history(RunFolder(run).metrics)
        rows = (
            f"{epoch.epoch},1,0.1,{1 + number / 10},0.5,{0.3 + number / 10},{number / 10},100,1.0" for epoch in epochs
        )
        header = "epoch,steps,learning_rate,train_loss,train_accuracy,test_loss,test_accuracy,images_per_second,seconds"
        (run / "metrics.csv").write_text("\n".join([header, *rows]) + "\n")
        paths.append(run)
    picture = comparison_png(compare(paths[:10]))
    assert picture == comparison_png(compare(paths[:10]))
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    for colour in COLOURS:
        rgb = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
        assert (np.abs(pixels - rgb).max(axis=2) < 12).sum() > 200, colour
    (tmp_path / "picture.png").write_bytes(picture)
    assert drawn_by_tinyconv(tmp_path / "picture.png")
    with pytest.raises(TinyconvError, match="11 runs cannot be told apart"):
        comparison_png(compare(paths))
