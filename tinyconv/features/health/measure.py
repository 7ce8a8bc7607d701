"""What a network's channels do with some images, at one moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import Observation
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.devices import array_module
from tinyconv.core.transfer import to_host
from tinyconv.features.capture import watching
from tinyconv.features.health.statistics import ChannelStatistics
from tinyconv.features.health.units import Unit, find_units
from tinyconv.features.layers import Layer
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

BATCH = 16

Figures = dict[str, FloatArray]
"""Name of a figure -> its value for each channel, (C,)."""


def measure(model: Module, images: Array, units: Sequence[Unit] | None = None) -> dict[str, Figures]:
    """Layer -> figures of its channels' responses to images (N, C, H, W), as the model takes them, and of its kernels.

    See ``ChannelStatistics.figures``; and kernel_norm, sqrt(sum w^2) over all weights of the channel, NaN where a layer
    has none of its own. ``units``: those of ``find_units``, where they are known.
    """
    units = find_units(model, images) if units is None else units
    gathered = {unit.response: ChannelStatistics(unit.channels, unit.bounds) for unit in units}

    def keep(observation: Observation, layer: Layer) -> None:
        if layer.name in gathered:
            gathered[layer.name].add(to_host(observation.output.array))

    for start in range(0, len(images), BATCH):
        # Layers count from one in every block: a second pass in the same one would have other names.
        with no_grad(), watching(model, keep, eval_mode=True):
            model(Tensor(np.asarray(images[start : start + BATCH])).to(device_of(model)))
    return {
        unit.layer: {
            **gathered[unit.response].figures(),
            "kernel_norm": np.full(unit.channels, np.nan)
            if unit.weight is None
            else channel_norms(unit.weight.array, unit),
        }
        for unit in units
    }


def channel_norms(array: Array, unit: Unit) -> FloatArray:
    """sqrt(sum x^2) of each channel's part of something shaped as the weights of ``unit``, summed in float64."""
    xp = array_module(unit.weight.device) if unit.weight is not None else np
    squares = xp.square(array, dtype=np.float64)
    axes = tuple(axis for axis in range(squares.ndim) if axis != unit.axis)
    return np.sqrt(to_host(squares.sum(axis=axes)))


class StepFigures:
    """What one step of the optimiser does to each channel: the norms of gradient and update, and their ratio to w."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = [unit for unit in units if unit.weight is not None and unit.weight.requires_grad]
        self._before: dict[str, tuple[FloatArray, FloatArray, Array]] = {}

    def before(self) -> None:
        """To be called when the gradients are there, and the step is not yet made."""
        self._before = {}
        for unit in self._units:
            weight = unit.weight
            if weight is not None and weight.grad is not None:
                old = layout.copy(weight.array, array_module(weight.device))
                self._before[unit.layer] = (
                    channel_norms(weight.grad.array, unit),
                    channel_norms(weight.array, unit),
                    old,
                )

    def after(self) -> dict[str, Figures]:
        """Layer -> gradient_norm and update_ratio, |step| / |w|; NaN where the weights are all 0."""
        figures = {}
        for unit in self._units:
            if unit.layer in self._before and unit.weight is not None:
                gradient, size, old = self._before[unit.layer]
                update = channel_norms(unit.weight.array - old, unit)
                ratio = np.divide(update, size, out=np.full(unit.channels, np.nan), where=size > 0)
                figures[unit.layer] = {"gradient_norm": gradient, "update_ratio": ratio}
        self._before = {}
        return figures
