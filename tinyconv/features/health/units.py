"""Which operation's result says how the channels of a layer do.

A convolution's own sums tell little: behind it stand a normalisation and an activation, and a channel is dead if
nothing passes *those*. So each layer with weights is judged by its *response*: the result of the first activation
behind it, over operations that keep channels apart; without an activation, that of its normalisation, or its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import Observation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError
from tinyconv.features.capture import watching
from tinyconv.features.layers import Layer
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.convolution.locally_connected import LocallyConnected2d
from tinyconv.ops.convolution.transposed_convolution import TransposedConvolution2d
from tinyconv.ops.tensor import Tensor

WEIGHTED = ("conv", "linear")
BETWEEN = ("pool", "dropout")
RECTIFIERS = ("relu", "threshold")
BOUNDS = {"sigmoid": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0)}
OTHER_ACTIVATIONS = (
    *("hardtanh", "elu", "softplus", "logsigmoid", "hardshrink", "softshrink", "hardswish", "gelu", "silu", "mish"),
    *("leaky_relu", "prelu", "tanhshrink"),
)
ACTIVATIONS = (*RECTIFIERS, *BOUNDS, *OTHER_ACTIVATIONS)


@dataclass
class Unit:
    """A layer of ``channels`` channels, named ``layer``, that is judged by the result named ``response``.

    ``rectified``: whether that is cut off at 0; ``bounds``: what it cannot pass, if anything. ``weight``: the layer's
    weights, and ``axis``: which of their dimensions counts the channels.
    """

    layer: str
    channels: int
    response: str
    rectified: bool = False
    bounds: tuple[float, float] | None = None
    weight: Tensor | None = None
    axis: int = 0

    def as_json(self) -> dict[str, Any]:
        return {"response": self.response, "rectified": self.rectified, "bounds": self.bounds}


def find_units(model: Module, images: Array) -> list[Unit]:
    """The layers with weights that ``model`` runs, in order, found by running one of ``images`` (N, C, H, W).

    Raises ``ArgumentError`` where there is none.
    """
    search = _Search()
    with no_grad(), watching(model, search.notice, eval_mode=True):
        model(Tensor(np.asarray(images[:1])).to(device_of(model)))
    if not search.units:
        raise ArgumentError("the model runs no convolution and no linear layer: it has no channels to judge")
    return list(search.units.values())


class _Search:
    """Follows each layer's result until it has passed an activation."""

    def __init__(self) -> None:
        self.units: dict[str, Unit] = {}
        self._results: dict[int, tuple[TensorBase, Unit]] = {}  # held, so that no other tensor gets the same id

    def notice(self, observation: Observation, layer: Layer) -> None:
        output, kind = observation.output, layer.kind
        if kind in WEIGHTED:
            weight = observation.inputs[1]
            unit = Unit(layer.name, output.shape[1], layer.name)
            if isinstance(weight, Tensor) and _has_axis(observation.operation, weight, unit.channels):
                unit.weight, unit.axis = weight, int(isinstance(observation.operation, TransposedConvolution2d))
            self.units[layer.name] = unit
            self._results[id(output)] = output, unit
            return
        source = observation.inputs[0] if observation.inputs else None
        if source is None or id(source) not in self._results:
            return
        unit = self._results[id(source)][1]
        if len(output.shape) < 2 or output.shape[1] != unit.channels:
            return
        if kind in ACTIVATIONS:
            unit.response, unit.rectified = layer.name, kind in RECTIFIERS
            unit.bounds = BOUNDS.get(kind)
            if kind == "hardtanh":
                operation: Any = observation.operation
                low, high = float(operation.low), float(operation.high)
                # At 0 it cuts as a rectifier does: that is no bound to get stuck at.
                unit.rectified, unit.bounds = low == 0, (low if low else -high, high)
            if id(output) in self._results:  # in place: the same tensor, which is now past its activation
                del self._results[id(output)]
        elif kind == "norm":
            unit.response = layer.name
            self._results[id(output)] = output, unit
        elif kind in BETWEEN:
            self._results[id(output)] = output, unit


def _has_axis(operation: Any, weight: Tensor, channels: int) -> bool:
    """Whether one dimension of the weights counts the channels.

    With groups, a transposed convolution's does not, nor do those of a locally connected layer that come first.
    """
    if isinstance(operation, LocallyConnected2d):
        return False
    return weight.shape[int(isinstance(operation, TransposedConvolution2d))] == channels
