"""``tinyconv dissect``: which channels of a trained network detect a thing that is marked in images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import Number, announce_compilation, apply_threads, checkpoint, device, say, shown_table, threads
from .synthesis import force, out, result_folder

if TYPE_CHECKING:
    from tinyconv.explain.synthesis import Dissection


@click.command("dissect")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("masks", metavar="MASKS", type=click.Path(path_type=Path))
@click.option(
    "--layers",
    metavar="PATTERNS",
    help="Layers by name, shell-style and separated by commas, as in 'conv*,pool2'.  [default: all convolutions]",
)
@click.option(
    "--quantile",
    type=Number(min=0, max=1, min_open=True, max_open=True),
    default=0.005,
    show_default=True,
    metavar="SHARE",
    help="A channel is on where it is among this share of its strongest answers.",
)
@click.option(
    "--least",
    type=Number(min=0, max=1, max_open=True),
    default=0.04,
    show_default=True,
    metavar="IOU",
    help="Overlap (intersection over union) above which a channel is called a detector.",
)
@out
@force
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    masks: Path,
    layers: str | None,
    quantile: float,
    least: float,
    out: Path | None,
    force: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Compare where channels of the model in the folder RUN answer with where things are marked in images.

    MASKS is an npz file with images as tinyconv train takes them, of the size the model takes, masks (N, K, H, W),
    other than 0 where a thing is, and concepts: the K names of the things. Writes a PNG for each layer, and all
    numbers in one npz; the best channel for each thing, and the paths, are printed.

    \b
    Examples:
      tinyconv dissect runs/0001 face-parts.npz
      tinyconv dissect runs/0001 face-parts.npz --layers conv4 --quantile 0.02
    """
    from tinyconv.core.devices import Device
    from tinyconv.explain.synthesis import dissect
    from tinyconv.explain.synthesis.masks import read_masks
    from tinyconv.explain.synthesis.writing import bounds_of, save_synthesis
    from tinyconv.features.dump import activations_of
    from tinyconv.train import load_run

    apply_threads(threads)
    run = load_run(run_folder, checkpoint, Device(device))
    marked = read_masks(masks, run.preprocessing)
    prepared = run.preprocessing.normalize(marked.images)
    patterns = ["*"] if layers is None else [pattern.strip() for pattern in layers.split(",")]
    names = list(activations_of(run.model, prepared[:1], patterns, ("conv",) if layers is None else None))
    folder = result_folder(run, f"dissect-{masks.stem}", out, force)
    bounds = bounds_of(run.preprocessing)
    with announce_compilation():
        found = {
            name: dissect(
                run.model, prepared, marked.masks, marked.concepts, name, quantile=quantile, least=least, bounds=bounds
            )
            for name in names
        }
    say(_table(found))
    arrays = {
        f"{name}.{what}": getattr(one, what)
        for name, one in found.items()
        for what in ("overlaps", "thresholds", "attainable")
    }
    meta = {
        "method": "Network dissection",
        "layers": names,
        "masks": str(masks),
        "concepts": marked.concepts,
        "quantile": quantile,
        "least": least,
    }
    for path in save_synthesis(folder, {name: one.sheet() for name, one in found.items()}, arrays, run, meta):
        say(path)


def _table(found: dict[str, Dissection]) -> str:
    """For each layer and thing, the channel that covers it best."""
    rows = []
    for name, one in found.items():
        for number, concept in enumerate(one.concepts):
            best = int(one.overlaps[:, number].argmax())
            overlap = float(one.overlaps[best, number])
            detectors = sum(other == number for _, other in one.detectors)
            rows.append((name, concept, str(best), f"{overlap:.3f}", f"{one.attainable[number]:.3f}", str(detectors)))
    headers = ("layer", "marked", "best channel", "IoU", "largest possible", "detectors")
    return shown_table(headers, rows, "llrrrr")
