"""The peak memory of training steps of 64 images, each side in a fresh process, beyond libraries, model and images."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import click

from bench.networks import NETWORKS, Network
from bench.report import keep
from tinyconv.utils.speed import own, pytorch

MIB = 2**20


@click.command("memory", help=__doc__)
@click.option("--only", metavar="WORDS", default="", help="Networks whose titles have these words.")
@click.option("--runs", type=click.IntRange(1), default=1, show_default=True, help="Processes for each side.")
@click.option("--threads", type=click.IntRange(1), help="For all sides.  [default: all processors]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(only: str, runs: int, threads: int | None, out: Path | None) -> None:
    """Print the sides' peaks; networks for which tinyconv needs more come first."""
    from tinyconv.ops import machine

    sides = (own.FAST, *(pytorch.LAYOUTS if pytorch.installed() else ()))
    rows = []
    for network in NETWORKS:
        if only.lower() not in network.title.lower():
            continue
        peaks = {side: peak_of(side, network, runs, threads or machine.get_num_threads()) for side in sides}
        least = min(peaks[side] for side in sides[1:]) if len(sides) > 1 else None
        rows.append({"network": network.title, "bytes": peaks, "share": least and peaks[own.FAST] / least})
    for row in more_first(rows):
        figures = ", ".join(f"{side} {size / MIB:.0f} MiB" for side, size in row["bytes"].items())
        share = f"{row['share']:.2f} of PyTorch's smaller" if row["share"] else ""
        click.echo(f"{row['network']:10} {share:28} {figures}")
    keep(out, "memory", rows)


def more_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where tinyconv needs more than the other side, the worst leading; then the others as they are."""
    more = sorted((row for row in rows if (row["share"] or 0) > 1), key=lambda row: -row["share"])
    return more + [row for row in rows if row not in more]


def peak_of(side: str, network: Network, runs: int, threads: int) -> int:
    """Bytes; the median of ``runs`` processes."""
    command = [sys.executable, "-m", "bench.peak", side, network.model, str(threads)]
    found = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(runs)]
    return int(median(json.loads(each.stdout)["bytes"] for each in found))
