"""How long a user waits before anything happens: import, help, and a whole short training."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import click

from bench.report import keep

STEP = """
import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.models import registry
model = registry.build("facenet", 1, 10, (64, 64))
optimizer = optim.AdamW(model.parameters())
nn.functional.cross_entropy(model(tc.randn(64, 1, 64, 64)), tc.arange(64) % 10).backward()
optimizer.step()
"""
"""The first training step that a process does."""

PROGRAMS = {
    "python -c 'pass'": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import tinyconv": ["-c", "import tinyconv"],
    "tinyconv --help": ["-m", "tinyconv", "--help"],
    "tinyconv train --epochs 1": ["-m", "tinyconv", "train", "--epochs", "1"],
    "first training step, kernels in the cache": ["-c", STEP],
}


@click.command("startup")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True)
@click.option("--cold", type=click.IntRange(0), default=1, show_default=True, help="Runs of the step on empty caches.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(runs: int, cold: int, out: Path | None) -> None:
    """Wall-clock seconds of whole processes, interleaved, after one run of each that does not count.

    The first training step is the face net's with 64 images of 64x64, without and with compiled kernels on disk.
    """
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        for run in range(runs + 1):
            for name, arguments in PROGRAMS.items():
                taken = process_seconds(arguments, folder)
                if run:
                    seconds[name].append(taken)
    for _ in range(cold):
        with tempfile.TemporaryDirectory() as folder:
            taken = process_seconds(["-c", STEP], folder, NUMBA_CACHE_DIR=folder)
            seconds.setdefault("first training step, empty cache", []).append(taken)
    rows = [
        {"program": name, "median": median(times), "least": min(times), "most": max(times)}
        for name, times in seconds.items()
    ]
    for row in rows:
        click.echo(f"{row['program']:42} {row['median']:6.2f} s  ({row['least']:.2f} to {row['most']:.2f})")
    keep(out, "startup", rows)


def process_seconds(arguments: list[str], folder: str, **environment: str) -> float:
    """How long a Python process takes, from its start to its end."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], cwd=folder, check=True, capture_output=True, env=os.environ | environment
    )
    return time.perf_counter() - start
