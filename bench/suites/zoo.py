"""Every network of the zoo as published: one training step beside PyTorch, and 32 real images learnt by heart.

From the same weights and images both libraries make a step of SGD; PyTorch once more in float64, which is taken as
exact. Differences are the largest of all tensors, each relative to the largest magnitude in its tensor.
"""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.by_heart import learn_by_heart
from bench.parity import differences, own_step, torch_step
from bench.report import keep
from bench.session import begin
from bench.tables import seconds_text
from tinyconv.utils.measure import take_turns
from tinyconv.utils.speed import own, pytorch

IMAGES = 2
"""That a step is compared on; of those of a timed step there are more (``--images``)."""
PARTS = ("output", "gradients", "buffers", "weights")


@click.command("zoo", help=__doc__)
@click.option("--only", metavar="WORDS", help="Networks whose names have one of these words, as 'resnet vgg16'.")
@click.option("--images", type=click.IntRange(1), default=8, show_default=True, help="In a timed step.")
@click.option("--seconds", type=float, default=2.0, show_default=True, help="For the timing of each side.")
@click.option("--heart/--no-heart", default=True, help="Whether narrow networks learn 32 images by heart.")
@click.option("--step/--no-step", default=True, help="Whether steps are compared and timed.")
@click.option("--threads", type=click.IntRange(1), help="For all sides.  [default: all processors]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(
    only: str | None,
    images: int,
    seconds: float,
    heart: bool,
    step: bool,
    threads: int | None,
    out: Path | None,
) -> None:
    """Print a line for each network as it comes, then the table."""
    from tinyconv.models import registry

    threads = begin(threads)
    rows = []
    for name in registry.names():
        if only and not any(word in name for word in only.lower().split()):
            continue
        row: dict[str, Any] = {"name": name, "parameters": parameters_of(name)}
        if step and pytorch.installed():
            row |= compared(name, images, seconds)
        if heart:
            row["by_heart"] = learn_by_heart(name)
        rows.append(row)
        click.echo(line(row))
        gc.collect()
    if not rows:
        raise click.UsageError(f"no network has one of the words {only!r}")
    Console(width=160).print(table(rows))
    keep(out, "zoo", rows, threads=threads, timed_images=images, compared_images=IMAGES)


def parameters_of(name: str) -> int:
    """As published."""
    return sum(parameter.numel() for parameter in built(name).parameters())


def built(name: str) -> Any:
    """The published network, the same in every run."""
    import tinyconv as tc
    from tinyconv.models import registry

    tc.manual_seed(0)
    return registry.build(name, *registry.published(name))


def compared(name: str, images: int, seconds: float) -> dict[str, Any]:
    """How far a float32 step of either library is from PyTorch's in float64, and what a step takes."""
    import torch

    import tinyconv as tc
    from bench.peers import torch_zoo
    from tinyconv.models import registry

    in_channels, classes, size = registry.published(name)
    network = torch_zoo.twin(name, in_channels, classes, size)
    if network is None:
        return {}
    draw = np.random.default_rng(0)
    x = draw.standard_normal((IMAGES, in_channels, *size)).astype(np.float32)
    labels = draw.integers(0, classes, IMAGES)

    def twin() -> Any:
        again = torch_zoo.twin(name, in_channels, classes, size)
        torch_zoo.copy_weights(built(name), again)
        return again

    exact = torch_step(twin().double(), x.astype(np.float64), labels)
    row: dict[str, Any] = {"tinyconv": {}, "PyTorch": differences(torch_step(twin(), x, labels), exact)}
    for precision in ("exact", "fast"):
        with tc.set_float32_precision(precision):
            row["tinyconv"][precision] = differences(own_step(built(name), x, labels), exact)
    del exact
    x = draw.standard_normal((images, in_channels, *size)).astype(np.float32)
    labels = draw.integers(0, classes, images)
    sides = {own.FAST: own.training_step(built(name), x, labels)}
    for layout in pytorch.LAYOUTS:
        network = twin().to(memory_format=torch.channels_last) if layout == pytorch.CHANNELS_LAST else twin()
        sides[layout] = pytorch.training_step(network, x, labels, layout)
    timings = take_turns(sides, seconds * len(sides))
    rival = timings.fastest(pytorch.LAYOUTS)
    speedup = timings.speedup(own.FAST, rival)
    row["seconds"] = {side: timings.median(side) for side in sides}
    row["ratio"] = {"value": speedup.value, "low": speedup.low, "high": speedup.high, "rival": rival}
    return row


def line(row: dict[str, Any]) -> str:
    """What is said while it runs."""
    said = f"{time.strftime('%H:%M:%S')} {row['name']:15} {row['parameters']:12,}"
    if "tinyconv" in row:
        for precision, found in row["tinyconv"].items():
            said += f"  {precision}: " + " ".join(f"{part} {found[part]:.1e}" for part in PARTS)
        said += f"  PyTorch's own: gradients {row['PyTorch']['gradients']:.1e}  ratio {row['ratio']['value']:.2f}"
    if "by_heart" in row:
        said += f"  32 images: {row['by_heart']['accuracy']:.0%} after {row['by_heart']['steps']} steps"
    return said


def table(rows: list[dict[str, Any]]) -> Table:
    """All networks."""
    found = Table(title="the zoo as published, one training step beside PyTorch", header_style="bold")
    found.add_column("network")
    for heading in (
        "parameters", "output", "gradients", "(exact)", "(PyTorch)", "step", "PyTorch", "ratio", "32 images",
    ):  # fmt: skip
        found.add_column(heading, justify="right")
    for row in rows:
        cells = [row["name"], f"{row['parameters']:,}"]
        if "tinyconv" in row:
            fast, exact = row["tinyconv"]["fast"], row["tinyconv"]["exact"]
            differing = (fast["output"], fast["gradients"], exact["gradients"], row["PyTorch"]["gradients"])
            cells += [f"{value:.1e}" for value in differing]
            cells += [seconds_text(row["seconds"][side]) for side in (own.FAST, row["ratio"]["rival"])]
            cells.append(f"{row['ratio']['value']:.2f}")
        else:
            cells += [""] * 7
        learnt = row.get("by_heart")
        cells.append(f"{learnt['accuracy']:.0%}, {learnt['steps']} steps" if learnt else "")
        found.add_row(*cells)
    return found
