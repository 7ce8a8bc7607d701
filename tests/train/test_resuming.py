"""A run that was interrupted goes on bit for bit, and only where that can be promised."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import bench_folder  # noqa: F401  (lets the tests import the benchmarks)
import numpy as np
import pytest
from command import Outcome, tinyconv
from tiny_run import write_dataset

from bench.killing import differences
from tinyconv.train import Callback, Recipe, RunFolder, Trainer

EPOCHS, STEPS_PER_EPOCH = 3, 2
# 36 images to learn from: 3 batches of 12, in 2 steps of 2 batches or 1. All that has a state, and all that is drawn.
RECIPE = Recipe(
    model_options={"widths": [4, 8]}, epochs=EPOCHS, batch_size=12, accumulate=2, optimizer="sgd", lr=0.05,
    schedule="cosine", warmup=1.0, ema=0.8, mixup=0.3, clip_norm=1.0, label_smoothing=0.1, early_stopping=9,
)  # fmt: skip
LOGS = ("--probes", 1, "--log-every", 1, "--statistics-every", 2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "data.npz")


@pytest.fixture(scope="module")
def whole(data: Path) -> Path:
    """A run that was left alone."""
    return begun(data, data.parent / "whole")


@pytest.fixture(autouse=True)
def python_hears_of_interruptions() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where a shell started the tests in the background, which ignores it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


def trained(data: Path, folder: Path, *options: object, **changes: Any) -> Outcome:
    """``tinyconv train`` with ``RECIPE`` and its ``changes``."""
    with mock.patch("tinyconv.train.recipe_for", return_value=RECIPE.changed(**changes)):
        return tinyconv("train", "--data", f"npz:{data}", "--out", folder, "--seed", 3, *LOGS, *options)


def begun(data: Path, folder: Path, *options: object, code: int = 0, **changes: Any) -> Path:
    outcome = trained(data, folder, *options, **changes)
    assert outcome.code == code, outcome.stderr
    return folder


def at(
    moment: str, when: Callable[[Trainer], bool], action: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let ``action`` happen once in the training, at the ``moment`` of its callbacks at which ``when`` holds."""
    done: list[bool] = []

    def watching(self: Callback, trainer: Trainer, *_: object) -> None:
        if not done and when(trainer):
            done.append(True)
            action()

    monkeypatch.setattr(Callback, moment, watching)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("step", [1, STEPS_PER_EPOCH, 5, EPOCHS * STEPS_PER_EPOCH])
def test_a_training_interrupted_after_any_step_goes_on_bit_for_bit(
    step: int, data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at("on_batch_end", lambda trainer: trainer.step == step, interrupt, monkeypatch)
    run = begun(data, tmp_path / "run", code=130)
    record = json.loads((run / "run.json").read_text())
    assert (record["status"], record["result"]["steps"]) == ("interrupted", step)
    outcome = tinyconv("train", "--resume", run)
    assert outcome.code == 0, outcome.stderr
    assert differences(whole, run) == []
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "finished"
    assert [resumed["step"] for resumed in record["resumed"]] == [step]


def test_ctrl_c_waits_for_the_step_and_says_how_to_go_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later: list[str] = []
    at("on_batch_end", lambda trainer: trainer.step == 3, lambda: (interrupt(), later.append("went on")), monkeypatch)  # type: ignore[arg-type,return-value,func-returns-value]
    outcome = trained(data, tmp_path / "a run")
    assert later == ["went on"]
    assert (outcome.code, outcome.stderr.splitlines()[-1]) == (130, "Error: interrupted")
    assert f"to go on: tinyconv train --resume '{tmp_path / 'a run'}'\n" in outcome.stderr


def test_a_second_ctrl_c_does_not_wait_and_keeps_the_checkpoint_before(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice() -> None:
        interrupt()
        interrupt()
        raise AssertionError("the second signal was not heard")

    at("on_batch_end", lambda trainer: trainer.step == 3, twice, monkeypatch)
    run = begun(data, tmp_path / "run", code=130)
    last = (run / "last.safetensors").read_bytes()
    outcome = tinyconv("train", "--resume", run)
    assert (outcome.code, f"{run} goes on in epoch 2\n" in outcome.stderr) == (0, True)
    assert differences(whole, run) == []
    assert last != (run / "last.safetensors").read_bytes()


@pytest.mark.parametrize("end", ["before the first step", "after the last epoch"])
def test_a_run_killed_at_its_very_start_or_end_is_completed(
    end: str, data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if end == "before the first step":
            at("on_epoch_start", lambda trainer: True, kill, patch)
        else:
            # Pictures and curves are drawn last, after the last checkpoint.
            patch.setattr("tinyconv.features.recorder.FeatureRecorder.on_train_end", lambda *_: kill())
            patch.setattr("tinyconv.train.run_writer.RunWriter.on_train_end", lambda self, _: self.folder.release())
        with pytest.raises(Killed):
            begun(data, tmp_path / "run")
    outcome = tinyconv("train", "--resume", tmp_path / "run")
    assert outcome.code == 0, outcome.stderr
    assert differences(whole, tmp_path / "run") == []


def test_a_finished_run_says_so(whole: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in whole.rglob("*")}
    outcome = tinyconv("train", "--resume", whole)
    assert (outcome.code, outcome.stdout) == (
        0, f"run {whole} is finished: all 3 epochs are trained; for more, train anew (--epochs)\n"
    )  # fmt: skip
    assert {file: file.stat().st_mtime_ns for file in whole.rglob("*")} == before


def test_more_epochs_go_on_as_if_the_run_had_been_begun_with_them(data: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"schedule": "step", "decay_every": 2}
    run = begun(data, tmp_path / "run", "--feature-epochs", "0,1", "--epochs", 2, **changes)
    longer = begun(data, tmp_path / "longer", "--feature-epochs", "0,1", "--epochs", 4, **changes)
    outcome = tinyconv("train", "--resume", run, "--epochs", 4)
    assert outcome.code == 0, outcome.stderr
    # The shorter run recorded its own last epoch too.
    assert [name for name in differences(longer, run) if "features" not in name] == []
    assert json.loads((run / "run.json").read_text())["recipe"]["epochs"] == 4


@pytest.mark.parametrize("status", ["running", "finished"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--epochs", 9), ("cosine schedule", "laid out for 3", "--epochs 9")),
        (("--epochs", 1), ("begun with 3 epochs", "not with 1", "--epochs")),
        (("--lr", 0.1), ("--resume", "leave --lr out")),
        (("--checkpoint-every", 4), ("--resume", "leave --checkpoint-every out")),
    ],
    ids=["epochs that bend the schedule", "fewer epochs", "another rate", "other checkpoints"],
)
def test_what_a_run_was_begun_with_cannot_be_changed(
    status: str, options: tuple[object, ...], words: tuple[str, ...], whole: Path, tmp_path: Path
) -> None:
    run = changed(whole, tmp_path, status=status)
    refused(tinyconv("train", "--resume", run, *options), *words)


def changed(whole: Path, folder: Path, **changes: Any) -> Path:
    """A copy of the run whose ``run.json`` has other entries."""
    shutil.copytree(whole, folder / "run")
    record = json.loads((whole / "run.json").read_text()) | changes
    (folder / "run" / "run.json").write_text(json.dumps(record))
    return folder / "run"


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2, outcome.stderr
    error = outcome.stderr.splitlines()[-1]
    assert error.startswith("Error: ")
    assert [word for word in words if word not in error] == [], error


def test_other_data_are_refused(whole: Path, data: Path, tmp_path: Path) -> None:
    def swapped(labels: Any) -> Any:
        labels[[0, 1]] = labels[[1, 0]]
        return labels

    def darker(images: Any) -> Any:
        images[7] *= 0.5
        return images

    for number, change in enumerate([{"labels": swapped}, {"images": darker}]):
        (tmp_path / str(number)).mkdir()
        with np.load(data) as archive:
            arrays = {name: change.get(name, lambda same: same)(archive[name]) for name in archive.files}
        np.savez(tmp_path / "other.npz", **arrays)
        record = json.loads((whole / "run.json").read_text())
        spec = record["data"] | {"spec": f"npz:{tmp_path / 'other.npz'}"}
        run = changed(whole, tmp_path / str(number), status="running", data=spec)
        refused(tinyconv("train", "--resume", run), str(run), "cannot go on", "other.npz", "restore them")


def test_a_run_without_the_facts_or_of_another_format_is_refused(whole: Path, tmp_path: Path) -> None:
    record = json.loads((whole / "run.json").read_text())
    old = {name: value for name, value in record["data"].items() if name != "digest"}
    run = changed(whole, tmp_path, status="running", data=old)
    refused(tinyconv("train", "--resume", run), "run.json has no entry 'digest'", "train anew")
    (run / "run.json").write_text(json.dumps(record | {"status": "running"}))
    content = (run / "state.safetensors").read_bytes()
    assert content.count(b'\\"format_version\\": 1') == 1
    (run / "state.safetensors").write_bytes(content.replace(b'\\"format_version\\": 1', b'\\"format_version\\": 7'))
    refused(tinyconv("train", "--resume", run), "state.safetensors", "format version 7")
    refused(tinyconv("train", "--resume", tmp_path / "nowhere"), "nowhere", "does not exist")


def test_a_run_that_another_process_trains_is_left_to_it(whole: Path, tmp_path: Path) -> None:
    run = changed(whole, tmp_path, status="running")
    other = RunFolder(run)
    other.claim()
    refused(tinyconv("train", "--resume", run), str(run), "is being trained by another process")
    other.release()
    assert tinyconv("train", "--resume", run).code == 0


def test_unfinished_files_of_a_killed_process_are_deleted(whole: Path, tmp_path: Path) -> None:
    run = changed(whole, tmp_path, status="running")
    leftovers = [run / ".state.safetensors.12-34.partial", run / "features" / ".features.npz.12-34.partial"]
    mine = run / ".mine.partial"
    for file in (*leftovers, mine):
        file.write_bytes(b"half")
    assert set(leftovers) < set(RunFolder(run).files())
    assert tinyconv("train", "--resume", run).code == 0
    assert [file.exists() for file in (*leftovers, mine)] == [False, False, True]


def test_lost_feature_maps_are_said_and_the_weights_go_on(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at("on_batch_end", lambda trainer: trainer.step == 3, interrupt, monkeypatch)
    run = begun(data, tmp_path / "run", code=130)
    (run / "features" / "features.npz").unlink()
    outcome = tinyconv("train", "--resume", run)
    assert outcome.code == 0
    assert "feature maps: those recorded until now are lost" in outcome.stderr
    assert [name for name in differences(whole, run) if "features" not in name] == []
