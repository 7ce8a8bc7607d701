"""Explanation by covering: a patch slides over the image, and what happens to the scores is noted at each place.

It asks the network nothing but its scores: no gradient, no look inside. So it is the yardstick of the other methods,
and the slowest: one run of the network for every position of the patch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray, Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.explain.attribution import Attribution
from tinyconv.explain.gradients import baseline_images
from tinyconv.explain.running import BATCH, Target, as_images, host, logits_of, scores_of
from tinyconv.features.capture import capture
from tinyconv.nn.module import Module

SHARE = 8
"""The patch's side by default, as a part of the image's: one eighth."""


@dataclass(frozen=True)
class OcclusionGrid:
    """What the network said with the patch at each position: all (N, rows, columns), a position's entry for each image.

    ``tops``, ``lefts``: where the patch's corner was. ``drops``: how far the target's score fell. ``probabilities``: of
    the target. ``labels``: the class predicted. ``activations``: the sum over the map of ``layer`` that answers most
    strongly to the uncovered image, whose number is in ``channels`` (N,); None where no layer was asked for.

    Raises: nothing of its own.

    >>> from tinyconv.explain import OcclusionGrid
    >>> sorted(OcclusionGrid.__dataclass_fields__)[:3]
    ['activations', 'channels', 'drops']
    """

    targets: Array
    scores: FloatArray
    window: Pair
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    drops: FloatArray
    probabilities: FloatArray
    labels: Array
    activations: FloatArray | None = None
    channels: Array | None = None
    layer: str = ""

    def spread(self, size: Pair) -> FloatArray:
        """The drops as a map of ``size``, (N, H, W): each pixel has the mean over the positions that covered it."""
        total = np.zeros((len(self.drops), *size), self.drops.dtype)
        count = np.zeros(size, np.int64)
        for row, top in enumerate(self.tops):
            for column, left in enumerate(self.lefts):
                covered = slice(top, top + self.window[0]), slice(left, left + self.window[1])
                total[:, covered[0], covered[1]] += self.drops[:, row, column, None, None]
                count[covered] += 1
        return total / count


def occlusion(
    model: Module, images: Any, target: Target = None, *, window: Any = None, stride: Any = None, baseline: Any = None
) -> Attribution:
    """How far the target's score falls when a patch covers the place; a pixel has the mean over the patches on it.

    ``window``: the patch's size, a number or (height, width); by default an eighth of the image's. ``stride``: the step
    between positions, no larger than the patch; by default half of it. The last patch may hang over the edge.
    ``baseline``: what the patch shows, a number, or an image (C, H, W) or (N, C, H, W); by default each channel's mean
    over the image, which is its grey.

    Shape: images (N, C, H, W); values (N, 1, H, W): all channels are covered together.
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``gradient``, and ``ArgumentError`` for a window or a stride that leaves pixels uncovered.
    Source: Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014, section 4.2.

    >>> from tinyconv.explain import occlusion
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    >>> found = occlusion(model, np.ones((1, 1, 4, 4), np.float32), window=2, stride=1, baseline=0)
    >>> found.values.shape, found.options["window"]
    ((1, 1, 4, 4), (2, 2))
    """
    grid = occlusion_grid(model, images, target, window=window, stride=stride, baseline=baseline)
    height, width = as_images(model, images).shape[2:]
    rows, columns = (step[1] - step[0] if len(step) > 1 else 0 for step in (grid.tops, grid.lefts))
    shown = "mean of the image" if baseline is None else baseline if np.ndim(baseline) == 0 else "an image"
    options = {"window": grid.window, "stride": (rows or grid.window[0], columns or grid.window[1]), "baseline": shown}
    return Attribution(grid.spread((height, width))[:, None], "occlusion", grid.targets, grid.scores, options)


def occlusion_grid(
    model: Module,
    images: Any,
    target: Target = None,
    *,
    window: Any = None,
    stride: Any = None,
    baseline: Any = None,
    layer: str | None = None,
) -> OcclusionGrid:
    """All that Zeiler & Fergus note with the patch at each position: score, probability, predicted class, activation.

    ``layer``: one with maps; of it, the activity of the map that answers most strongly to the uncovered image is noted.
    Other options as for ``occlusion``.

    Shape: images (N, C, H, W); results (N, rows, columns).
    Dtype: images of any floating-point type; the results have the model's.
    Raises: as ``occlusion``, and ``ArgumentError`` for a layer that does not exist, or has no maps.
    Source: Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014, section 4.2 and figure 7.

    >>> from tinyconv.explain import occlusion_grid
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    >>> grid = occlusion_grid(model, np.ones((1, 1, 4, 4), np.float32), window=2, layer="conv1")
    >>> grid.drops.shape, grid.labels.shape, grid.activations.shape
    ((1, 3, 3), (1, 3, 3), (1, 3, 3))
    """
    inputs = host(as_images(model, images))
    size = inputs.shape[2], inputs.shape[3]
    sides = _sides("window", tuple(max(1, round(side / SHARE)) for side in size) if window is None else window)
    steps = _sides("stride", tuple(max(1, side // 2) for side in sides) if stride is None else stride)
    if sides[0] > size[0] or sides[1] > size[1]:
        raise ArgumentError(f"window {sides} is larger than the image of {size[0]}x{size[1]} pixels; make it smaller")
    if steps[0] > sides[0] or steps[1] > sides[1]:
        raise ArgumentError(f"stride {steps} is larger than window {sides}, so some pixels would never be covered")
    tops, lefts = (_corners(*of_axis) for of_axis in zip(size, sides, steps, strict=True))
    patch = inputs.mean(axis=(2, 3), keepdims=True) if baseline is None else baseline
    grey = np.broadcast_to(patch, inputs.shape) if baseline is None else baseline_images(baseline, inputs)
    scores, targets = scores_of(model, inputs, target)
    logits, activities, channels = [], [], []
    for image, covering in zip(inputs, grey, strict=True):
        channel = None
        if layer is not None:
            _, maps = _run(model, image[None], layer)
            channel = int(maps.sum(axis=(2, 3))[0].argmax())
            channels.append(channel)
        for batch in _covered(image, covering, sides, tops, lefts):
            found, maps = _run(model, batch, layer)
            logits.append(found)
            if channel is not None:
                activities.append(maps[:, channel].sum(axis=(1, 2)))
    shape = len(inputs), len(tops), len(lefts)
    found = np.concatenate(logits).reshape(*shape, -1)
    exponentials = np.exp(found - found.max(axis=-1, keepdims=True))
    row = np.arange(shape[0])
    return OcclusionGrid(
        targets=targets,
        scores=scores,
        window=sides,
        tops=tops,
        lefts=lefts,
        drops=scores[:, None, None] - found[row, :, :, targets],
        probabilities=(exponentials / exponentials.sum(axis=-1, keepdims=True))[row, :, :, targets],
        labels=found.argmax(axis=-1),
        activations=np.concatenate(activities).reshape(shape) if activities else None,
        channels=np.array(channels) if channels else None,
        layer=layer or "",
    )


def _run(model: Module, batch: FloatArray, layer: str | None) -> tuple[FloatArray, FloatArray]:
    """The scores of a batch, and the maps of ``layer``; the scores again where none was asked for."""
    if layer is None:
        logits = logits_of(model, batch)
        return logits, logits
    with capture(model, layer) as activations:
        logits = logits_of(model, batch)
    maps = activations[layer] if layer in activations else next(iter(activations.values()))
    if maps.ndim != 4:
        raise ArgumentError(f"layer {layer} gives {maps.shape}, no maps (N, C, H, W); choose one that does")
    return logits, maps


def _covered(
    image: FloatArray, covering: FloatArray, window: Pair, tops: tuple[int, ...], lefts: tuple[int, ...]
) -> Iterator[FloatArray]:
    """The image with the patch at each position, row by row, in batches."""
    places = [(top, left) for top in tops for left in lefts]
    for start in range(0, len(places), BATCH):
        part = places[start : start + BATCH]
        batch = np.repeat(image[None], len(part), axis=0)
        for one, (top, left) in zip(batch, part, strict=True):
            covered = ..., slice(top, top + window[0]), slice(left, left + window[1])
            one[covered] = covering[covered]
        yield batch


def _corners(size: int, window: int, stride: int) -> tuple[int, ...]:
    """Where the patch begins along one direction: the first that reaches the end is the last."""
    return tuple(step * stride for step in range(ceil((size - window) / stride) + 1))


def _sides(name: str, value: Any) -> Pair:
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    numbers = [side for side in pair if isinstance(side, int | np.integer) and not isinstance(side, bool) and side > 0]
    if len(pair) != 2 or len(numbers) != 2:
        raise ShapeError(f"{name} must be a whole number of pixels, or (height, width), got {value!r}")
    return int(pair[0]), int(pair[1])
