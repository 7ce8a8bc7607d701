"""Where a channel is on: the threshold of its strongest answers, and its maps at the size of the image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ShapeError
from tinyconv.explain.running import BATCH
from tinyconv.explain.synthesis.maximization import dtype_of
from tinyconv.explain.synthesis.patches import layer_pattern
from tinyconv.features.dump import activations_of
from tinyconv.models.receptive_field import ReceptiveField
from tinyconv.nn.module import Module


def interpolation(units: int, pixels: int, field: ReceptiveField | None, direction: int) -> FloatArray:
    """(pixels, units) weights of linear interpolation in one direction (0 down, 1 right), each row of sum 1.

    Unit u stands at the middle of its receptive field; where that is unknown, the units share the pixels equally.
    """
    jump, start = (pixels / units, (pixels / units - 1) / 2)
    if field is not None:
        jump, start = field.jump[direction], field.start[direction]
    place = np.clip((np.arange(pixels) - start) / jump, 0, units - 1)
    low = np.minimum(np.floor(place).astype(int), max(units - 2, 0))
    weights, rows = np.zeros((pixels, units)), np.arange(pixels)
    weights[rows, low] = 1 - (place - low)
    weights[rows, np.minimum(low + 1, units - 1)] += place - low
    return weights


def thresholds_of(model: Module, images: Array, layer: str, quantile: float) -> FloatArray:
    """(C,) the smallest T with at most a share ``quantile`` of all units above it: exact, holding only the largest."""
    largest: FloatArray | None = None
    kept = 0
    for count, maps in maps_of(model, images, layer):
        values = maps.transpose(1, 0, 2, 3).reshape(maps.shape[1], -1)
        kept = int(quantile * count * values.shape[1] // len(maps)) + 1
        largest = values if largest is None else np.concatenate([largest, values], axis=1)
        if largest.shape[1] > kept:
            largest = np.partition(largest, largest.shape[1] - kept, axis=1)[:, -kept:]
    if largest is None:
        raise ShapeError("dissect: there are no images")
    return largest.min(axis=1)


def maps_of(model: Module, images: Array, layer: str) -> Iterator[tuple[int, FloatArray]]:
    """The number of all images, and the maps (n, C, h, w) of those of a batch."""
    for start in range(0, len(images), BATCH):
        batch = np.asarray(images[start : start + BATCH], dtype_of(model))
        yield len(images), activations_of(model, batch, layer_pattern(layer))[layer]
