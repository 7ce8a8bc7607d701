"""``tinyconv evaluate``: how good a trained run is, what it confuses, and its worst mistakes as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import announce_compilation, apply_threads, checkpoint, device, say, shown_table, threads

if TYPE_CHECKING:
    from tinyconv.train import Assessment, JudgedImages, LoadedRun

CLASSES_LISTED = 20
TOLERANCE = 0.01
"""Between the accuracy that a run recorded and that found now: other processors round differently, but not so much."""


@click.command("evaluate")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="NAME",
    help="Other images, named as in tinyconv train; their classes are matched by name.  [default: what RUN held out]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write; an earlier evaluation there is replaced.  [default: a folder in RUN/evaluation]",
)
@checkpoint
@threads
@device
def command(
    run_folder: Path, data: str | None, out: Path | None, checkpoint: str, threads: int | None, device: str
) -> None:
    """Judge the model trained in the folder RUN on the images that it held out, or on others.

    Writes metrics.json (accuracy, loss, calibration error; precision, recall and F1 of every class; confusions and all
    mistakes), confusion.png, and mistakes.png: the images of the 24 surest mistakes. The paths are printed.

    Images of --data that the model learnt from say little of its quality; how many there are is said plainly. Those of
    best.safetensors on the held-out images are no fair estimate either, because these chose the epoch.

    \b
    Examples:
      tinyconv evaluate runs/0001
      tinyconv evaluate runs/0001 --data folder:new-photos --out report
    """
    from tinyconv.core.devices import Device
    from tinyconv.train import RunFolder, assess, held_out_images, load_run, other_images, write_report
    from tinyconv.train.assessment.report import check_folder

    apply_threads(threads)
    run = load_run(run_folder, checkpoint, Device(device))
    folder = out or RunFolder(run.path).evaluation / f"{_file_name(data) if data else 'held-out'}-{checkpoint}"
    check_folder(folder)
    judged = held_out_images(run) if data is None else other_images(run, data)
    with announce_compilation():
        assessment = assess(run, judged)
    written = write_report(folder, run, judged, assessment)
    say(headline(run, judged, assessment, held_out=data is None))
    say(class_table(assessment))
    for path in written:
        say(path)


def headline(run: LoadedRun, judged: JudgedImages, assessment: Assessment, held_out: bool) -> str:
    """The figures of all images together, and what must be known to read them."""
    from tinyconv.train.assessment.scores import MANY_CLASSES, TOP

    images = len(assessment.labels)
    lines = [
        f"images     {images} of {judged.source}{', held out from the training' if held_out else ''}",
        f"accuracy   {100 * assessment.accuracy:.2f}% ({assessment.correct} of {images})",
    ]
    if len(assessment.classes) > MANY_CLASSES:
        lines.append(f"top {TOP}      {100 * assessment.top_accuracy(TOP):.2f}% have their class among the first {TOP}")
    lines += [
        f"loss       {assessment.loss:.4f}",
        f"calibrated {100 * assessment.calibration_error():.1f}% between confidence and accuracy, on average",
    ]
    if judged.learnt is not None and judged.seen:
        right = int((assessment.predictions == assessment.labels)[~judged.learnt].sum())
        rest = images - judged.seen
        of_rest = f"of the other {rest} it has {100 * right / rest:.2f}% right" if rest else "there are no others"
        lines.append(f"beware     the model learnt from {judged.seen} of these {images} images; {of_rest}")
    if held_out and run.checkpoint.name.startswith("best"):
        lines.append("beware     these images chose the epoch of best.safetensors: its accuracy on them flatters")
    result = run.record.get("result") or {}
    recorded = result.get("held_out_accuracy") if held_out and run.epoch == result.get("epochs") else None
    if recorded is not None and abs(recorded - assessment.accuracy) > TOLERANCE:
        lines.append(f"beware     run.json says {recorded:.2%}: these images, or this machine's results, have changed")
    lines += [f"note       {note}" for note in judged.notes]
    return "\n".join(lines)


def class_table(assessment: Assessment) -> str:
    """Every class, or of many those with the lowest F1."""
    scores = [one for one in assessment.per_class() if one.images]
    listed = scores
    if len(scores) > CLASSES_LISTED:
        listed = sorted(scores, key=lambda one: one.f1)[:CLASSES_LISTED]
    rows = [
        (one.name, str(one.images), *map(_share, (one.precision, one.recall, one.f1)), one.taken_for or "")
        for one in listed
    ]
    table = shown_table(("class", "images", "precision", "recall", "F1", "most often taken for"), rows, "lrrrrl")
    if len(listed) < len(scores):
        table += f"\nthe {len(listed)} classes with the lowest F1 of {len(scores)}; metrics.json has all"
    return table


def _share(value: float) -> str:
    return "" if value != value else f"{value:.3f}"  # NaN: a share of nothing


def _file_name(spec: str) -> str:
    """A dataset's name as that of a folder."""
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in spec).strip("-.")
