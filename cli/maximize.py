"""``tinyconv maximize``: pictures of what units and classes of a trained network look for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import WholeNumber, announce_compilation, apply_threads, checkpoint, device, say, threads
from .synthesis import chosen_channels, chosen_classes, force, out, result_folder

if TYPE_CHECKING:
    from tinyconv.explain.synthesis import Synthesis
    from tinyconv.train import LoadedRun

CLASS_MODEL = "class-model"


@click.command("maximize")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--layer", metavar="NAME", help="A layer, whose channels are maximised.  [default: the classes are]")
@click.option("--channels", metavar="RANGES", help="Of --layer, as in 0-31 or 0,4,7.  [default: the first 12]")
@click.option("--classes", metavar="NAMES", help="Classes, separated by commas.  [default: all]")
@click.option(
    "--recipe",
    type=click.Choice(["plain", "yosinski-1", "yosinski-2", "yosinski-3", "yosinski-4", "jitter", CLASS_MODEL]),
    default="yosinski-3",
    show_default=True,
    metavar="NAME",
    help="plain: gradient ascent alone. yosinski-1: blur, small norms cut. yosinski-2: strong decay, small norms cut. "
    "yosinski-3: blur and weak decay. yosinski-4: blur, small contributions cut. jitter: random views and total "
    "variation. class-model: Simonyan's score - lambda |x|², for classes.",
)
@click.option(
    "--position",
    type=click.Choice(["centre", "mean"]),
    default="centre",
    show_default=True,
    help="Of a channel, the unit in the middle of its map, or the mean of all.",
)
@click.option("--steps", type=WholeNumber(min=1), metavar="N", help="Steps of the ascent.  [default: the recipe's]")
@click.option("--seed", type=WholeNumber(min=0), default=0, show_default=True, metavar="N", help="For noise and views.")
@out
@force
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    layer: str | None,
    channels: str | None,
    classes: str | None,
    recipe: str,
    position: str,
    steps: int | None,
    seed: int,
    out: Path | None,
    force: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Make the images that classes, or channels of a layer, answer to most, in the model trained in the folder RUN.

    Writes them as one PNG, with what they reach beside what the images that RUN held out reach, and as npz. The paths
    are printed. The same seed makes the same files.

    \b
    Examples:
      tinyconv maximize runs/0001
      tinyconv maximize runs/0001 --layer conv3 --channels 0-23 --recipe jitter
      tinyconv maximize runs/0001 --classes Tony_Blair,Hugo_Chavez --recipe class-model
    """
    context = click.get_current_context()
    if layer is None and channels is not None:
        raise click.UsageError("--channels are those of a layer; name it with --layer", context)
    if layer is not None and (classes is not None or recipe == CLASS_MODEL):
        what = "--classes" if classes is not None else f"--recipe {CLASS_MODEL}"
        raise click.UsageError(f"{what} is for classes and --layer for channels; leave one out", context)
    from tinyconv.core.devices import Device
    from tinyconv.explain.synthesis import class_model, maximize
    from tinyconv.explain.synthesis.writing import bounds_of, save_synthesis
    from tinyconv.train import load_run

    apply_threads(threads)
    run = load_run(run_folder, checkpoint, Device(device))
    chosen = chosen_classes(run.classes, classes) if layer is None else chosen_channels(run, layer, channels)
    subject = layer or "classes"
    folder = result_folder(run, f"maximize-{subject}-{recipe}", out, force)
    labels = [run.classes[number] for number in chosen] if layer is None else None
    shape = (run.preprocessing.channels, *run.preprocessing.image_size)
    bounds = bounds_of(run.preprocessing)
    with announce_compilation():
        if recipe == CLASS_MODEL:
            extra = {} if steps is None else {"steps": steps}
            made = class_model(run.model, chosen, shape=shape, bounds=bounds, labels=labels, **extra)
        else:
            made = maximize(
                run.model, layer, chosen, shape=shape, recipe=recipe, position=position, bounds=bounds, labels=labels,
                seed=seed, steps=steps,
            )  # fmt: skip
        made = _compared(run, made)
    for note in made.notes:
        say(note)
    arrays = {"images": made.images, "values": made.values, "history": made.history}
    if made.best_on_data is not None:
        arrays["best_on_data"] = made.best_on_data
    meta = {"method": made.method, "layer": layer, "channels": chosen, "options": made.options, "notes": made.notes}
    for path in save_synthesis(folder, {subject: made.sheet()}, arrays, run, meta):
        say(path)


def _compared(run: LoadedRun, made: Synthesis) -> Synthesis:
    """With the strongest answers to the images that the run held out; without, where those are not found any more."""
    import numpy as np

    from tinyconv.core.errors import DataError
    from tinyconv.explain.running import logits_of
    from tinyconv.explain.synthesis.patches import strongest_of_all
    from tinyconv.train import held_out_images

    try:
        images = held_out_images(run).images
    except DataError as error:
        say(f"Not compared with real images: {error}", err=True)
        return made
    prepared = run.preprocessing.normalize(np.asarray(images))
    answers = (
        logits_of(run.model, prepared) if made.layer is None else strongest_of_all(run.model, prepared, made.layer)[0]
    )
    return replace(made, best_on_data=answers[:, list(made.channels)].max(axis=0))
