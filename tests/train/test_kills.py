"""A training whose process is killed with SIGKILL, at random moments, and resumed."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import bench_folder  # noqa: F401  (lets the tests import the benchmarks)
import pytest
from command import tinyconv
from tiny_run import write_dataset

from bench import killing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
KILLS, EPOCHS, STEPS_PER_EPOCH = 3, 30, 6


def test_a_training_that_is_killed_and_resumed_ends_with_the_same_bits(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data.npz")
    options = (
        *("--data", f"npz:{data}", "--epochs", EPOCHS, "--batch-size", 3, "--checkpoint-every", 2, "--seed", 5),
        *(
            "--probes",
            1,
            "--feature-epochs",
            "0,3,9",
            "--ema",
            0.9,
            "--accumulate",
            2,
            "--mixup",
            0.2,
            "--log-every",
            1,
        ),
    )
    assert tinyconv("train", "--out", tmp_path / "whole", *options).code == 0
    steps = EPOCHS * STEPS_PER_EPOCH
    assert killing.saved_step(tmp_path / "whole") == steps
    kills = list(killing.killed_training(tmp_path / "killed", options, steps, KILLS, seed=2))
    assert len(kills) == KILLS
    assert any(kill.left not in (None, steps) for kill in kills), "none was killed in the middle"
    assert killing.differences(tmp_path / "whole", tmp_path / "killed") == []


def test_a_termination_leaves_a_checkpoint_of_its_step_and_says_how_to_go_on(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data.npz")
    run = tmp_path / "run"
    options = ("--data", f"npz:{data}", "--epochs", 10000, "--probes", 1, "--no-augment")
    training = killing.launched(run, options)
    try:
        while killing.saved_step(run) is None and training.poll() is None:
            time.sleep(0.01)
        training.send_signal(signal.SIGTERM)
        said = training.communicate(timeout=120)[1]
    finally:
        training.kill()
    assert training.returncode == 143, said
    assert said.endswith(f"\nto go on: tinyconv train --resume {run}\n\nError: interrupted\n")
    assert killing.saved_step(run) is not None
    assert tinyconv("train", "--resume", run, "--epochs", 1).code == 2


def test_differences_are_found(tmp_path: Path) -> None:
    names = ("metrics.csv", "last.safetensors", "features/a.png", "run.json")
    for folder in ("one", "other"):
        (tmp_path / folder / "features").mkdir(parents=True)
        for name in names:
            (tmp_path / folder / name).write_text("epoch,seconds\n1,0.5\n")
    assert killing.differences(tmp_path / "one", tmp_path / "other") == []
    (tmp_path / "one" / "metrics.csv").write_text("epoch,seconds\n1,0.7\n")
    (tmp_path / "one" / "run.json").write_text("of another time")
    assert killing.differences(tmp_path / "one", tmp_path / "other") == []
    for name in names[:3]:
        (tmp_path / "one" / name).write_text("epoch,seconds\n2,0.5\n")
    (tmp_path / "one" / "curves.png").write_text("")
    assert killing.differences(tmp_path / "one", tmp_path / "other") == [
        "curves.png", "features/a.png", "last.safetensors", "metrics.csv",
    ]  # fmt: skip
