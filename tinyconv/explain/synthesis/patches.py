"""The patches of real images that a unit answers to most, and what of them reaches it.

Zeiler and Fergus (2014, "Visualizing and understanding convolutional networks", section 4): of all images those where
some unit of the channel's map is most active, one patch of each; beside each patch the unit's activation projected
down to the pixels. The patches show what the unit answers to, the projections what in them it answers to.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.explain.projection import project
from tinyconv.explain.running import BATCH
from tinyconv.explain.synthesis.maximization import dtype_of
from tinyconv.explain.synthesis.reading import look_at
from tinyconv.explain.synthesis.result import STANDARDISED, Bounds
from tinyconv.explain.synthesis.tiles import Sheet, Tile, mosaic, within_bounds
from tinyconv.features.channels import check_channels
from tinyconv.features.colours import Scale, colourise, format_number
from tinyconv.features.dump import activations_of
from tinyconv.features.layers import Layer
from tinyconv.nn.module import Module

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNT = 9


@dataclass(frozen=True)
class TopPatches:
    """For each of K channels of ``layer``, the ``count`` images that it answers to most, strongest first.

    ``channels``: (K,). ``values``: (K, count) the activations; ``indices``: which image; ``positions``: (K, count, 2)
    row and column of the unit; ``boxes``: (K, count, 4) the pixels it sees, (top, left, bottom, right).
    ``images`` and ``projections``: (K, count, C, H, W) the whole images and the units' patterns in them, by ``rule``;
    ``patches`` cuts them. ``looked_at``: how many images were. ``labels``: (K, count) class names, where given.

    Raises: nothing of its own.

    >>> from tinyconv.explain.synthesis import top_patches
    >>> images = np.random.default_rng(0).random((20, 1, 8, 8)).astype(np.float32)
    >>> found = top_patches(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten()), images, "conv1", [2], count=3)
    >>> found.values.shape, found.patches(0)[0].shape, bool((np.diff(found.values) <= 0).all())
    ((1, 3), (1, 3, 3), True)
    """

    layer: Layer
    channels: Array
    values: FloatArray
    indices: Array
    positions: Array
    boxes: Array
    images: FloatArray
    projections: FloatArray
    rule: str
    looked_at: int
    bounds: Bounds
    labels: tuple[tuple[str, ...], ...] | None = None

    def patches(self, number: int, projected: bool = False) -> list[FloatArray]:
        """The patches (C, h, w) of channel ``channels[number]``, or the projections cut in the same way."""
        source = self.projections if projected else self.images
        boxes = self.boxes[number]
        return [
            source[number, place, :, top:bottom, left:right] for place, (top, left, bottom, right) in enumerate(boxes)
        ]

    @property
    def dead(self) -> Array:
        """(K,) whether a channel is above 0 for no image."""
        return self.values[:, 0] <= 0

    def sheet(self) -> Sheet:
        """Two squares for each channel: its patches, and their projections."""
        tiles = []
        for number, channel in enumerate(self.channels):
            strongest, weakest = (format_number(float(self.values[number, place])) for place in (0, -1))
            whose = self._whose(number)
            pictures = [within_bounds(patch[None], self.bounds)[0] for patch in self.patches(number)]
            patterns = [signed_pixels(pattern.sum(axis=0)) for pattern in self.patches(number, projected=True)]
            columns, corners = int(np.ceil(np.sqrt(len(pictures)))), self.boxes[number, :, :2] == 0
            if self.dead[number]:
                about = "0 everywhere: dead" if self.values[number, 0] == 0 else f"never above {strongest}"
            elif self.values[number, 0] == self.values[number, -1]:
                about = f"activation {strongest}"
            else:
                about = f"activation {strongest} to {weakest}"
            tiles += [
                Tile(mosaic(pictures, columns, corners), [f"channel {channel}", about, *whose]),
                Tile(mosaic(patterns, columns, corners), ["what reaches it", "", *([""] if whose else [])]),
            ]
        rules = {"deconvnet": "deconvnet", "guided": "guided backpropagation", "gradient": "gradient"}
        sees = self.layer.sees("unit", (self.images.shape[3], self.images.shape[4])) or "whole images are shown"
        details = [
            f"For each channel: of {self.looked_at} real images the {self.values.shape[1]} that raise it most, one "
            f"patch of each, strongest first. {self.layer.name}: {self.layer.describe()}; {sees}.",
            f"Right: the unit projected down to these pixels ({rules[self.rule]}). Red: brighter pixels raise it, "
            "blue: darker ones do; white: nothing reaches it; grey: beyond the edge. Each map has its own scale.",
        ]
        return Sheet(f"What the units of {self.layer.name} answer to", details, tiles, columns=6, group=2, bar=True)

    def figure(self) -> Figure:
        """The sheet as a matplotlib figure."""
        return self.sheet().figure()

    def _whose(self, number: int) -> list[str]:
        if self.labels is None:
            return []
        names, counts = np.unique(self.labels[number], return_counts=True)
        order = np.argsort(-counts, kind="stable")[:2]
        return [", ".join(f"{counts[place]}× {names[place]}" for place in order)]

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self.sheet().png()).decode()
        alt = f"strongest patches of {len(self.channels)} channels of {self.layer.name}"
        return f'<img alt="{alt}" src="data:image/png;base64,{picture}">'


def top_patches(
    model: Module,
    images: Array,
    layer: str,
    channels: Sequence[int] | None = None,
    *,
    count: int = COUNT,
    rule: str = "deconvnet",
    bounds: Bounds = STANDARDISED,
    labels: Sequence[str] | None = None,
) -> TopPatches:
    """Of ``images`` (N, C, H, W) the ``count`` that each of ``channels`` (None: all) of ``layer`` answers to most.

    An image counts once, with its strongest unit; of equals the first. ``rule``: how activations are projected down,
    "deconvnet", "guided" or "gradient" (see ``explain.project``). ``bounds``: black and white as the model takes them.
    ``labels``: the class name of each image.

    Shape: images (N, C, H, W); see ``TopPatches`` for the results.
    Dtype: that of the model's parameters.
    Raises: ``ArgumentError`` for a layer or rule that does not exist, ``DimensionError`` for a channel, ``ShapeError``.
    Source: Zeiler & Fergus, 2014, "Visualizing and understanding convolutional networks", section 4.

    >>> from tinyconv.explain.synthesis import top_patches
    >>> images = np.zeros((3, 1, 5, 5), np.float32)
    >>> images[1, 0, 4, 2] = 1
    >>> found = top_patches(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten()), images, "conv1", count=1)
    >>> found.boxes.shape
    (1, 1, 4)
    """
    if np.ndim(images) != 4 or not len(images):
        raise ShapeError(f"top_patches: images must be (N, C, H, W), at least one, got {np.shape(images)}")
    if count < 1 or (labels is not None and len(labels) != len(images)):
        raise ArgumentError(f"top_patches: at least 1 patch, and a label for each of {len(images)} images")
    dtype = dtype_of(model)
    found, size = look_at(model, layer, images.shape[1:], dtype)
    numbers = np.array(check_channels(channels, size[0], layer) if channels is not None else range(size[0]))
    best, places = strongest_of_all(model, images, layer)
    order = np.argsort(-best[:, numbers], axis=0, kind="stable")[:count].T
    values = np.take_along_axis(best[:, numbers].T, order, axis=1)
    positions = places[order, numbers[:, None]]
    whole = (0, 0, *images.shape[2:])
    field = found.receptive_field
    boxes = np.array(
        [
            [whole if field is None else field.patch(int(row), int(column), images.shape[2:]) for row, column in rows]
            for rows in positions
        ]
    )
    chosen = np.stack([np.asarray(images[row], dtype) for row in order])
    projections = np.stack(
        [
            project(model, chosen[number], layer, int(channel), positions[number], rule)
            for number, channel in enumerate(numbers)
        ]
    )
    names = None if labels is None else tuple(tuple(labels[index] for index in row) for row in order)
    return TopPatches(
        found, numbers, values, order, positions, boxes, chosen, projections, rule, len(images), bounds, names
    )


def strongest_of_all(model: Module, images: Array, layer: str) -> tuple[FloatArray, Array]:
    """The strongest unit of each channel on each image: activations (N, C), and rows and columns (N, C, 2)."""
    values, places = [], []
    for start in range(0, len(images), BATCH):
        batch = np.asarray(images[start : start + BATCH], dtype_of(model))
        maps = activations_of(model, batch, layer_pattern(layer))[layer]
        maps = maps if maps.ndim == 4 else maps.reshape(*maps.shape[:2], 1, -1)
        flat = maps.reshape(*maps.shape[:2], -1)
        where = flat.argmax(axis=2)
        values.append(np.take_along_axis(flat, where[:, :, None], axis=2)[:, :, 0])
        places.append(np.stack(np.divmod(where, maps.shape[3]), axis=2))
    return np.concatenate(values), np.concatenate(places)


def layer_pattern(name: str) -> str:
    """The shell-style pattern that matches ``name`` alone, whatever signs it has."""
    return name.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")


def signed_pixels(pattern: FloatArray) -> Array:
    """(H, W, 3) uint8 of a signed map: red above 0, blue below, white at 0, on its own scale."""
    limit = float(np.abs(pattern).max(initial=0.0))
    return colourise(pattern, Scale("channel", limit or 1.0, signed=True))
