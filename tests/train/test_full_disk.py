"""A disk that fills up while a run is written: the checkpoint before stays whole, and the training goes on from it."""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bench_folder  # noqa: F401  (lets the tests import the benchmarks)
import numpy as np
import pytest
from command import tinyconv
from tiny_run import write_dataset

import tinyconv as tc
from bench.killing import differences
from tinyconv import nn, optim
from tinyconv.core.errors import RunError
from tinyconv.models import weights
from tinyconv.train import Callback, RunFolder, RunWriter, Trainer, load_checkpoint
from tinyconv.utils import files

RANDOM = np.random.default_rng(0)
BATCHES = [(tc.from_numpy(RANDOM.normal(size=(6, 1, 2, 2)).astype(np.float32)), tc.arange(6) % 2) for _ in range(2)]
CONFIGURATION = {"model": {}, "classes": ["a", "b"], "preprocessing": {}}
EPOCHS = 2


class FullDisk:
    """Fails the ``write``-th writing of a file and all after it, at ``moment``: "writing" (after half of the bytes),
    "syncing" or "renaming".
    """

    def __init__(self, write: int, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.first, self.moment, self.begun = write, moment, 0
        opened, synced, renamed = Path.open, files.os.fsync, Path.replace

        def open_file(path: Path, *arguments: Any, **options: Any) -> Any:
            file = opened(path, *arguments, **options)
            if path.match(files.LEFTOVERS):
                self.begun += 1
                if self.is_full("writing"):
                    return HalfWritten(file)
            return file

        def sync(descriptor: int) -> None:
            if self.is_full("syncing"):
                raise no_space()
            synced(descriptor)

        def rename(path: Path, target: Path) -> Path:
            if self.is_full("renaming"):
                raise no_space()
            return renamed(path, target)

        monkeypatch.setattr(Path, "open", open_file)
        monkeypatch.setattr(files.os, "fsync", sync)
        monkeypatch.setattr(Path, "replace", rename)

    def is_full(self, moment: str) -> bool:
        return moment == self.moment and self.begun >= self.first


class HalfWritten:
    def __init__(self, file: Any) -> None:
        self.file = file

    def __enter__(self) -> HalfWritten:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, content: bytes) -> None:
        self.file.write(content[: len(content) // 2])
        raise no_space()


def no_space() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


class Saved(Callback):
    """Notes what a checkpoint of each step would hold."""

    def __init__(self) -> None:
        self.steps: dict[int, bytes] = {}

    def on_settled(self, trainer: Trainer) -> None:
        self.steps[trainer.step] = weights_of(trainer.model)


def weights_of(model: nn.Module) -> bytes:
    return b"".join(tensor.detach().numpy().tobytes() for tensor in model.state_dict().values())


def trainer(folder: Path) -> tuple[Trainer, Saved]:
    tc.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    saved = Saved()
    writer = RunWriter(RunFolder(folder), CONFIGURATION, checkpoint_every=1)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    return Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=[saved, writer]), saved


def writes_of_a_run(folder: Path) -> list[str]:
    """The names of the files that a run writes, in order."""
    names: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        replaced = Path.replace
        patch.setattr(Path, "replace", lambda path, target: (names.append(target.name), replaced(path, target))[1])
        trainer(folder)[0].fit(BATCHES, BATCHES, EPOCHS)
    return names


@pytest.mark.parametrize("moment", ["writing", "syncing", "renaming"])
def test_whenever_the_disk_is_full_the_checkpoint_before_is_whole_and_goes_on(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinyconv.train.run_writer.curves_png", lambda *_: b"drawn")
    monkeypatch.setattr("tinyconv.train.environment.versions", dict)
    (tmp_path / "whole").mkdir()
    names = writes_of_a_run(tmp_path / "whole")
    assert names.count("state.safetensors") == 2 * EPOCHS + EPOCHS
    whole, steps = trainer(tmp_path / "whole")
    whole.fit(BATCHES, BATCHES, EPOCHS)
    for write, name in enumerate(names, start=1):
        folder = tmp_path / f"{moment}-{write}"
        folder.mkdir()
        with monkeypatch.context() as patch:
            FullDisk(write, moment, patch)
            with pytest.raises(RunError, match=r"cannot be written: no space left on device; make room on the disk$"):
                trainer(folder)[0].fit(BATCHES, BATCHES, EPOCHS)
        assert not list(folder.glob(files.LEFTOVERS)), "an unfinished file is deleted: it takes up room"
        for file in folder.glob("*.safetensors"):
            weights.load(file)
        if write > 1:
            assert json.loads((folder / "run.json").read_text())["status"] == "running"
        before = names[: write - 1].count("state.safetensors")
        resumed, _ = trainer(folder)
        if before:
            state = load_checkpoint(folder / "state.safetensors")["trainer"]
            resumed.load_state_dict(state)
            assert weights_of(resumed.model) == steps.steps[resumed.step], (write, name)
            # After each epoch a checkpoint is written too: of the same step as the one before.
            assert resumed.step == before - (before > 2) - (before > 5)
        resumed.fit(BATCHES, BATCHES, EPOCHS - resumed.epoch)
        assert weights_of(resumed.model) == weights_of(whole.model)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here; the test above stands in for a full disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_small_file_system_that_is_filled_in_the_middle_of_a_run(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_dataset(tmp_path / "data.npz")
    options = ("--data", f"npz:{data}", "--epochs", 3, "--probes", 1, "--feature-epochs", "3")
    assert tinyconv("train", *options, "--out", tmp_path / "whole").code == 0
    ballast = small_disk / "ballast"

    def fill(_: Callback, running: Trainer) -> None:
        if running.epoch == 2:
            with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))

    with monkeypatch.context() as patch:
        patch.setattr(Callback, "on_epoch_start", fill)
        outcome = tinyconv("train", *options, "--out", small_disk / "run")
    assert outcome.code == 2
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "cannot be written: no space left on device; make room on the disk" in errors[0]
    assert load_checkpoint(small_disk / "run" / "state.safetensors")["trainer"]["epoch"] == 2
    ballast.unlink()
    outcome = tinyconv("train", "--resume", small_disk / "run")
    assert outcome.code == 0, outcome.stderr
    assert differences(tmp_path / "whole", small_disk / "run") == []
