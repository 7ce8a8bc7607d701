"""Every network of the zoo as published: one training step beside PyTorch, and 32 real images learnt by heart.

From the same weights and images both libraries make a step of SGD, in float64 and in float32. What is shown is the
largest difference from PyTorch's float64, of all tensors, relative to the largest magnitude in the tensor. In float32 a
number near 0 may fall on the other side of a rectifier, which moves the gradients of a deep network by far more than
rounding does: so PyTorch's own float32 stands beside.
"""

from __future__ import annotations

import copy
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
SIDES = ("float64", "float32", "PyTorch's float32")


@click.command("zoo", help=__doc__)
@click.option("--only", metavar="WORDS", help="Networks whose names have one of these words, as 'resnet vgg16'.")
@click.option("--images", type=click.IntRange(1), default=8, show_default=True, help="In a timed step.")
@click.option("--seconds", type=float, default=2.0, show_default=True, help="For the timing of each side; 0 for none.")
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
    from tinyconv.models.counts import count

    threads = begin(threads)
    rows = []
    for name in registry.names():
        if only and not any(word in name for word in only.lower().split()):
            continue
        row: dict[str, Any] = {"name": name, "parameters": count(name).parameters}
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


def compared(name: str, images: int, seconds: float) -> dict[str, Any]:
    """How far a step of either library is from PyTorch's in float64, and what a step takes."""
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
    tc.manual_seed(0)
    model = registry.build(name, in_channels, classes, size)
    start = {entry: value.clone() for entry, value in model.state_dict().items()}

    def again(double: bool) -> Any:
        """tinyconv's network as it was, and PyTorch's like it."""
        model.load_state_dict(start)
        model.zero_grad()
        torch_zoo.copy_weights(model, network.float())
        network.zero_grad()
        if double:
            network.double()
        return model.double() if double else model.float()

    row: dict[str, Any] = {}
    again(True)
    exact = torch_step(network, x.astype(np.float64), labels)
    row["float64"] = differences(own_step(model, x.astype(np.float64), labels), exact)
    model.float()
    again(False)
    row["PyTorch's float32"] = differences(torch_step(network, x, labels), exact)
    again(False)
    with tc.set_float32_precision("exact"):
        row["float32"] = differences(own_step(model, x, labels), exact)
    del exact
    again(False)
    return row | timed(model, network, (images, in_channels, *size), classes, seconds) if seconds else row


def timed(model: Any, network: Any, shape: tuple[int, ...], classes: int, seconds: float) -> dict[str, Any]:
    """A training step of either library, PyTorch's in the better of its layouts."""
    import torch

    draw = np.random.default_rng(1)
    x, labels = draw.standard_normal(shape).astype(np.float32), draw.integers(0, classes, shape[0])
    sides = {own.FAST: own.training_step(model, x, labels)}
    for layout in pytorch.LAYOUTS:
        twin = copy.deepcopy(network)
        if layout == pytorch.CHANNELS_LAST:
            twin = twin.to(memory_format=torch.channels_last)
        sides[layout] = pytorch.training_step(twin, x, labels, layout)
    timings = take_turns(sides, seconds * len(sides))
    rival = timings.fastest(pytorch.LAYOUTS)
    speedup = timings.speedup(own.FAST, rival)
    return {
        "seconds": {side: timings.median(side) for side in sides},
        "ratio": {"value": speedup.value, "low": speedup.low, "high": speedup.high, "rival": rival},
    }


def line(row: dict[str, Any]) -> str:
    """What is said while it runs."""
    said = f"{time.strftime('%H:%M:%S')} {row['name']:15} {row['parameters']:12,}"
    for side in SIDES:
        if side in row:
            said += f"  {side}: " + " ".join(f"{part} {row[side][part]:.1e}" for part in PARTS)
    if "ratio" in row:
        said += f"  {row['ratio']['value']:.2f} times as fast"
    if "by_heart" in row:
        said += f"  32 images: {row['by_heart']['accuracy']:.0%} after {row['by_heart']['steps']} steps"
    return said


def table(rows: list[dict[str, Any]]) -> Table:
    """All networks."""
    found = Table(title="the zoo as published, a training step: differences from PyTorch's float64")
    found.add_column("network")
    for heading in (
        "parameters", "output", "gradients", "float32", "PyTorch's", "step", "PyTorch's", "ratio", "32 images",
    ):  # fmt: skip
        found.add_column(heading, justify="right")
    for row in rows:
        cells = [row["name"], f"{row['parameters']:,}", *[""] * 8]
        if "float64" in row:
            cells[2:4] = [f"{row['float64'][part]:.1e}" for part in ("output", "gradients")]
            cells[4:6] = [f"{row[side]['gradients']:.1e}" for side in SIDES[1:]]
        if "ratio" in row:
            cells[6:8] = [seconds_text(row["seconds"][side]) for side in (own.FAST, row["ratio"]["rival"])]
            cells[8] = f"{row['ratio']['value']:.2f}"
        if "by_heart" in row:
            cells[9] = f"{row['by_heart']['accuracy']:.0%}, {row['by_heart']['steps']} steps"
        found.add_row(*cells)
    return found
