"""Boxes in rows: every arrow leads downwards, few of them cross, and what is one line of computation is one line.

The method is that of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures",
1981: rows by the longest way from the input, points in every row that an arrow passes, an order within the rows by the
mean place of the neighbours, then coordinates. All arrows that leave a box share the points that they pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tinyconv.models.drawing.blocks import Block

SWEEPS, SETTLING = 24, 120
"""How often the rows are gone through, down and up, for the order, and for the coordinates."""

BETWEEN, PASSAGE = 22.0, 12.0
"""Room between neighbours, and for an arrow that passes a row, in pixels."""

BRANCH, PASSING, SHORTCUT = 40.0, 20.0, 1.0
"""How much it matters that neighbours stand above each other: on a branch, in a long arrow, where a shortcut ends."""


@dataclass(eq=False)
class Place:
    """A box, or the point in which the arrows from ``source`` pass a row."""

    row: int
    width: float
    block: Block | None = None
    source: Block | None = None
    shared: bool = False
    """Whether the source feeds other boxes, too."""
    x: float = 0.0
    """Of the middle."""
    above: list[Place] = field(default_factory=list)
    below: list[Place] = field(default_factory=list)


def arranged(blocks: Sequence[Block], widths: Sequence[float]) -> list[list[Place]]:
    """The rows from the top, each from the left, with their x coordinates; the leftmost edge is at 0."""
    rows = _rows(blocks, widths)
    _order(rows)
    _align(rows)
    left = min(place.x - place.width / 2 for row in rows for place in row)
    for row in rows:
        for place in row:
            place.x -= left
    return rows


def _rows(blocks: Sequence[Block], widths: Sequence[float]) -> list[list[Place]]:
    places: dict[Block, Place] = {}
    for block, width in zip(blocks, widths, strict=True):
        row = max((places[source].row + 1 for source in block.sources), default=0)
        places[block] = Place(row, width, block)
    rows: list[list[Place]] = [[] for _ in range(max(place.row for place in places.values()) + 1)]
    passing: dict[tuple[Block, int], Place] = {}
    takers = Counter(source for block in blocks for source in block.sources)
    for block in blocks:
        place = places[block]
        rows[place.row].append(place)
        for source in block.sources:
            last = places[source]
            for row in range(last.row + 1, place.row):
                point = passing.get((source, row))
                if point is None:
                    point = passing[source, row] = Place(row, PASSAGE, source=source, shared=takers[source] > 1)
                    rows[row].append(point)
                    _join(last, point)
                last = point
            _join(last, place)
    return rows


def _join(upper: Place, lower: Place) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def _order(rows: list[list[Place]]) -> None:
    """By the mean place of the neighbours, down and up; the order with the fewest crossings stays."""
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            positions = {place: number for line in rows for number, place in enumerate(line)}
            means = {}
            for place in row:
                neighbours = place.above if down else place.below
                found = [positions[neighbour] for neighbour in neighbours]
                means[place] = sum(found) / len(found) if found else positions[place]
            row.sort(key=means.__getitem__)
        crossings = _crossings(rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    rows[:] = best


def _crossings(rows: Sequence[Sequence[Place]]) -> int:
    total = 0
    for upper, lower in pairwise(rows):
        at = {place: number for number, place in enumerate(lower)}
        ends = [at[end] for place in upper for end in sorted(place.below, key=at.__getitem__)]
        total += sum(first > second for number, second in enumerate(ends) for first in ends[:number])
    return total


def _align(rows: Sequence[Sequence[Place]]) -> None:
    """Each row by least squares under its neighbours above and below, without overlap."""
    for row in rows:
        middle = sum(place.width + BETWEEN for place in row) / 2
        for place, offset in zip(row, _offsets(row), strict=True):
            place.x = offset - middle
    for sweep in range(SETTLING):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _settle(row)


def _settle(row: Sequence[Place]) -> None:
    wanted, weights = [], []
    for place in row:
        pulls = [(_weight(place, other), other.x) for other in (*place.above, *place.below)]
        total = sum(weight for weight, _ in pulls)
        wanted.append(sum(weight * x for weight, x in pulls) / total if pulls else place.x)
        weights.append(total or 1.0)
    # The least squares under  x[i+1] - x[i] >= room  are those of a rising sequence, after the rooms are taken off.
    offsets = _offsets(row)
    rising = _rising([x - offset for x, offset in zip(wanted, offsets, strict=True)], weights)
    for place, x, offset in zip(row, rising, offsets, strict=True):
        place.x = x + offset


def _rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The rising sequence nearest to ``values``: neighbours that fall are pooled, and take their mean.

    Barlow, Bartholomew, Bremner & Brunk, "Statistical inference under order restrictions", 1972. (scikit-learn has it
    too, and would take longer to import than a drawing takes.)
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values, weights, strict=True):
        count = 1
        while pools and pools[-1][0] > value:
            mean, other, more = pools.pop()
            value = (mean * other + value * weight) / (other + weight)
            weight, count = weight + other, count + more
        pools.append((value, weight, count))
    return [mean for mean, _, count in pools for _ in range(count)]


def _weight(place: Place, other: Place) -> float:
    if place.block is None and other.block is None:
        return PASSING
    # Arrows from a box that feeds several are shortcuts around the others, which should not pull these aside.
    points = [each for each in (place, other) if each.block is None]
    return SHORTCUT if points and points[0].shared else BRANCH


def _offsets(row: Sequence[Place]) -> list[float]:
    """Where the middles would be if all stood side by side."""
    found, at = [], 0.0
    for place in row:
        found.append(at + place.width / 2)
        at += place.width + BETWEEN
    return found
