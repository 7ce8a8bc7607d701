"""Boxes in a photograph, and how the many that stand for one and the same thing become one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinyconv.core.arrays import FloatArray

SAME = 0.3
"""Boxes that overlap more (``overlap``) show the same thing."""
INSIDE = 0.5
"""No thing lies within another: where more of one box is in another, the one with more votes stays."""


@dataclass(frozen=True)
class Box:
    """A rectangle in a photograph, in its pixels, and how sure a network is of what is in it.

    Edges: ``left`` <= x < ``right``, ``top`` <= y < ``bottom``. ``probability``: of the network's surest answer.
    ``votes``: how many answers, at neighbouring places and sizes, agree on the box.

    Raises: nothing of its own.

    >>> from tinyconv.detection import Box
    >>> box = Box(10, 20, 42, 56, probability=0.9, votes=3)
    >>> box.width, box.height, box.overlap(Box(10, 20, 42, 38))
    (32, 36, 0.5)
    """

    left: float
    top: float
    right: float
    bottom: float
    probability: float = 1.0
    votes: int = 1

    @property
    def width(self) -> float:
        """right - left."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """bottom - top."""
        return self.bottom - self.top

    def overlap(self, other: Box) -> float:
        """The area that both cover over the area that either covers (intersection over union): 0 apart, 1 equal."""
        common = self._common(other)
        return common / (self.width * self.height + other.width * other.height - common)

    def inside(self, other: Box) -> float:
        """The share of this box that ``other`` covers."""
        return self._common(other) / (self.width * self.height)

    def to_json(self) -> dict[str, Any]:
        """The edges rounded to tenths of a pixel, the probability and the votes, as JSON expresses them."""
        return {name: round(value, 4 if name == "probability" else 1) for name, value in asdict(self).items()}

    def _common(self, other: Box) -> float:
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(across, 0.0) * max(down, 0.0)


def group(candidates: Iterable[Box], votes: int = 1) -> list[Box]:
    """One box for each thing that ``candidates`` show, the surest first: non-maximum suppression.

    The surest candidate stands for all that overlap it by more than 0.3 (intersection over union), and has their votes;
    then the surest of the others, and so on. Boxes with fewer than ``votes`` are dropped: chance seldom finds the same
    place twice. So are those of which more than half lies inside a box with more votes (or as many, and a higher
    probability), and those that more than half of such a box lies inside.

    Raises: nothing of its own.
    Source: Garcia & Delakis, 2004, section 5, whose confidence is a sum over the answers of a group.

    >>> from tinyconv.detection import Box, group
    >>> group([Box(0, 0, 10, 10, 0.7), Box(1, 0, 11, 10, 0.9), Box(50, 0, 60, 10, 0.6)], votes=2)
    [Box(left=1, top=0, right=11, bottom=10, probability=0.9, votes=2)]
    """
    order = sorted(candidates, key=lambda box: -box.probability)
    edges = np.array([(box.left, box.top, box.right, box.bottom) for box in order], np.float64).reshape(-1, 4)
    counts = np.array([box.votes for box in order], np.int64)
    open_ = np.ones(len(order), bool)
    found = []
    for number, box in enumerate(order):
        if open_[number]:
            same = open_ & (_overlaps(edges[number], edges) > SAME)
            found.append(Box(box.left, box.top, box.right, box.bottom, box.probability, int(counts[same].sum())))
            open_ &= ~same
    kept: list[Box] = []
    for box in sorted((box for box in found if box.votes >= votes), key=lambda box: (-box.votes, -box.probability)):
        if all(max(box.inside(other), other.inside(box)) <= INSIDE for other in kept):
            kept.append(box)
    return sorted(kept, key=lambda box: -box.probability)


def _overlaps(one: FloatArray, others: FloatArray) -> FloatArray:
    """``Box.overlap`` of one box with many, each (left, top, right, bottom)."""
    sides = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    common = sides.clip(min=0).prod(axis=1)
    overlaps: FloatArray = common / ((one[2:] - one[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - common)
    return overlaps
