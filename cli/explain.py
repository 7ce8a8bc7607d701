"""``tinyconv explain``: which pixels of an image counted for a class, by any method, as pictures and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .classes import class_number
from .explain_layers import relevance_methods, show_layers
from .file_names import stems
from .methods import chosen_methods, method_option
from .options import WholeNumber, announce_compilation, apply_threads, checkpoint, device, say, shown_table, threads

if TYPE_CHECKING:
    from tinyconv.core.arrays import Array, FloatArray
    from tinyconv.explain import Attribution, Subject
    from tinyconv.train import LoadedRun

METHODS = "integrated-gradients,guided-backprop,grad-cam,lrp-epsilon-plus,occlusion"
ARCHIVE = "explanations.npz"


@click.command("explain")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@method_option(default=METHODS)
@click.option("--target", metavar="CLASS", help="The class to explain, by its name.  [default: the predicted one]")
@click.option("--score", is_flag=True, help="Score the maps by region perturbation, beside regions in random order.")
@click.option(
    "--layers",
    is_flag=True,
    help="Follow the score down through the layers: a table and a picture for each LRP method and image.",
)
@click.option("--seed", type=WholeNumber(min=0), default=0, show_default=True, metavar="N", help="For what is drawn.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write.  [default: RUN/explanations/IMAGE]",
)
@click.option("--force", is_flag=True, help="Replace explanations that are in the folder already.")
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    images: tuple[Path, ...],
    methods: str,
    target: str | None,
    score: bool,
    layers: bool,
    seed: int,
    out: Path | None,
    force: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Show which pixels of each IMAGE counted for or against a class, to the model trained in the folder RUN.

    Writes a PNG for each image, with the maps of all methods beside it (red speaks for the class, blue against it), and
    explanations.npz with the maps as arrays, which loads with NumPy alone. The paths are printed.

    With --score, the regions that a method calls most relevant are replaced by grey, one after another: the more the
    class's score falls, compared with regions in random order, the more of the decision the map has found.

    \b
    Examples:
      tinyconv explain runs/0001 me.jpg
      tinyconv explain runs/0001 me.jpg --method all --target Tony_Blair --score
      tinyconv explain runs/0001 me.jpg --method lrp-epsilon-gamma-box --layers
    """
    import numpy as np

    from tinyconv.core.devices import Device
    from tinyconv.core.errors import RunError
    from tinyconv.explain import save_explanations
    from tinyconv.train import load_run

    apply_threads(threads)
    names = chosen_methods(methods)
    down = relevance_methods(names) if layers else []
    run = load_run(run_folder, checkpoint, Device(device))
    wanted = None if target is None else class_number("--target", run.classes, target)
    pictures = np.stack([run.preprocessing.read(image) for image in images])
    prepared = np.ascontiguousarray(run.preprocessing.normalize(pictures), np.float32)
    folder = out or run.path / "explanations" / stems(images)[0]
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise RunError(
            f"folder {folder} exists and is not empty; choose another (--out), or replace what it has (--force)"
        )
    with announce_compilation():
        logits = run.logits(pictures)
        targets = logits.argmax(axis=1) if wanted is None else np.full(len(images), wanted)
        found = _explained(run, prepared, targets, names, seed)
        table = _scores(run, prepared, targets, found, seed) if score else ""
    say(_decisions(run, images, logits, targets))
    if table:
        say(table)
    for number, image in enumerate(images):
        for one in found:
            for note in one.only(number).notes:
                say(f"{image.name}: {one.method}: {note.removeprefix('Image 1: ')}")
    for path in _draw(run, folder, images, pictures, found):
        say(path)
    show_layers(run, folder, stems(images), _subject(run, images, pictures), prepared, targets, down)
    meta = {
        "images": [str(image) for image in images],
        "run": str(run.path),
        "checkpoint": run.checkpoint.name,
        "checkpoint_sha256": run.checkpoint_sha256,
        "epoch": run.epoch,
        "seed": seed,
        "classes": list(run.classes),
        "preprocessing": run.preprocessing.to_json(),
    }
    say(save_explanations(folder / ARCHIVE, found, prepared, meta))


def _explained(run: LoadedRun, images: FloatArray, targets: Array, names: list[str], seed: int) -> list[Attribution]:
    """The maps of every method that explains this model; of several, one that does not is said and passed over."""
    from tinyconv.core.errors import TinyconvError
    from tinyconv.explain import attribute
    from tinyconv.explain.methods import run_options

    found = []
    for name in names:
        try:
            found.append(attribute(run.model, images, name, targets, **run_options(name, run.preprocessing, seed)))
        except TinyconvError as error:
            if len(names) == 1:
                raise
            say(f"{name} cannot explain this model: {error}", err=True)
    return found


def _decisions(run: LoadedRun, images: Sequence[Path], logits: FloatArray, targets: Array) -> str:
    """What the model says of each image, and what of it is explained."""
    from tinyconv.nn import functional
    from tinyconv.ops.tensor import Tensor

    shares = functional.softmax(Tensor(logits), dim=1).array
    rows = []
    for image, row, share, target in zip(images, logits, shares, targets, strict=True):
        best = int(row.argmax())
        rows.append(
            (
                image.name,
                f"{run.classes[best]} ({100 * share[best]:.1f}%)",
                run.classes[target],
                f"{row[target]:.2f}",
                f"{100 * share[target]:.1f}%",
            )
        )
    return shown_table(("image", "predicted", "explained", "score", "probability"), rows, "lllrr")


def _scores(run: LoadedRun, images: FloatArray, targets: Array, found: list[Attribution], seed: int) -> str:
    """How far the score falls when each method's most relevant regions go."""
    from tinyconv.explain.scoring import PerturbationTrial, relevance

    trial = PerturbationTrial(run.model, images, targets, fill=0.0, seed=seed)  # 0: the training's mean pixel
    random = trial.random_curves().aopc
    scores = [trial.score(one.method, relevance(one), random) for one in found]
    rows = [
        (one.method, f"{one.mean:.2f}", f"{one.random.mean():.2f}", f"{100 * one.share_better:.0f}%")
        for one in sorted(scores, key=lambda one: -one.mean)
    ]
    title = (
        f"AOPC: mean fall of the class's score while {trial.length} of {trial.regions.count} regions of "
        f"{trial.regions.side}x{trial.regions.side} pixels become grey, the most relevant first"
    )
    return title + "\n" + shown_table(("method", "AOPC", "random order", "better on"), rows, "lrrr")


def _subject(run: LoadedRun, images: Sequence[Path], pictures: FloatArray) -> Subject:
    """What the pictures are of, in words."""
    from tinyconv.explain import Subject

    source = f"{run.path.name} ({run.record['model']['name']}), {run.checkpoint.name}, epoch {run.epoch}"
    return Subject(pictures, run.classes, [image.name for image in images], source)


def _draw(
    run: LoadedRun, folder: Path, images: Sequence[Path], pictures: FloatArray, found: list[Attribution]
) -> list[Path]:
    """A picture for each image, with the maps of all methods."""
    from tinyconv.explain import save_explanation

    return [
        save_explanation(
            folder / f"{stem}.png",
            [one.only(number) for one in found],
            _subject(run, [image], pictures[number : number + 1]),
        )
        for number, (image, stem) in enumerate(zip(images, stems(images), strict=True))
    ]
