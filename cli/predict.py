"""``tinyconv predict``: which class an image belongs to, and how sure the model is."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import click

from .options import WholeNumber, announce_compilation, apply_threads, checkpoint, device, say, threads

FAILED = 2


class Prediction(NamedTuple):
    """The likeliest classes of one image, most likely first."""

    image: str
    classes: list[str]
    probabilities: list[float]


@click.command("predict")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=WholeNumber(min=1), default=1, show_default=True, metavar="N", help="Classes per image.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one line per image and class.")
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    images: tuple[Path, ...],
    top: int,
    as_json: bool,
    as_csv: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Classify each IMAGE with the model trained in the folder RUN.

    Images are made gray or RGB and resized as in training; a face should fill the image as it did there. Transparency
    is laid over white. An image that cannot be read is reported and passed over, and the exit code is then 2.

    \b
    Examples:
      tinyconv predict runs/0001 me.jpg
      tinyconv predict runs/0001 photos/*.png --top 3 --csv
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other; give one", click.get_current_context())
    import numpy as np

    from tinyconv.core.devices import Device
    from tinyconv.core.errors import DataError
    from tinyconv.train import load_run

    apply_threads(threads)
    run = load_run(run_folder, checkpoint, Device(device))
    readable, pixels = [], []
    for image in images:
        try:
            pixels.append(run.preprocessing.read(image))
            readable.append(str(image))
        except DataError as error:
            say(f"Error: {error}", err=True)
    if readable:
        with announce_compilation():
            probabilities = run.probabilities(np.stack(pixels))
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        predictions = [
            Prediction(image, [run.classes[index] for index in best], [float(row[index]) for index in best])
            for image, row, best in zip(readable, probabilities, order, strict=True)
        ]
        form = _json if as_json else _csv if as_csv else _table
        say(form(predictions))
    if len(readable) < len(images):
        click.get_current_context().exit(FAILED)


def _json(predictions: list[Prediction]) -> str:
    rows: list[dict[str, Any]] = [
        {
            "image": prediction.image,
            "class": prediction.classes[0],
            "probability": prediction.probabilities[0],
            "top": dict(zip(prediction.classes, prediction.probabilities, strict=True)),
        }
        for prediction in predictions
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _csv(predictions: list[Prediction]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "rank", "class", "probability"))
    for prediction in predictions:
        for rank, (name, probability) in enumerate(zip(prediction.classes, prediction.probabilities, strict=True), 1):
            writer.writerow((prediction.image, rank, name, f"{probability:.6f}"))
    return text.getvalue().rstrip("\n")


def _table(predictions: list[Prediction]) -> str:
    width = max(len(prediction.image) for prediction in predictions)
    longest = max(len(name) for prediction in predictions for name in prediction.classes)
    lines = []
    for prediction in predictions:
        cells = [
            f"{name.ljust(longest)} {100 * probability:5.1f}%"
            for name, probability in zip(prediction.classes, prediction.probabilities, strict=True)
        ]
        lines.append("   ".join([prediction.image.ljust(width), *cells]))
    return "\n".join(lines)
