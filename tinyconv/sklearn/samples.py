"""What one epoch goes through, so that a weight of 2 is the same as standing in X twice.

The rows of X, each with its label, are made a set: equal ones are one sample, whose weight is the sum of theirs,

    W = sum of sample_weight over the equal rows        (1 for each row without sample_weight)

and a row of weight 0 is not there. The sample comes ceil(W) times in an epoch, each time with the weight W / ceil(W) in
the loss. The order is that of a hash of the contents. So it makes no difference, to the last bit, whether a row is
repeated or weighted, nor where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError
from tinyconv.data.splits import stratified_split
from tinyconv.sklearn.tables import Images, Shape
from tinyconv.train.preprocessing import Preprocessing

MOST_COPIES = 100
"""Of a sample, on average, in an epoch: larger weights are meant to be relative to each other."""
ROUNDING = 1e-9
"""A sum of weights may miss a whole number by so much of itself."""
CHUNK = 1024
"""Rows of a table of bytes that are made floating-point numbers at once."""


@dataclass(frozen=True)
class Samples:
    """``rows``: which rows of the table an epoch has, in their order; ``weights``: the weight of each in the loss."""

    rows: Array
    weights: FloatArray

    @classmethod
    def of(cls, table: Array, labels: Array, weights: FloatArray | None) -> Samples:
        """Of a table (N, features) with integer labels (N,). Raises ``ArgumentError`` for weights too large."""
        weights = np.ones(len(table)) if weights is None else weights
        present = np.flatnonzero(weights)
        digests = np.array([_digest(table[row], labels[row]) for row in present])
        _, first, which = np.unique(digests, return_index=True, return_inverse=True)
        total = np.bincount(which, weights[present])
        copies = np.maximum(np.ceil(total * (1 - ROUNDING)), 1)
        if copies.sum() > MOST_COPIES * len(table):
            raise ArgumentError(
                f"sample_weight is {weights.mean():g} on average, and a sample of weight 2 is seen twice in an epoch; "
                "divide sample_weight by its mean"
            )
        times = copies.astype(np.int64)
        return cls(np.repeat(present[first], times), np.repeat(total / copies, times))

    def __len__(self) -> int:
        return len(self.rows)

    def split(self, labels: Array, fraction: float, seed: int) -> tuple[Samples, Samples]:
        """A part to learn from and a part to be judged on, stratified by ``labels``; copies stay together.

        Raises ``DataError`` for a class with a single sample, ``ArgumentError`` for a fraction outside 0 to 1.
        """
        distinct = np.unique(self.rows)
        _, held_out = stratified_split(labels[distinct], fraction, seed=seed)
        judged = np.isin(self.rows, distinct[held_out])
        return self._only(~judged), self._only(judged)

    def _only(self, which: Array) -> Samples:
        return Samples(self.rows[which], self.weights[which])

    def images(self, table: Array, shape: Shape) -> Images:
        """The images of an epoch."""
        return Images(table, self.rows, shape)

    def targets(self, labels: Array, classes: int, smoothing: float) -> Array:
        """What the loss compares with: labels; where weights differ, float32 distributions (N, classes) times weight.

            t[n, c] = w[n] / mean(w) ((1 - smoothing) [c == label[n]] + smoothing / classes)

        The cross-entropy of t is the weighted loss of a batch.
        """
        if self.has_equal_weights:
            return labels[self.rows]
        targets = np.full((len(self), classes), smoothing / classes)
        targets[np.arange(len(self)), labels[self.rows]] += 1 - smoothing
        return (targets * (self.weights / self.weights.mean())[:, None]).astype(np.float32)

    @property
    def has_equal_weights(self) -> bool:
        """Whether the loss is the plain mean."""
        return bool((self.weights == self.weights[0]).all())

    def preprocessing(self, table: Array, shape: Shape) -> Preprocessing:
        """The normalisation of every channel to weighted mean 0 and variance 1; a constant channel is only centred."""
        channels, height, width = shape
        mean = self._mean(table, shape, np.zeros((channels, 1)), power=1)
        std = np.sqrt(self._mean(table, shape, mean[:, None], power=2))
        std[std <= np.finfo(np.float32).eps * np.abs(mean)] = 1.0
        return Preprocessing(channels, (height, width), tuple(mean.tolist()), tuple(std.tolist()))

    def _mean(self, table: Array, shape: Shape, centre: FloatArray, power: int) -> FloatArray:
        """Of (value - centre) ** power, float64 (channels,)."""
        total = np.zeros(shape[0])
        for start in range(0, len(self), CHUNK):
            values = table[self.rows[start : start + CHUNK]].reshape(-1, shape[0], shape[1] * shape[2])
            weights = self.weights[start : start + CHUNK]
            moments: FloatArray = ((values.astype(np.float64) - centre) ** power).mean(axis=2)
            total += weights @ moments
        return total / self.weights.sum()


def _digest(row: Array, label: np.int64) -> bytes:
    numbers = row.astype(np.float32) + np.float32(0)  # -0 is 0
    return blake2b(numbers.tobytes() + label.tobytes(), digest_size=16).digest()
