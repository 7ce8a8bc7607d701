"""What several processes cost: steps with their gradients' sums beside steps without, and a model of more machines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from bench import cluster
from bench.report import keep


@click.command("communication")
@click.option("--ranks", default="1,2,4", show_default=True, help="How many processes, one thread each.")
@click.option("--mpiexec", help="The launcher.  [default: the one beside Python, or on the path]")
@click.option("--buckets", is_flag=True, help="Also messages of several sizes, of ResNet-18 on two processes.")
@click.option("--model", "only_model", type=click.Path(path_type=Path), help="Only the model, of this JSON file.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(ranks: str, buckets: bool, mpiexec: str | None, only_model: Path | None, out: Path | None) -> None:
    """Seconds of a training step of 16 images for each process, of the slowest process, medians of three.

    compute: without communication; step: with the gradients' sums, begun during backward; message: all gradients summed
    up with nothing beside; latency: the sum of four numbers.
    """
    if only_model is not None:
        click.echo(cluster.tables(json.loads(only_model.read_text())["rows"]))
        return
    launcher = mpiexec or _launcher()
    rows = [row for count in ranks.split(",") for row in measured(launcher, int(count))]
    for row in rows:
        click.echo(
            f"{row['network']:10} {row['ranks']} processes {row['bytes'] / 2**20:6.1f} MiB  "
            f"compute {1e3 * row['compute']:7.1f} ms  step {1e3 * row['step']:7.1f} ms  "
            f"message {1e3 * row['message']:6.1f} ms  latency {1e6 * row['latency']:6.0f} µs"
        )
    if buckets:
        (found,) = measured(launcher, 2, "--buckets")
        for size, seconds in found["buckets"].items():
            click.echo(f"{found['network']}, buckets of {size:>10}: {1e3 * seconds:7.1f} ms")
        rows.append(found)
    keep(out, "communication", rows)
    click.echo(cluster.tables(rows))


def measured(launcher: str, ranks: int, *options: str) -> list[dict[str, Any]]:
    """What ``bench.communicating`` finds with so many processes."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        program = [sys.executable, "-m", "bench.communicating", str(result), *options]
        # One thread each: the processors are the processes' own, as far as there are enough.
        environment = os.environ | {"NUMBA_NUM_THREADS": "1"}
        subprocess.run([launcher, "-n", str(ranks), *program], check=True, env=environment)
        found: list[dict[str, Any]] = json.loads(result.read_text())
        return found


def _launcher() -> str:
    beside = Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.is_file() else shutil.which("mpiexec")
    if found is None:
        raise click.UsageError("there is no mpiexec: pip install 'tinyconv[mpi]', or name one with --mpiexec")
    return found
