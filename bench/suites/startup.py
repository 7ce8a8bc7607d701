"""How long a user waits before anything happens: import, help, and a whole short training."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import click

from bench.report import keep

PROGRAMS = {
    "python -c 'pass'": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import tinyconv": ["-c", "import tinyconv"],
    "tinyconv --help": ["-m", "tinyconv", "--help"],
    "tinyconv train --epochs 1": ["-m", "tinyconv", "train", "--epochs", "1"],
}


@click.command("startup")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(runs: int, out: Path | None) -> None:
    """Wall-clock seconds of whole processes, interleaved, after one run of each that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        for run in range(runs + 1):
            for name, arguments in PROGRAMS.items():
                start = time.perf_counter()
                subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)
                if run:
                    seconds[name].append(time.perf_counter() - start)
    rows = [
        {"program": name, "median": median(times), "least": min(times), "most": max(times)}
        for name, times in seconds.items()
    ]
    for row in rows:
        click.echo(f"{row['program']:28} {row['median']:6.2f} s  ({row['least']:.2f} to {row['most']:.2f})")
    keep(out, "startup", rows)
