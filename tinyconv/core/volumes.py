"""Volumes (N, C, D, H, W) as images. In the engine's order all of these are views, so that images' kernels take them.

Memory has the planes of a volume one after another, each of them an image, channels last.
"""

from __future__ import annotations

import math

from tinyconv.core.arrays import Array


def planes_of(volumes: Array) -> Array:
    """Every plane as an image: (N, C, D, H, W) as (N D, C, H, W)."""
    samples, channels, depth, height, width = volumes.shape
    return volumes.transpose(0, 2, 1, 3, 4).reshape(samples * depth, channels, height, width)


def volumes_of(planes: Array, samples: int, depth: int) -> Array:
    """The inverse: (N D, C, H, W) as (N, C, D, H, W)."""
    return planes.reshape(samples, depth, *planes.shape[1:]).transpose(0, 2, 1, 3, 4)


def rows_of(volumes: Array) -> Array:
    """Every plane as a row of pixels: (N, C, D, H, W) as (N, C, D, H W)."""
    return volumes.reshape(*volumes.shape[:3], math.prod(volumes.shape[3:]))
