"""Assessing a run, and writing what came out: figures as JSON, confusions and worst mistakes as pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.errors import RunError
from tinyconv.nn import functional
from tinyconv.ops.tensor import Tensor
from tinyconv.train.assessment.confusion_picture import confusion_png
from tinyconv.train.assessment.images import JudgedImages
from tinyconv.train.assessment.mistakes_picture import Mistake, mistakes_png
from tinyconv.train.assessment.scores import Assessment
from tinyconv.train.loading import LoadedRun
from tinyconv.train.run_folder import EVALUATION_FILES
from tinyconv.utils.files import write_atomically

FORMAT = "tinyconv-evaluation"
METRICS_FILE, CONFUSION_FILE, MISTAKES_FILE = EVALUATION_FILES
WORST = 24


def assess(run: LoadedRun, judged: JudgedImages) -> Assessment:
    """What ``run`` makes of the ``judged`` images.

    Raises: nothing of its own.

    >>> from tinyconv.train import assess
    >>> assess.__name__
    'assess'
    """
    logits = Tensor(run.logits(judged.images))
    loss = float(functional.cross_entropy(logits, Tensor(judged.labels)).item())
    return Assessment(run.classes, judged.labels, functional.softmax(logits, dim=1).array, loss)


def write_report(folder: Path, run: LoadedRun, judged: JudgedImages, assessment: Assessment) -> list[Path]:
    """Write ``metrics.json``, ``confusion.png`` and, unless there are none, ``mistakes.png``; returns their paths.

    An earlier report in ``folder`` is replaced; the same run and images give the same bytes.

    Raises: ``RunError`` where the folder holds something else, or cannot be written.

    >>> from tinyconv.train import write_report
    >>> write_report.__name__
    'write_report'
    """
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MISTAKES_FILE).unlink(missing_ok=True)  # an earlier report's, if now there are none
    except OSError as error:
        raise RunError(
            f"folder {folder} cannot be made or written ({error.strerror}); choose another (--out)"
        ) from None
    name = f"{run.path.name}, {run.checkpoint.name} (epoch {run.epoch}), on {judged.source}"
    score = f"{100 * assessment.accuracy:.2f}% right ({assessment.correct} of {len(assessment.labels)} images)"
    record = json.dumps(to_json(run, judged, assessment), indent=2, ensure_ascii=False)
    written = [folder / METRICS_FILE, folder / CONFUSION_FILE]
    write_atomically(written[0], (record + "\n").encode())
    write_atomically(written[1], confusion_png(assessment.confusion, run.classes, f"{name}\n{score}"))
    wrong = assessment.mistakes()
    if len(wrong):
        shown = [_mistake(judged, assessment, index) for index in wrong[:WORST]]
        written.append(folder / MISTAKES_FILE)
        write_atomically(written[-1], mistakes_png(shown, f"{name}\n{score}: {_how_many(len(shown), len(wrong))}"))
    return written


def check_folder(folder: Path) -> None:
    """Raise ``RunError`` where ``folder`` holds anything but an earlier report."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; give the report a folder of its own (--out)")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    try:
        ours = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8")).get("format") == FORMAT
    except (OSError, ValueError, AttributeError):
        ours = False
    if not ours:
        raise RunError(
            f"folder {folder} is not empty and not an earlier evaluation (it has no {METRICS_FILE} of one); choose "
            "another (--out)"
        )


def to_json(run: LoadedRun, judged: JudgedImages, assessment: Assessment) -> dict[str, Any]:
    """The record of an assessment: whose, on what, its figures, and the worst mistakes."""
    right = assessment.predictions == assessment.labels
    unseen_right = None if judged.learnt is None else int(right[~judged.learnt].sum())
    return {
        "format": FORMAT,
        "format_version": 1,
        "run": str(run.path),
        "checkpoint": run.checkpoint.name,
        "checkpoint_sha256": run.checkpoint_sha256,
        "epoch": run.epoch,
        "data": {
            "source": judged.source,
            "learnt_from": None if judged.learnt is None else judged.seen,
            "not_learnt_from_correct": unseen_right,
            "notes": list(judged.notes),
        },
        **assessment.to_json(),
        "mistakes": [
            {
                "image": int(judged.indices[index]),
                **({"file": judged.names[index]} if judged.names else {}),
                "true": assessment.classes[assessment.labels[index]],
                "predicted": assessment.classes[assessment.predictions[index]],
                "probability": float(assessment.confidences[index]),
            }
            for index in assessment.mistakes()
        ],
    }


def _how_many(shown: int, mistakes: int) -> str:
    if shown < mistakes:
        return f"the {shown} surest of {mistakes} mistakes"
    return "the only mistake" if mistakes == 1 else f"all {mistakes} mistakes, the surest first"


def _mistake(judged: JudgedImages, assessment: Assessment, index: int) -> Mistake:
    true, predicted = int(assessment.labels[index]), int(assessment.predictions[index])
    probabilities = assessment.probabilities[index]
    return Mistake(
        np.asarray(judged.images[index]),
        assessment.classes[true],
        assessment.classes[predicted],
        float(probabilities[predicted]),
        float(probabilities[true]),
    )
