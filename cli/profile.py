"""``tinyconv profile``: what a training step costs, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from . import options
from .networks import changes, network
from .options import WholeNumber, say


@click.command("profile")
@click.argument("model", metavar="MODEL|RUN")
@click.option("--batch", type=WholeNumber(min=1), default=16, show_default=True, metavar="N", help="Images per step.")
@click.option("--steps", type=WholeNumber(min=1), default=3, show_default=True, metavar="N", help="Measured steps.")
@changes
@click.option("--sort-by", metavar="AMOUNT", help="Largest first, as total_time, own_time or kept_bytes.")
@click.option("--trace", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Keep a Chrome trace.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: sums over the steps, in nanoseconds and bytes.")
@options.threads
@options.precision
@options.device
def command(
    model: str,
    batch: int,
    steps: int,
    sort_by: str | None,
    trace: Path | None,
    as_json: bool,
    threads: int | None,
    precision: str | None,
    device: str,
    **changed: Any,
) -> None:
    """Measure training steps of a model by name, or of the model trained in a run folder, on random images.

    A model by name is as it was published, but for what the options say otherwise. Each step is a forward, the
    cross-entropy with random labels, and a backward; weights stay as they are. A first step, which also compiles the
    kernels, is not measured. Multiply-adds are those of the whole batch, forward and backward; tinyconv summary counts
    the forward of one image. Open the file of --trace, whose path is printed (with --json on stderr), in
    chrome://tracing or ui.perfetto.dev.

    \b
    Examples:
      tinyconv profile facenet --input-size 64x64 --batch 32
      tinyconv profile runs/0001 --sort-by own_time --trace step.json
    """
    options.apply_threads(threads)
    options.apply_precision(precision)
    from tinyconv.core.devices import Device
    from tinyconv.utils.profiler.steps import profile_steps

    where = Device(device)
    built, shape = network(model, changed)
    with options.announce_compilation():
        result = profile_steps(built.to(where), shape, batch, steps)
    table = result.table(sort_by)
    if trace is not None:
        result.export_chrome_trace(trace)
    say(json.dumps(result.to_dict(), indent=2) if as_json else table)
    if trace is not None:
        say(f"trace      {trace}", err=as_json)
