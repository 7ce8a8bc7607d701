"""A run killed at random moments and resumed each time, beside one left alone: equal bit for bit, or exit code 1."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from bench import killing
from bench.report import keep


@click.command("kills", help=__doc__)
@click.option("--kills", type=click.IntRange(1), default=60, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the moments.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
@click.argument("options", nargs=-1, metavar="[-- TRAIN OPTIONS]")
def command(kills: int, seed: int, out: Path | None, options: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        chosen = options or OPTIONS
        began = time.perf_counter()
        killing.train_to_the_end(whole, chosen)
        seconds = time.perf_counter() - began
        steps = killing.saved_step(whole) or 0
        click.echo(f"left alone: {steps} steps in {seconds:.1f} s ({' '.join(chosen)})")
        began, rows = time.perf_counter(), []
        for number, kill in enumerate(killing.killed_training(killed, chosen, steps, kills, seed), start=1):
            rows.append(kill._asdict())
            place = f"{'from the start' if kill.found is None else f'from step {kill.found}'} to {kill.left or 0}"
            click.echo(
                f"kill {number:3}  after {kill.seconds:5.1f} s  {place:24} {'in a write' if kill.writing else ''}"
            )
        found = killing.differences(whole, killed)
        record = json.loads((killed / "run.json").read_text(encoding="utf-8"))
        click.echo(summary(rows, len(record.get("resumed", ())), time.perf_counter() - began))
        click.echo(f"differences from the run left alone: {', '.join(found) or 'none, bit for bit'}")
        keep(out, "kills", rows, options=list(chosen), steps=steps, differences=found)
        sys.exit(bool(found))


OPTIONS = (
    *("--data", "digits", "--epochs", "16", "--checkpoint-every", "3", "--probes", "2", "--seed", "1"),
    *("--ema", "0.95", "--accumulate", "2", "--mixup", "0.2", "--cutout", "2", "--clip-norm", "1"),
    *("--log-every", "1", "--statistics-every", "5"),
)
"""Everything that has a state: dropout, augmentation, mixup, accumulation, averages, a schedule by the step, logs."""


def summary(rows: list[dict[str, Any]], resumed: int, seconds: float) -> str:
    """What the kills hit, in a line."""
    before = sum(row["left"] is None for row in rows)
    idle = sum(row["left"] is not None and row["left"] == row["found"] for row in rows)
    middle = len(rows) - before - idle
    writing = sum(row["writing"] for row in rows)
    return (
        f"{len(rows)} kills in {seconds:.0f} s: {before} before the first checkpoint, {idle} before a process had "
        f"written another, {middle} later; {writing} of them in the middle of a write; run.json tells of {resumed} "
        "resumed trainings"
    )
