"""A training that is killed again and again, and resumed, until it ends: its files beside those of one left alone."""

from __future__ import annotations

import csv
import io
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.numpy import load

from tinyconv.core.errors import RunError
from tinyconv.models import weights
from tinyconv.utils.files import LEFTOVERS

TRAIN = (sys.executable, "-m", "tinyconv", "train")
LONGEST_START = 120.0
AT_A_START = 0.25
"""The share of kills that fall into the first seconds of a process, when it imports, reads and loads."""
TIMED = ("images_per_second", "seconds", "waiting")
"""Columns of metrics.csv that tell of time, which no two runs have in common."""


RUN_FILE = "run.json"
"""Tells of times and commands: the one file that is not compared."""


class Kill(NamedTuple):
    """``seconds``: after the process began. ``found``: the step of the checkpoint that it had begun from (None: there
    was none); ``left``: of the one that it left. ``writing``: an unfinished file was left, so it was killed in a write.
    """

    seconds: float
    found: int | None
    left: int | None
    writing: bool


def saved_step(folder: Path) -> int | None:
    """The optimiser steps of the checkpoint in ``folder``; None where there is none."""
    try:
        return int(weights.load_metadata(folder / "state.safetensors")["step"])
    except FileNotFoundError:
        return None


def killed_training(folder: Path, options: Sequence[object], steps: int, kills: int, seed: int = 0) -> Iterator[Kill]:
    """Train into ``folder`` with ``options``, and send SIGKILL ``kills`` times on the way through the run's ``steps``.

    Yields each kill; after the last the training goes on to its end. The moments are drawn from ``seed``, in steps;
    where exactly they fall is up to the machine, as with any crash.

    Raises: ``RunError`` where a process fails, or the training ends before all kills were made.
    """
    draw = random.Random(seed)  # noqa: S311  (no secret)
    start = 1.0
    for number in range(kills):
        began, found = time.perf_counter(), saved_step(folder)
        training = launched(folder, options)
        if draw.random() < AT_A_START:
            _wait(training, draw.uniform(0, start))
        else:
            # Spread over the run: the k-th kill falls somewhere about its k-th part.
            target = steps * (number + draw.random()) / (kills + 1)
            deadline = began + LONGEST_START
            while (saved_step(folder) or 0) <= max(found or 0, target) and training.poll() is None:
                if time.perf_counter() > deadline:
                    training.kill()
                    raise RunError(f"no checkpoint for {LONGEST_START:.0f} s after {number} kills")
                time.sleep(0.002)
            start = max(start, 0.8 * (time.perf_counter() - began))
            _wait(training, draw.uniform(0, 0.1))
        if training.poll() is not None:
            raise RunError(f"the training ended after {number} of {kills} kills: {_said(training)}")
        training.kill()
        training.wait()
        writing = any(folder.rglob(LEFTOVERS))
        yield Kill(time.perf_counter() - began, found, saved_step(folder), writing)
    training = launched(folder, options)
    if training.wait() != 0:
        raise RunError(f"the training could not go on after {kills} kills: {_said(training)}")


def launched(folder: Path, options: Sequence[object]) -> subprocess.Popen[str]:
    """A process that trains into ``folder``, or goes on there."""
    begun = (folder / RUN_FILE).exists()
    arguments = ["--resume", folder] if begun else ["--out", folder, *options]
    return subprocess.Popen(
        [*TRAIN, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def differences(one: Path, other: Path) -> list[str]:
    """The files in which two run folders differ, but for what tells of times and processes."""
    names = [{str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} for folder in (one, other)]
    found = sorted(names[0] ^ names[1])
    for name in sorted(names[0] & names[1] - {RUN_FILE}):
        contents = [(folder / name).read_bytes() for folder in (one, other)]
        if (timeless := {"metrics.csv": untimed, "state.safetensors": arrays}.get(name)) is not None:
            contents = [timeless(content) for content in contents]
        if contents[0] != contents[1]:
            found.append(name)
    return found


def arrays(state: bytes) -> bytes:
    """The arrays of a state (weights, averages, moments) without the numbers around them, some of which are times."""
    return b"".join(name.encode() + array.tobytes() for name, array in sorted(load(state).items()))


def untimed(metrics: bytes) -> bytes:
    """A metrics.csv without the columns of times."""
    rows = csv.DictReader(io.StringIO(metrics.decode()))
    return repr([{name: value for name, value in row.items() if name not in TIMED} for row in rows]).encode()


def _wait(training: subprocess.Popen[str], seconds: float) -> None:
    try:
        training.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _said(training: subprocess.Popen[Any]) -> str:
    return " ".join((training.communicate()[1] or "nothing").split()[-60:])
