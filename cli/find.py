"""``tinyconv find``: where a photograph shows what a run learnt to tell from everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .classes import class_number
from .file_names import stems
from .options import (
    Number,
    WholeNumber,
    announce_compilation,
    apply_threads,
    checkpoint,
    device,
    say,
    shown_table,
    threads,
)

if TYPE_CHECKING:
    from tinyconv.detection import Box, Judgement
    from tinyconv.train import LoadedRun

FAILED = 2
LISTED = 20
"""Boxes that are printed; the file has all."""
LOOKED_FOR = ("face", "faces")
"""A class of this name needs no --class."""


@click.command("find")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--class", "wanted", metavar="NAME", help="The class to look for.  [default: face, where there is one]")
@click.option(
    "--threshold",
    type=Number(0, 1),
    default=0.8,
    show_default=True,
    metavar="P",
    help="Probability from which a window is a candidate.",
)
@click.option(
    "--votes",
    type=WholeNumber(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="Neighbouring candidates, in place and size, that must agree.",
)
@click.option(
    "--scales",
    type=WholeNumber(min=1),
    default=4,
    show_default=True,
    metavar="N",
    help="Sizes to look at, from one to its double.",
)
@click.option(
    "--smallest",
    type=Number(min=0, min_open=True),
    metavar="PIXELS",
    help="Least height of what is looked for.  [default: that of the training's images; in a large photograph a 24th "
    "of its shorter side]",
)
@click.option(
    "--largest",
    type=Number(min=0, min_open=True),
    metavar="PIXELS",
    help="Greatest height of what is looked for.  [default: the photograph's]",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help='JSON file that says where something is, {"PHOTO": [[left, top, right, bottom], ...]}: counts what was found.',
)
@click.option(
    "--crops",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Also cut out what was found (with --truth: the false alarms), as images to train with.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Where to write.  [default: RUN/found]")
@click.option("--force", is_flag=True, help="Replace what is in the folder already.")
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    photos: tuple[Path, ...],
    wanted: str | None,
    threshold: float,
    votes: int,
    scales: int,
    smallest: float | None,
    largest: float | None,
    truth: Path | None,
    crops: Path | None,
    out: Path | None,
    force: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Find in each PHOTO what the model in the folder RUN learnt to tell from other things, such as faces.

    The model looks through a window of the size of its training's images, at every place and at many sizes of the
    photograph. Windows that it is sure of and that overlap become one box. Writes each photograph with its boxes as
    PNG, and boxes.json: for each photograph the boxes with edges in pixels, probability and votes.

    A model of the architecture face_finder sees all windows of a photograph at once; any other sees them one by one.

    \b
    Examples:
      tinyconv find runs/finder class-photo.jpg
      tinyconv find runs/finder photos/*.jpg --threshold 0.95 --smallest 60
      tinyconv find runs/finder landscapes/*.jpg --votes 1 --crops faces/other
    """
    from tinyconv.core.devices import Device
    from tinyconv.core.errors import DataError, RunError, ShapeError
    from tinyconv.data.images import read_image
    from tinyconv.detection import draw_boxes, find, judge, read_truth, save_crops
    from tinyconv.features.canvas import write_png
    from tinyconv.train import load_run
    from tinyconv.train.run_folder import BOXES_FILE, FOUND

    apply_threads(threads)
    known = {} if truth is None else read_truth(truth)
    run = load_run(run_folder, checkpoint, Device(device))
    target = _target(run.classes, wanted)
    folder = out or run.path / FOUND
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise RunError(
            f"folder {folder} exists and is not empty; choose another (--out), or replace what it has (--force)"
        )
    photos = tuple(dict.fromkeys(photos))
    found: dict[Path, list[Box]] = {}
    judgements: list[Judgement] = []
    cuts = 0
    with announce_compilation():
        for photo, name in zip(photos, stems(photos), strict=True):
            try:
                colours = read_image(photo, 3)
                seen = colours if run.preprocessing.channels == 3 else read_image(photo, 1)
                found[photo] = find(
                    run, seen, target, threshold=threshold, votes=votes, per_doubling=scales, smallest=smallest,
                    largest=largest,
                )  # fmt: skip
            except (DataError, ShapeError) as error:
                say(f"Error: {error if str(photo) in str(error) else f'{photo}: {error}'}", err=True)
                continue
            write_png(folder / f"{name}.png", draw_boxes(colours, found[photo]))
            judgements.append(judge(found[photo], known.get(photo.name, [])))
            if crops is not None:
                # As the model saw it: colours would give away which windows came from elsewhere than the training's.
                cut = found[photo] if truth is None else judgements[-1].false
                cuts += save_crops(seen, cut, run.preprocessing.image_size, crops, photo)
    if found:
        say(_table(found))
        if truth is not None:
            say(_judged(judgements))
        say(folder)
        _write(folder / BOXES_FILE, found, run, run.classes[target], threshold)
    if crops is not None:
        say(f"{crops}: {cuts} new images")
    if len(found) < len(photos):
        click.get_current_context().exit(FAILED)


def _target(classes: Sequence[str], wanted: str | None) -> int:
    """The number of the class that is looked for."""
    from tinyconv.core.errors import ArgumentError

    if wanted is not None:
        return class_number("--class", classes, wanted)
    usual = [number for number, name in enumerate(classes) if name.lower() in LOOKED_FOR]
    if len(usual) != 1:
        raise ArgumentError(f"say what to look for: --class NAME, one of {', '.join(classes[:LISTED])}")
    return usual[0]


def _table(found: Mapping[Path, Sequence[Box]]) -> str:
    """The boxes, photograph by photograph, and how many there are."""
    rows = [
        (
            photo.name,
            *(f"{value:.0f}" for value in (box.left, box.top, box.width, box.height)),
            f"{100 * box.probability:.1f}%",
            str(box.votes),
        )
        for photo, boxes in found.items()
        for box in boxes
    ]
    headers = ("photograph", "left", "top", "width", "height", "probability", "votes")
    lines = [shown_table(headers, rows[:LISTED], "lrrrrrr")] if rows else []
    more = f" (the first {LISTED} are shown, boxes.json has all)" if len(rows) > LISTED else ""
    photographs = "1 photograph" if len(found) == 1 else f"{len(found)} photographs"
    return "\n".join([*lines, f"{len(rows)} found in {photographs}{more}"])


def _judged(judgements: Sequence[Judgement]) -> str:
    """Recall and false alarms over all photographs."""
    right, missed, wrong = (sum(len(getattr(one, what)) for one in judgements) for what in ("found", "missed", "false"))
    there = right + missed
    recall = f"{right} of {there} found ({100 * right / there:.1f}%)" if there else "nothing was there to be found"
    return f"{recall}, {wrong} false alarms ({wrong / len(judgements):.2f} per photograph)"


def _write(path: Path, found: Mapping[Path, Sequence[Box]], run: LoadedRun, looked_for: str, threshold: float) -> None:
    """Everything that was found, as JSON."""
    from tinyconv.utils.files import write_atomically

    record = {
        "run": str(run.path),
        "checkpoint": run.checkpoint.name,
        "checkpoint_sha256": run.checkpoint_sha256,
        "class": looked_for,
        "threshold": threshold,
        "photographs": {str(photo): [box.to_json() for box in boxes] for photo, boxes in found.items()},
    }
    write_atomically(path, json.dumps(record, indent=2, ensure_ascii=False).encode())
