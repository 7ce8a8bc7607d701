"""One unit of one layer, projected down to the pixels: the pattern that makes it answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError
from tinyconv.explain.rectified import RectifierRules
from tinyconv.explain.running import batches, host
from tinyconv.explain.trace import Step, Trace
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor


def project(
    model: Module, images: Any, layer: str, channel: int, position: Any = None, rule: str = "deconvnet"
) -> FloatArray:
    """The pattern in each image's pixels that unit (``channel``, ``position``) of ``layer`` answers to, (N, C, H, W).

    All other units of the layer are set to zero, and what is left is sent down to the pixels. ``layer``: its name, as
    ``features.capture`` gives it. ``position``: (row, column), the same for all images or one for each; by default the
    unit that answers most strongly to each image. ``rule``: how the signal passes rectifiers. With "deconvnet" it
    starts from the unit's activation, as in the source; with "guided" and "gradient" from 1, which gives a derivative.
    Pixels outside the unit's receptive field are exactly 0.

    Shape: images (N, C, H, W); result like images.
    Dtype: images of any floating-point type; the result has the model's.
    Raises: ``ArgumentError`` for a layer or a rule that does not exist; ``DimensionError`` for such a channel or
        position; ``ShapeError`` for positions of another number.
    Source: Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014, section 2.1.

    >>> from tinyconv.explain import project
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
    >>> pattern = project(model, np.ones((1, 1, 6, 6), np.float32), "conv1", channel=1, position=(1, 1))
    >>> pattern.shape, bool(pattern[0, 0, 3:].any()), bool(pattern[0, 0, :3, :3].any())
    ((1, 1, 6, 6), False, True)
    """
    rules = RectifierRules(rule)
    found: list[FloatArray] = []
    for trace, step, maps in _maps(model, images, layer, channel):
        start = sum(len(part) for part in found)
        places = _strongest(maps) if position is None else _checked(position, maps, start, len(images), layer)
        unit = np.zeros(tuple(step.output.shape), maps.dtype)
        row = np.arange(len(maps))
        values = maps[row, places[:, 0], places[:, 1]] if rule == "deconvnet" else 1
        if unit.ndim == 4:
            unit[row, channel, places[:, 0], places[:, 1]] = values
        else:
            unit[row, channel] = values
        cotangent = Tensor(unit).to(step.output.device)
        found.append(host(trace.backward(step.output, cotangent, rules)))
    return np.concatenate(found)


def strongest(model: Module, images: Any, layer: str, channel: int) -> tuple[FloatArray, Array]:
    """How strongly each image's strongest unit of a channel answers, (N,), and where it is, (N, 2): row and column.

    Of equals the first, row by row. In a layer without maps every channel is one unit, at (0, 0).

    Shape: images (N, C, H, W); results (N,) and (N, 2).
    Dtype: images of any floating-point type; the activations have the model's, the places are int64.
    Raises: as ``project``.

    >>> from tinyconv.explain import strongest
    >>> image = np.zeros((1, 1, 3, 3), np.float32)
    >>> image[0, 0, 2, 1] = 1
    >>> model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(9, 2))
    >>> strongest(model, image, "relu1", 0)[1].tolist()
    [[2, 1]]
    """
    parts = [maps for _, _, maps in _maps(model, images, layer, channel)]
    maps = np.concatenate(parts)
    places = _strongest(maps)
    return maps[np.arange(len(maps)), places[:, 0], places[:, 1]], places


def _maps(model: Module, images: Any, layer: str, channel: int) -> Iterator[tuple[Trace, Step, FloatArray]]:
    """For each batch: its trace, the layer's step, and the channel's maps (N, h, w), a lone unit being a 1x1 map."""
    for batch, _ in batches(model, images, None):
        trace = Trace(model, batch, keep_values=True)
        step = trace.layer(layer)
        values = host(step.output_value)
        if values.ndim not in (2, 4):
            raise ShapeError(f"layer {layer} gives {values.shape}; units are those of (N, C, H, W) or (N, features)")
        if isinstance(channel, bool) or not isinstance(channel, int | np.integer):
            raise ArgumentError(f"channel must be a whole number, got {channel!r}")
        if not 0 <= channel < values.shape[1]:
            raise DimensionError(
                f"layer {layer} has {values.shape[1]} channels, numbered 0 to {values.shape[1] - 1}; there is no "
                f"channel {channel}"
            )
        yield trace, step, values[:, channel] if values.ndim == 4 else values[:, channel, None, None]


def _strongest(maps: FloatArray) -> Array:
    flat = maps.reshape(len(maps), -1).argmax(axis=1)
    return np.stack(np.unravel_index(flat, maps.shape[1:]), axis=1).astype(np.int64)


def _checked(position: Any, maps: FloatArray, start: int, total: int, layer: str) -> Array:
    """The positions of the images from number ``start`` on, (n, 2)."""
    places = np.asarray(position)
    if places.shape not in ((2,), (total, 2)) or not np.issubdtype(places.dtype, np.integer):
        raise ShapeError(
            f"position must be (row, column), or one such pair for each image, ({total}, 2), got {position!r}"
        )
    places = np.broadcast_to(places, (total, 2))[start : start + len(maps)]
    rows, columns = maps.shape[1:]
    if (places < 0).any() or (places >= (rows, columns)).any():
        raise DimensionError(
            f"layer {layer} has maps of {rows} rows and {columns} columns; there is no position {position!r}"
        )
    return places
