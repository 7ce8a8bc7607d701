"""Random views of an image: shifted, scaled and turned a little, so that a maximum must hold for all of them.

A view is a linear map of the pixels, y = V x, with bilinear interpolation between them and 0 (the mean image) beyond
the edge. The gradient in the image is V^T applied to that in the view: for each image V is one sparse matrix, and the
transpose is its adjoint exactly. A whole-pixel shift alone interpolates nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray


@dataclass(frozen=True)
class ViewRange:
    """How far views may differ from the image.

    ``jitter``: the largest shift down or right, in whole pixels. ``scale``: smallest and largest magnification.
    ``rotation``: the largest angle, in degrees.
    """

    jitter: int = 0
    scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0

    @property
    def only_one(self) -> bool:
        """Whether the one view there is, is the image itself."""
        return self.jitter == 0 and self.scale == (1.0, 1.0) and self.rotation == 0

    def draw(self, count: int, size: tuple[int, int], random: np.random.Generator) -> list[Any]:
        """``count`` random view matrices (pixels, pixels) for images of ``size``."""
        shifts = random.integers(-self.jitter, self.jitter + 1, (count, 2))
        scales = random.uniform(*self.scale, count)
        angles = np.deg2rad(random.uniform(-self.rotation, self.rotation, count))
        return [view_matrix(size, *drawn) for drawn in zip(shifts, scales, angles, strict=True)]


def view_matrix(size: tuple[int, int], shift: Array, scale: float, angle: float) -> Any:
    """V of a view magnified by ``scale``, turned clockwise by ``angle`` (radians) about the centre, moved by ``shift``.

    Pixel p of the view comes from c + R(-angle) (p - c - shift) / scale of the image, c its centre.
    """
    from scipy.sparse import csr_array

    height, width = size
    rows, columns = (grid.ravel() for grid in np.mgrid[:height, :width])
    down = rows - (height - 1) / 2 - shift[0]
    right = columns - (width - 1) / 2 - shift[1]
    cosine, sine = np.cos(angle), np.sin(angle)
    source_rows = (cosine * down - sine * right) / scale + (height - 1) / 2
    source_columns = (sine * down + cosine * right) / scale + (width - 1) / 2
    top, left = np.floor(source_rows), np.floor(source_columns)
    below, beside = source_rows - top, source_columns - left
    weights, targets, sources = [], [], []
    for row, row_weight in ((top, 1 - below), (top + 1, below)):
        for column, column_weight in ((left, 1 - beside), (left + 1, beside)):
            weight = row_weight * column_weight
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width) & (weight != 0)
            weights.append(weight[inside])
            targets.append(np.flatnonzero(inside))
            sources.append((row[inside] * width + column[inside]).astype(np.int64))
    places = (np.concatenate(targets), np.concatenate(sources))
    return csr_array((np.concatenate(weights), places), shape=(height * width, height * width))


def seen(images: FloatArray, views: list[Any]) -> FloatArray:
    """V x for each image of (N, C, H, W)."""
    return _applied(images, views)


def seen_back(cotangents: FloatArray, views: list[Any]) -> FloatArray:
    """V^T y for each cotangent of (N, C, H, W)."""
    return _applied(cotangents, [view.T for view in views])


def _applied(images: FloatArray, matrices: list[Any]) -> FloatArray:
    flat = images.reshape(*images.shape[:2], -1)
    results = [(matrix @ pixels.T).T for matrix, pixels in zip(matrices, flat, strict=True)]
    return np.ascontiguousarray(np.stack(results), images.dtype).reshape(images.shape)
