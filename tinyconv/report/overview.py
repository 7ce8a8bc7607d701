"""The first page of a report: how good the run became, how it got there, and what it still gets wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.models.summary import Summary, readable_bytes
from tinyconv.report.charts import Chart, chart
from tinyconv.report.encoding import photograph
from tinyconv.report.material import Material
from tinyconv.train.assessment.confusion_picture import most_mistaken
from tinyconv.train.figures import percent

MOST_CLASSES, WORST = 40, 24


def tiles(material: Material, summary: Summary) -> list[tuple[str, str, str]]:
    """(number, what it counts, a word more) for the head of the page."""
    run, record = material.run, material.run.record
    found: list[tuple[str, str, str]] = []
    if material.assessment is not None:
        one = material.assessment
        found.append(
            (
                percent(one.accuracy, 3),
                f"accuracy on {material.kind} images",
                f"{one.correct} of {len(one.labels)} right",
            )
        )
    elif material.history and (accuracy := material.history[-1].test_accuracy) is not None:
        found.append((percent(accuracy, 3), "accuracy on held-out images", "as the training recorded it"))
    data = record.get("data", {})
    if "training" in data:
        found.append((f"{data['training']:,}", "images to learn from", f"{data.get('held_out', 0):,} more held out"))
    found.append((f"{len(run.classes):,}", "classes", f"chance would get {percent(1 / len(run.classes), 2)} right"))
    bytes_ = readable_bytes(summary.root.total("parameter_bytes"))
    found.append((f"{summary.parameters:,}", "numbers learnt", f"{bytes_} of weights"))
    if run.epoch:  # an imported network has seen none here
        found.append((f"{run.epoch}", "epochs", f"weights of {run.checkpoint.name}"))
    return found


def curves(material: Material) -> list[Chart]:
    """Loss and accuracy over the epochs, while learning and on the held-out images."""
    history = material.history
    epochs = [float(record.epoch) for record in history]

    def column(name: str) -> list[float | None]:
        return [getattr(record, name) for record in history]

    loss = chart(
        "Loss",
        "How wrong the network is: the mean of −log(probability given to the true class). Lower is better.",
        epochs,
        {
            "while learning": ("training", column("train_loss")),
            "held-out images": ("held-out", column("test_loss")),
        },
    )
    accuracy = chart(
        "Accuracy",
        "The share of images whose likeliest class is the true one. Higher is better.",
        epochs,
        {
            "while learning": ("training", column("train_accuracy")),
            "held-out images": ("held-out", column("test_accuracy")),
        },
        written=lambda value: percent(value, 3),
    )
    return [one for one in (loss, accuracy) if one is not None]


def confusion(material: Material) -> dict[str, Any] | None:
    """The confusion matrix as rows of cells; of very many classes, those with most mistakes."""
    if material.assessment is None:
        return None
    counts, names = material.assessment.confusion, material.assessment.classes
    shown = most_mistaken(counts, MOST_CLASSES)
    rows = []
    for true in shown:
        total = int(counts[true].sum())
        cells = []
        for taken in shown:
            count = int(counts[true, taken])
            share = count / total if total else 0.0
            # One mistake among a hundred images must be seen: as in the picture that tinyconv evaluate draws.
            shade = round(100 * (0.12 + 0.88 * float(np.sqrt(share)))) if count else 0
            cells.append({"count": count, "shade": shade, "right": true == taken, "taken": names[taken]})
        scores = material.assessment.per_class()[true]
        rows.append({"name": names[true], "images": total, "cells": cells, "recall": scores.recall})
    return {"names": [names[label] for label in shown], "rows": rows, "left_out": len(names) - len(shown)}


def mistakes(material: Material) -> dict[str, Any] | None:
    """The surest mistakes with their images."""
    if material.assessment is None or material.judged is None:
        return None
    assessment, judged = material.assessment, material.judged
    wrong = assessment.mistakes()
    shown = []
    for index in wrong[:WORST]:
        true, predicted = int(assessment.labels[index]), int(assessment.predictions[index])
        probabilities = assessment.probabilities[index]
        shown.append(
            {
                "src": photograph(np.asarray(judged.images[index])),
                "true": assessment.classes[true],
                "predicted": assessment.classes[predicted],
                "sure": whole_percent(float(probabilities[predicted])),
                "true_share": whole_percent(float(probabilities[true])),
                "name": judged.names[index] if judged.names else f"image {int(judged.indices[index])} of the data",
            }
        )
    return {"shown": shown, "all": len(wrong), "images": len(assessment.labels)}


def whole_percent(probability: float) -> str:
    """Whole percents, and never 100% or 0% of what is not certain."""
    if probability >= 0.995:
        return ">99%"
    return "<1%" if probability < 0.005 else f"{100 * probability:.0f}%"
