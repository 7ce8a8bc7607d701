"""``tinyconv invert``: what each layer of a trained network still knows of an image."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Number, WholeNumber, announce_compilation, apply_threads, checkpoint, device, say, threads
from .synthesis import force, out, result_folder


@click.command("invert")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("image", metavar="IMAGE", type=click.Path(path_type=Path))
@click.option(
    "--layers",
    metavar="PATTERNS",
    help="Layers by name, shell-style and separated by commas, as in 'conv*,pool2'.  [default: all convolutions, "
    "poolings and linear layers]",
)
@click.option(
    "--tv-weight",
    type=Number(min=0),
    metavar="X",
    help="How smooth the pictures are to be.  [default: 1, 10 or 100 by a layer's depth, times (side/227)²]",
)
@click.option(
    "--repeats",
    type=WholeNumber(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Pictures for each layer, from other noise: where they differ, it does not know.",
)
@click.option("--seed", type=WholeNumber(min=0), default=0, show_default=True, metavar="N", help="For the noise.")
@out
@force
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    image: Path,
    layers: str | None,
    tv_weight: float | None,
    repeats: int,
    seed: int,
    out: Path | None,
    force: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Make IMAGE again from what single layers know of it, in the model trained in the folder RUN.

    Writes the pictures side by side as one PNG, and as npz. The paths are printed. The same seed makes the same files.

    \b
    Examples:
      tinyconv invert runs/0001 me.jpg
      tinyconv invert runs/0001 me.jpg --layers 'pool*,fc' --repeats 4
    """
    import numpy as np

    from tinyconv.core.devices import Device
    from tinyconv.explain.synthesis import inversion_sheet, invert
    from tinyconv.explain.synthesis.writing import bounds_of, save_synthesis
    from tinyconv.features.dump import activations_of
    from tinyconv.train import load_run

    apply_threads(threads)
    run = load_run(run_folder, checkpoint, Device(device))
    prepared = run.preprocessing.normalize(run.preprocessing.read(image)[None])
    patterns = ["*"] if layers is None else [pattern.strip() for pattern in layers.split(",")]
    kinds = ("conv", "pool", "linear") if layers is None else None
    names = list(activations_of(run.model, prepared, patterns, kinds))
    folder = result_folder(run, f"invert-{image.stem}", out, force)
    found = []
    with announce_compilation():
        for name in names:
            found.append(
                invert(
                    run.model, prepared[0], name, bounds=bounds_of(run.preprocessing), tv_weight=tv_weight,
                    repeats=repeats, seed=seed,
                )
            )  # fmt: skip
            say(f"{name}: error of the features {100 * found[-1].errors.min():.3g}%", err=True)
    arrays = {name: one.images for name, one in zip(names, found, strict=True)}
    meta = {
        "method": "Inversion",
        "image": str(image),
        "seed": seed,
        "total_variation": {name: one.weights.total_variation for name, one in zip(names, found, strict=True)},
        "errors": {name: [float(error) for error in one.errors] for name, one in zip(names, found, strict=True)},
    }
    arrays["__input__"] = np.asarray(prepared)
    for path in save_synthesis(folder, {"inversion": inversion_sheet(found, image.name)}, arrays, run, meta):
        say(path)
