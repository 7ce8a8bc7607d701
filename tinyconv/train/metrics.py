"""Figures of merit of a classifier, all from one table: the confusion matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError


def confusion_matrix(labels: Array, predictions: Array, classes: int) -> Array:
    """int64 (classes, classes): entry [t, p] counts the samples of true class t that were taken for class p.

    ``labels`` and ``predictions``: integers (N,) in 0 ... classes - 1.

    Raises: nothing of its own.

    >>> from tinyconv.train import confusion_matrix
    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ArgumentError(
            f"confusion_matrix: labels {labels.shape} and predictions {predictions.shape} must both be of shape (N,)"
        )
    for name, values in (("labels", labels), ("predictions", predictions)):
        if values.size and not 0 <= values.min() <= values.max() < classes:
            raise ArgumentError(
                f"confusion_matrix: {name} run from {values.min()} to {values.max()}, outside 0 ... {classes - 1}"
            )
    flat: Array = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return flat.reshape(classes, classes)


def accuracy(confusion: Array) -> float:
    """The share of samples on the diagonal; NaN where there are no samples."""
    total = int(confusion.sum())
    return int(np.trace(confusion)) / total if total else float("nan")


def recall_per_class(confusion: Array) -> FloatArray:
    """float64 (classes,): of the samples of each class, the share that was recognised; NaN for a class without any."""
    samples = confusion.sum(axis=1)
    recall = np.full(len(confusion), np.nan)
    np.divide(np.diagonal(confusion), samples, out=recall, where=samples > 0)
    return recall


class Confusion(NamedTuple):
    """``times`` samples of class ``true`` were taken for class ``predicted``."""

    true: int
    predicted: int
    times: int


def worst_confusions(confusion: Array, limit: int) -> list[Confusion]:
    """The ``limit`` most frequent mistakes, the most frequent first, equals in the order of their classes."""
    mistakes = [
        Confusion(int(true), int(predicted), int(confusion[true, predicted]))
        for true, predicted in zip(*np.nonzero(confusion), strict=True)
        if true != predicted
    ]
    return sorted(mistakes, key=lambda mistake: (-mistake.times, mistake.true, mistake.predicted))[:limit]
