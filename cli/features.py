"""``tinyconv features``: what a trained network makes of an image, layer by layer."""

from __future__ import annotations

from pathlib import Path

import click

from .options import announce_compilation, apply_threads, checkpoint, device, say, threads


@click.command("features")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("image", metavar="IMAGE", type=click.Path(path_type=Path))
@click.option(
    "--layers",
    default="*",
    show_default=True,
    metavar="PATTERNS",
    help="Layers by name, shell-style and separated by commas, as in 'conv*,pool2'.",
)
@click.option(
    "--channels",
    metavar="RANGES",
    help="Channels of each layer, as in 0-31 or 0,4,7; a layer that lacks them is left out, unless --layers names it.  "
    "[default: all]",
)
@click.option("--format", "formats", default="png,npz", show_default=True, metavar="FORMATS", help="png, npz or both.")
@click.option(
    "--scale",
    type=click.Choice(["layer", "channel", "standard"]),
    default="layer",
    show_default=True,
    help="One colour scale for a whole layer, one for each channel, or each channel standardised: its mean white, two "
    "standard deviations from it the strongest colours.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Where to write.  [default: RUN/features/IMAGE]"
)
@click.option("--force", is_flag=True, help="Replace feature maps that are in the folder already.")
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    image: Path,
    layers: str,
    channels: str | None,
    formats: str,
    scale: str,
    out: Path | None,
    force: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Write the feature maps of IMAGE, in the model trained in the folder RUN: a PNG per layer, and all in one npz.

    The paths of the files written are printed. The npz holds an array per layer, and loads with NumPy alone.

    \b
    Examples:
      tinyconv features runs/0001 me.jpg --layers 'conv*' --channels 0-31
      tinyconv features runs/0001 me.jpg --format npz --out maps
    """
    from tinyconv.core.devices import Device
    from tinyconv.core.errors import RunError
    from tinyconv.features.dump import activations_of, dump_features
    from tinyconv.train import environment, load_run

    apply_threads(threads)
    run = load_run(run_folder, checkpoint, Device(device))
    picture = run.preprocessing.read(image)
    prepared = run.preprocessing.normalize(picture[None])
    patterns = [pattern.strip() for pattern in layers.split(",")]
    folder = out or run_folder / "features" / image.stem
    if not force and folder.is_dir() and any(folder.iterdir()):
        activations_of(run.model, prepared, patterns)  # of two mistakes, a wrong layer is named first
        raise RunError(
            f"folder {folder} exists and is not empty; choose another (--out), or replace what it has (--force)"
        )
    meta = {
        "image": str(image),
        "run": str(run_folder),
        "checkpoint": run.checkpoint.name,
        "checkpoint_sha256": run.checkpoint_sha256,
        "seed": run.record.get("seed"),
        "preprocessing": run.preprocessing.to_json(),
        "versions": environment.versions(),
    }
    with announce_compilation():
        written = dump_features(
            run.model,
            prepared[0],
            folder,
            patterns=patterns,
            channels=channels,
            formats=formats,
            scale=scale,
            picture=picture,
            epoch=run.epoch,
            subject=image.name,
            meta=meta,
            message=lambda text: say(text, err=True),
        )
    for path in written:
        say(path)
