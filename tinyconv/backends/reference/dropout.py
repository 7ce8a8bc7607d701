"""Masks as NumPy draws them, and the product with one."""

from __future__ import annotations

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.random import Place


def draw_mask(seed: int, stream: int, low: int, high: int, p: float, shape: tuple[int, ...], first: int = 0) -> Array:
    """True with probability 1 - p for each element, drawn in memory order, from a place of ``core.random``.

    ``first``: how many numbers there are passed over.
    """
    keep = layout.empty(shape, np.bool_)
    ordered = layout.stored(keep)
    numbers = Place(seed, stream, low, high).generator().random(first + keep.size, dtype="float32")
    ordered[...] = (numbers[first:] >= p).reshape(ordered.shape)
    return keep


def masked(x: FloatArray, keep: Array, scale: float) -> FloatArray:
    """y = scale x keep, for a mask that is broadcast to x. Infinity times 0 is NaN."""
    y = layout.empty(x.shape, x.dtype)
    y[...] = x * np.where(keep, x.dtype.type(scale), x.dtype.type(0))
    return y
