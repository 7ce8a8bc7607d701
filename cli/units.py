"""``tinyconv units``: the real image patches that the units of a layer answer to most."""

from __future__ import annotations

from pathlib import Path

import click

from .options import WholeNumber, announce_compilation, apply_threads, checkpoint, device, say, threads
from .synthesis import chosen_channels, force, out, result_folder


@click.command("units")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--layer", required=True, metavar="NAME", help="Whose units.")
@click.option("--channels", metavar="RANGES", help="As in 0-31 or 0,4,7.  [default: the first 12]")
@click.option(
    "--data",
    metavar="NAME",
    help="The images, named as in tinyconv train; their classes are matched by name.  [default: what RUN held out]",
)
@click.option(
    "--count", type=WholeNumber(min=1), default=9, show_default=True, metavar="N", help="Patches for each channel."
)
@click.option(
    "--rule",
    type=click.Choice(["deconvnet", "guided", "gradient"]),
    default="deconvnet",
    show_default=True,
    help="How a unit's activation is projected down to the pixels.",
)
@out
@force
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    layer: str,
    channels: str | None,
    data: str | None,
    count: int,
    rule: str,
    out: Path | None,
    force: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Show the patches of real images that channels of --layer answer to most, in the model trained in the folder RUN.

    Beside the patches stands what of them reaches the unit: its activation projected down to the pixels. Writes one
    PNG, and all in one npz. The paths are printed.

    \b
    Examples:
      tinyconv units runs/0001 --layer conv4
      tinyconv units runs/0001 --layer relu3 --channels 0-63 --data folder:photos
    """
    import numpy as np

    from tinyconv.core.devices import Device
    from tinyconv.explain.synthesis import top_patches
    from tinyconv.explain.synthesis.writing import bounds_of, save_synthesis
    from tinyconv.train import held_out_images, load_run, other_images

    apply_threads(threads)
    run = load_run(run_folder, checkpoint, Device(device))
    numbers = chosen_channels(run, layer, channels)
    folder = result_folder(run, f"units-{layer}", out, force)
    judged = held_out_images(run) if data is None else other_images(run, data)
    with announce_compilation():
        found = top_patches(
            run.model,
            run.preprocessing.normalize(np.asarray(judged.images)),
            layer,
            numbers,
            count=count,
            rule=rule,
            bounds=bounds_of(run.preprocessing),
            labels=[run.classes[label] for label in judged.labels],
        )
    dead = [str(number) for number, dead in zip(numbers, found.dead, strict=True) if dead]
    if dead:
        say(f"dead on all {found.looked_at} images: channel {', '.join(dead)}")
    arrays = {
        "channels": found.channels,
        "values": found.values,
        "indices": judged.indices[found.indices],
        "positions": found.positions,
        "boxes": found.boxes,
        "images": found.images,
        "projections": found.projections,
    }
    meta = {"method": "Strongest patches", "layer": layer, "rule": rule, "data": judged.source}
    for path in save_synthesis(folder, {layer: found.sheet()}, arrays, run, meta):
        say(path)
