"""What augmentation does to a batch of images, in plain loops."""

from __future__ import annotations

import math

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.random import Place


def uniform_rows(seed: int, stream: int, low: int, samples: Array, count: int) -> Array:
    """float64 (N, count) in [0, 1): for each of ``samples`` the numbers at a place of its own (see ``core.random``)."""
    numbers = np.empty((len(samples), count))
    for row, sample in zip(numbers, samples, strict=True):
        Place(seed, stream, low, int(sample)).generator().random(out=row)
    return numbers


def picked(images: FloatArray, rows: Array, columns: Array) -> FloatArray:
    """result[n, :, i, j] = images[n, :, rows[n, i], columns[n, j]], or 0 where one of them is negative."""
    result = layout.zeros((*images.shape[:2], rows.shape[1], columns.shape[1]), images.dtype)
    for n, i, j in np.ndindex(len(images), rows.shape[1], columns.shape[1]):
        if rows[n, i] >= 0 and columns[n, j] >= 0:
            result[n, :, i, j] = images[n, :, rows[n, i], columns[n, j]]
    return result


def warped(images: FloatArray, matrices: Array) -> FloatArray:
    """result[n, :, i, j] = images[n, :, y, x] with (y, x) = centre + matrices[n] (i - centre_y, j - centre_x).

    Between pixels the image is interpolated bilinearly, beyond its edge it continues with the edge's pixels.
    """
    samples, _, height, width = images.shape
    result = layout.empty(images.shape, images.dtype)
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    for n, i, j in np.ndindex(samples, height, width):
        y, x = (centre + matrices[n] @ (np.array([i, j]) - centre)).clip(0, [height - 1, width - 1])
        top, left = math.floor(y), math.floor(x)
        below, beside = min(top + 1, height - 1), min(left + 1, width - 1)
        above = images[n, :, top, left] * (left + 1 - x) + images[n, :, top, beside] * (x - left)
        beneath = images[n, :, below, left] * (left + 1 - x) + images[n, :, below, beside] * (x - left)
        result[n, :, i, j] = above * (top + 1 - y) + beneath * (y - top)
    return result
