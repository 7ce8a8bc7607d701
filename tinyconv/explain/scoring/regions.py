"""The grid of regions that an image is taken apart into, and the orders in which they are taken away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.random import philox

ORDERS = ("morf", "lerf", "random")
PER_SIDE = 8
"""Regions along the shorter side of an image, unless their size is given: 4x4 pixels of 32x32, 8x8 of 64x64."""


@dataclass(frozen=True)
class Regions:
    """Squares of ``side`` pixels that cover an image of ``height`` x ``width``, numbered row by row.

    Where ``side`` does not divide the image, the last row and the last column of regions are smaller.

    Raises: ``ArgumentError`` unless there are at least two regions.

    >>> from tinyconv.explain.scoring import Regions
    >>> regions = Regions(6, 4, side=2)
    >>> regions.count, regions.numbers[5].tolist()
    (6, [4, 4, 5, 5])
    """

    height: int
    width: int
    side: int

    def __post_init__(self) -> None:
        if self.side < 1 or self.count < 2:
            raise ArgumentError(
                f"regions of {self.side}x{self.side} pixels do not divide an image of {self.height}x{self.width} into "
                f"two or more; their side must be 1 to {max(self.height, self.width) - 1}"
            )

    @classmethod
    def of(cls, height: int, width: int, side: int | None = None) -> Regions:
        """Those of an image; by default eight along its shorter side."""
        return cls(height, width, max(1, round(min(height, width) / PER_SIDE)) if side is None else side)

    @property
    def count(self) -> int:
        """How many there are."""
        return -(-self.height // self.side) * -(-self.width // self.side)

    @cached_property
    def numbers(self) -> Array:
        """int64 (height, width): the region of each pixel."""
        rows, columns = np.arange(self.height) // self.side, np.arange(self.width) // self.side
        return rows[:, None] * (columns[-1] + 1) + columns

    def sums(self, heat: FloatArray) -> FloatArray:
        """(N, regions): the relevance of each region, the sum of a map (N, height, width) over its pixels.

        Source: Samek et al., "Evaluating the visualization of what a deep neural network has learned", 2017, sec. III.
        """
        heat = np.asarray(heat, np.float64)
        if heat.ndim != 3 or heat.shape[1:] != (self.height, self.width):
            raise ShapeError(
                f"scoring: the maps must have shape (N, {self.height}, {self.width}) as the images do, got "
                f"{heat.shape}; an Attribution's are in its heat()"
            )
        bad = int(np.size(heat) - np.isfinite(heat).sum())
        if bad:
            raise ArgumentError(f"scoring: the maps hold {bad} NaN or infinite values, which have no order")
        rows = np.add.reduceat(heat, np.arange(0, self.height, self.side), axis=1)
        sums: FloatArray = np.add.reduceat(rows, np.arange(0, self.width, self.side), axis=2).reshape(len(heat), -1)
        return sums

    def order(self, heat: FloatArray, which: str = "morf", seed: int = 0) -> Array:
        """int64 (N, regions): each image's regions, most relevant first ("morf"), least first ("lerf"), or "random".

        Equally relevant regions, such as those where a rectified map is 0, stand in a random order: one that followed
        their place would favour a corner. An image's order depends on its map, ``seed`` and its place in the batch.
        """
        if which not in ORDERS:
            raise ArgumentError(f"scoring: order {which!r} does not exist: choose one of {', '.join(ORDERS)}")
        relevance = self.sums(heat)
        ties = np.stack([philox(seed, f"explain.order.{which}", row).random(self.count) for row in range(len(heat))])
        if which == "random":
            return np.argsort(ties, axis=1)
        return np.lexsort((ties, relevance if which == "lerf" else -relevance), axis=1)
