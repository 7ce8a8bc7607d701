"""Activation maximisation: the image that a unit or a class answers to most.

Erhan, Bengio, Courville and Vincent (2009, "Visualizing higher-layer features of a deep network"): gradient ascent on
an activation in the pixels. Alone it finds noise that no camera takes; regularisers (Yosinski et al., 2015), priors and
random views (Olah et al., 2017) keep the image natural. See ``recipes`` for what there is and ``ascent`` for the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.explain.running import at_rest, logits_of
from tinyconv.explain.synthesis.ascent import LEVELS, ascend, pixel_range
from tinyconv.explain.synthesis.reading import CENTRE, Position, Units, sight
from tinyconv.explain.synthesis.recipes import Recipe, recipe_for
from tinyconv.explain.synthesis.result import STANDARDISED, Bounds, Synthesis
from tinyconv.nn.module import Module

START_LEVELS = 10.0
"""Standard deviation of the noise that the ascent starts from, in 256 levels."""


def maximize(
    model: Module,
    layer: str | None,
    channels: Sequence[int],
    *,
    shape: tuple[int, int, int],
    recipe: str | Recipe = "yosinski-3",
    position: Position = CENTRE,
    bounds: Bounds = STANDARDISED,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    **changes: Any,
) -> Synthesis:
    """Images that make ``channels`` of ``layer`` answer as strongly as they can, one image for each.

    ``layer``: a name by ``capture``'s rule; None for the model's output, whose channels are the classes (their scores
    before the softmax). ``shape``: (C, H, W) of an image. ``recipe``: a name in ``RECIPES`` or a ``Recipe``;
    ``changes``: entries of it that shall differ, such as ``steps=200`` or ``blur=0``. ``position``: which unit of a
    channel's map, "centre", (row, column), or "mean" for all of them. ``bounds``: black and white as the model takes
    them, (0 - mean) / std and (1 - mean) / std: numbers, or one for each channel. 0 is the mean image.

    The same seed gives the same bits. The model's mode, precision and gradients are left as they were.

    Shape: ``images`` (len(channels), C, H, W).
    Dtype: that of the model's parameters.
    Raises: ``ArgumentError`` for a layer, recipe or position that does not exist, ``DimensionError`` for a channel.
    Source: Yosinski et al., 2015, "Understanding neural networks through deep visualization", section 3.

    >>> from tinyconv.explain.synthesis import maximize
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    >>> maximize(model, None, [0, 1, 2], shape=(1, 8, 8), steps=5).images.shape
    (3, 1, 8, 8)
    """
    shape = checked_shape(shape)
    dtype = dtype_of(model)
    box, side = sight(model, layer, position, shape, dtype)
    chosen = recipe_for(recipe, side, **changes)
    units = Units(model, layer, channels, position)
    names = labels_for(labels, channels, layer)
    random = np.random.default_rng(seed)
    low, high = pixel_range(bounds, shape, dtype)
    noise = float(np.mean(high - low)) * START_LEVELS / LEVELS
    start = (noise * random.standard_normal((len(names), *shape))).astype(dtype)
    with at_rest(model):
        images, history = ascend(units, start, chosen, low, high, random)
        _, gradient = units(images)
    return Synthesis(
        images=images,
        values=history[-1],
        history=history,
        method="Activation maximisation",
        layer=layer,
        channels=tuple(map(int, channels)),
        labels=names,
        bounds=bounds,
        box=box,
        options={
            **asdict(chosen),
            "recipe": recipe if isinstance(recipe, str) else "own",
            "position": position,
            "seed": seed,
            "description": chosen.describe(),
        },
        notes=unmoved(names, history, gradient),
        confidences=confidences(model, images, channels) if layer is None else None,
    )


def confidences(model: Module, images: FloatArray, classes: Sequence[int]) -> FloatArray:
    """(N,) the model's probability of class n on image n: the softmax of its scores."""
    logits = logits_of(model, images).astype(np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: FloatArray = odds[np.arange(len(odds)), np.asarray(classes)] / odds.sum(axis=1)
    return found


def labels_for(labels: Sequence[str] | None, channels: Sequence[int], layer: str | None) -> tuple[str, ...]:
    """A name for each unit or class, by default its number."""
    if labels is not None and len(labels) != len(channels):
        raise ArgumentError(f"{len(channels)} channels but {len(labels)} labels")
    word = "channel" if layer else "class"
    return tuple(labels) if labels is not None else tuple(f"{word} {channel}" for channel in channels)


def checked_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """``shape``, if it is that of an image. Raises ``ShapeError``."""
    if len(shape) != 3 or min(shape) < 1:
        raise ShapeError(f"shape must be (channels, height, width) of one image, got {tuple(shape)}")
    return int(shape[0]), int(shape[1]), int(shape[2])


def dtype_of(model: Module) -> Any:
    """The NumPy type of the model's parameters."""
    parameter = next(iter(model.parameters()), None)
    return np.dtype(np.float32) if parameter is None else parameter.array.dtype


def unmoved(names: Sequence[str], history: FloatArray, gradient: Array) -> tuple[str, ...]:
    """The note about units that no image moved; none where there are none."""
    silent = [
        name
        for name, first, last, slope in zip(names, history[0], history[-1], gradient, strict=True)
        if last <= first and not slope.any()
    ]
    if not silent:
        return ()
    return (f"No image moved these units, and no gradient reaches them (dead?): {', '.join(silent)}.",)
