"""How good a classifier is on a set of images: all its figures follow from the probabilities that it gave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.train import metrics

TOP, MANY_CLASSES = 5, 10
"""Top-5 says something of more than ten classes; of fewer, being among the first five is no feat."""

CALIBRATION_BINS = 15


class ClassScores(NamedTuple):
    """How one class fared. NaN where a share is one of nothing.

    ``precision``: of the images that were taken for this class, the share that is of it. ``recall``: of the images of
    this class, the share that was recognised. ``f1``: their harmonic mean. ``taken_for``: the class that its images
    were most often mistaken for, or None.

    Raises: nothing of its own.

    >>> from tinyconv.train import ClassScores
    >>> ClassScores("cat", 8, 1.0, 0.75, 6 / 7, "dog").recall
    0.75
    """

    name: str
    images: int
    precision: float
    recall: float
    f1: float
    taken_for: str | None


@dataclass(frozen=True)
class Assessment:
    """What came out for every image of a set.

    ``labels``: int64 (N,), the true classes. ``probabilities``: float (N, classes). ``loss``: the mean cross-entropy,
    without label smoothing.

    Raises: nothing of its own.

    >>> from tinyconv.train import Assessment
    >>> probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> assessment = Assessment(("cat", "dog"), np.array([0, 1, 1]), probabilities, loss=0.4)
    >>> assessment.correct, assessment.confusion.tolist(), assessment.mistakes().tolist()
    (2, [[1, 0], [1, 1]], [2])
    """

    classes: tuple[str, ...]
    labels: Array
    probabilities: FloatArray
    loss: float

    @property
    def predictions(self) -> Array:
        """int64 (N,): the likeliest class of each image, the first of equally likely ones."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidences(self) -> FloatArray:
        """(N,): the probability of the likeliest class."""
        return self.probabilities.max(axis=1)

    @property
    def confusion(self) -> Array:
        """int64 (classes, classes): entry [t, p] counts the images of class t that were taken for class p."""
        return metrics.confusion_matrix(self.labels, self.predictions, len(self.classes))

    @property
    def correct(self) -> int:
        """How many images were recognised."""
        return int((self.predictions == self.labels).sum())

    @property
    def accuracy(self) -> float:
        """The share of images that were recognised."""
        return metrics.accuracy(self.confusion)

    def top_accuracy(self, k: int) -> float:
        """The share of images whose class is among the ``k`` likeliest."""
        from sklearn.metrics import top_k_accuracy_score

        if k == 1 or k >= len(self.classes):  # scikit-learn takes two classes for a score of one of them
            return self.accuracy if k == 1 else 1.0
        labels = np.arange(len(self.classes))
        return float(top_k_accuracy_score(self.labels, self.probabilities, k=k, labels=labels))

    def per_class(self) -> list[ClassScores]:
        """Precision, recall and F1 of every class, by scikit-learn."""
        from sklearn.metrics import precision_recall_fscore_support

        precision, recall, f1, images = precision_recall_fscore_support(
            self.labels, self.predictions, labels=np.arange(len(self.classes)), zero_division=np.nan
        )
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        return [
            ClassScores(
                name,
                int(images[label]),
                float(precision[label]),
                float(recall[label]),
                float(f1[label]),
                self.classes[int(wrong[label].argmax())] if wrong[label].any() else None,
            )
            for label, name in enumerate(self.classes)
        ]

    def calibration_error(self, bins: int = CALIBRATION_BINS) -> float:
        """The expected calibration error: how far confidence is from accuracy, over ``bins`` ranges of confidence.

        Of a calibrated model's predictions with confidence 0.8, eight in ten are right.
            ECE = Σ_b  n_b / N  |accuracy_b − mean confidence_b|
        Source: Guo et al., "On calibration of modern neural networks", 2017, eq. 3 (15 ranges of equal width).
        """
        right = self.predictions == self.labels
        # The ranges are (0, 1/bins], (1/bins, 2/bins], ...
        which = np.clip(np.ceil(self.confidences * bins).astype(np.int64) - 1, 0, bins - 1)
        gaps = np.bincount(which, right, bins) - np.bincount(which, self.confidences, bins)
        return float(np.abs(gaps).sum() / len(right))

    def mistakes(self) -> Array:
        """Indices of the images that were taken for another class, the most confident mistake first."""
        wrong = np.flatnonzero(self.predictions != self.labels)
        return wrong[np.argsort(-self.confidences[wrong], kind="stable")]

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON expresses them: a share of nothing is null."""
        scores = self.per_class()
        averages = {
            f"macro_{name}": _mean([getattr(one, name) for one in scores if one.images])
            for name in ("precision", "recall", "f1")
        }
        top = {f"top_{TOP}_accuracy": self.top_accuracy(TOP)} if len(self.classes) > MANY_CLASSES else {}
        return {
            "images": len(self.labels),
            "correct": self.correct,
            "accuracy": self.accuracy,
            **top,
            "loss": self.loss,
            "calibration_error": self.calibration_error(),
            **averages,
            "classes": [{key: _number(value) for key, value in one._asdict().items()} for one in scores],
            "confusion": self.confusion.tolist(),
        }


def _mean(values: list[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else None


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
