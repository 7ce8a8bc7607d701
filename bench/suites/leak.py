"""Memory over many training steps: a tape that leaked would show as growth."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import click

from bench.report import keep

FACE_NET_BATCH, FACE_NET_SIZE = 32, 25


@click.command("leak")
@click.option("--steps", type=click.IntRange(100), default=1000, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(steps: int, out: Path | None) -> None:
    """Resident memory after every tenth of STEPS face-net training steps, with the garbage collector switched off."""
    import gc

    import tinyconv as tc
    from tinyconv import nn, optim
    from tinyconv.models.registry import build

    tc.manual_seed(0)
    model = build("facenet", 1, 2, (FACE_NET_SIZE, FACE_NET_SIZE))
    optimizer = optim.AdamW(model.parameters(), lr=1e-3)
    loss = nn.CrossEntropyLoss()
    images = tc.randn(FACE_NET_BATCH, 1, FACE_NET_SIZE, FACE_NET_SIZE)
    labels = tc.randint(0, 2, (FACE_NET_BATCH,))
    # With the collector off, a cycle through the tape would hold every step's activations.
    gc.disable()
    rows = []
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()
        if step % (steps // 10) == 0 or step == 10:
            row = {"step": step, "resident_mib": resident() / 2**20, "peak_mib": peak() / 2**20}
            rows.append(row)
            click.echo(f"step {step:5}  resident {row['resident_mib']:7.1f} MiB  peak {row['peak_mib']:7.1f} MiB")
    keep(out, "leak", rows)


def resident() -> int:
    """Bytes of this process that are in memory now (Linux); elsewhere the peak."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return peak()


def peak() -> int:
    """The most bytes of this process that were in memory at once."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
