"""A training that is killed again and again, and resumed, until it ends: its files beside those of one left alone."""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from safetensors import safe_open
from safetensors.numpy import load

from tinyconv.core.errors import RunError
from tinyconv.models import weights
from tinyconv.utils.files import LEFTOVERS

TRAIN = (sys.executable, "-m", "tinyconv", "train")
LONGEST_START, LONGEST_STEP = 120.0, 0.05
"""Seconds that a process may take to its first checkpoint, and about those of a step with its checkpoint."""
SPREAD = 0.8
"""The share of the run over which the kills are spread: the rest is for the last of them to come in time."""
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
    """The optimiser steps of the checkpoint in ``folder``; None where there is none. Reads its header alone."""
    try:
        with safe_open(folder / "state.safetensors", "numpy") as state:
            return int(json.loads(state.metadata()[weights.METADATA_KEY])["step"])
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
        found = saved_step(folder)
        training = launched(folder, options)
        began = time.perf_counter()
        # Spread over the run: the k-th kill falls somewhere into its k-th part, or into the start of its process.
        target = max(found or 0, SPREAD * steps * (number + draw.random()) / kills)
        latest = draw.uniform(0, start) if draw.random() < AT_A_START else LONGEST_START
        while (saved_step(folder) or 0) <= target and training.poll() is None:
            if time.perf_counter() > began + latest:
                break
            time.sleep(0.005)
        else:
            start = max(start, 0.8 * (time.perf_counter() - began))
            time.sleep(draw.uniform(0, LONGEST_STEP))
        if training.poll() is not None:
            raise RunError(f"the training ended after {number} of {kills} kills: {_said(training)}")
        training.kill()
        training.communicate()
        writing = any(folder.rglob(LEFTOVERS))
        yield Kill(time.perf_counter() - began, found, saved_step(folder), writing)
    train_to_the_end(folder, options)


def train_to_the_end(folder: Path, options: Sequence[object]) -> None:
    """Train into ``folder``, or go on there, and wait. Raises ``RunError`` where that fails."""
    training = launched(folder, options)
    said = _said(training)
    if training.returncode != 0:
        raise RunError(f"the training into {folder} failed: {said}")


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


def _said(training: subprocess.Popen[str]) -> str:
    """The last words of ``training``, which is waited for."""
    return " ".join((training.communicate()[1] or "nothing").split()[-60:])
