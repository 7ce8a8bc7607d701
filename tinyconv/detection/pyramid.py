"""A photograph in many sizes: a network that knows one size of face finds all sizes in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.data.images import resize

PER_DOUBLING = 4
"""Sizes from one to its double: each is 2^(1/4) = 1.19 times the one before, where the paper has 1.2."""

LARGEST_SHARE = 24
"""Unless the user wants smaller ones, what is looked for is at least this part of the photograph's shorter side."""


class Level(NamedTuple):
    """The photograph at one size: ``picture`` (C, h, w), and (down, across) how many of its pixels make one of them."""

    picture: FloatArray
    scale: tuple[float, float]


def levels(
    photo: FloatArray,
    window: Pair,
    per_doubling: int = PER_DOUBLING,
    smallest: float | None = None,
    largest: float | None = None,
) -> Iterator[Level]:
    """``photo`` (C, H, W) at the sizes at which things of ``smallest`` to ``largest`` pixels are as high as ``window``.

    Each size is that of the level before over 2^(1/per_doubling). Raises ``ArgumentError`` for bounds that leave no
    size, ``ShapeError`` for a photograph smaller than ``window`` at all of them.
    """
    rows, columns = photo.shape[1:]
    least = max(window[0], min(rows, columns) / LARGEST_SHARE) if smallest is None else float(smallest)
    most = min(rows, columns * window[0] / window[1]) if largest is None else float(largest)
    if per_doubling < 1:
        raise ArgumentError(f"the sizes from one to its double must be at least 1, got {per_doubling}")
    if smallest is None and largest is not None:
        least = min(least, most)
    if not least > 0:
        raise ArgumentError(f"the smallest height must be above 0 pixels, got {least:g}")
    if largest is not None and most < least:
        raise ArgumentError(f"the largest height, {most:g} pixels, is less than the smallest, {least:g}")
    height = least
    seen = False
    while height <= most * (1 + 1e-9):
        size = (round(rows * window[0] / height), round(columns * window[0] / height))
        if size[0] >= window[0] and size[1] >= window[1]:
            seen = True
            picture = photo if size == (rows, columns) else resize(photo, size)
            yield Level(picture, (rows / size[0], columns / size[1]))
        height *= 2 ** (1 / per_doubling)
    if not seen:
        raise ShapeError(
            f"a photograph of {rows}x{columns} pixels has no room for a window of {window[0]}x{window[1]} that shows "
            f"things of {least:g} pixels; give a larger photograph, or look for smaller things"
        )
