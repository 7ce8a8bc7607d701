"""A layer's output as a tensor that can be differentiated, and the activations of single units with their gradients.

What synthesis needs of a network is a function of the image: the activation of one unit, or all of a layer's output.
The forward stops at that layer, so that a low layer of a deep network costs no more than it must.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyconv.autograd.engine import grad
from tinyconv.autograd.grad_mode import enable_grad
from tinyconv.autograd.observe import Observation, observe
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, DimensionError
from tinyconv.explain.running import BeforeSoftmax, host
from tinyconv.features.capture import Activations
from tinyconv.features.dump import activations_of
from tinyconv.features.layers import Layer
from tinyconv.features.naming import LayerNames, unknown_layer
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

Position = str | tuple[int, int]
CENTRE, MEAN = "centre", "mean"


class _LayerReachedError(BaseException):
    """Ends the forward at the layer that was asked for; no ``except Exception`` in a model can swallow it."""

    def __init__(self, output: Any) -> None:
        self.output: Tensor = output


def layer_output(model: Module, images: Tensor, layer: str | None) -> Tensor:
    """What ``layer`` (a name by ``capture``'s rule) makes of ``images``, on the tape.

    It is the value at the moment of computation: the forward ends there, before anything could overwrite it. For None,
    it is the model's output, before a softmax that the model may end with.
    Raises ``ArgumentError`` if the model has no such layer; it lists those there are.
    """
    fed = images.clone()  # a leaf could not be written in place, which a first layer may want to do
    if layer is None:
        before_softmax = BeforeSoftmax()
        with observe(before_softmax):
            output = model(fed)
        scores: Tensor = before_softmax.scores(output)
        return scores
    names, seen = LayerNames(model), list[str]()

    def notice(observation: Observation) -> None:
        module = names.module_of(observation)
        if module is None or not observation.operation.kind:
            return
        seen.append(names.name(module, observation.operation.kind))
        if seen[-1] == layer:
            raise _LayerReachedError(observation.output)

    try:
        with observe(notice):
            model(fed)
    except _LayerReachedError as reached:
        return reached.output
    raise unknown_layer(layer, seen)


class Units:
    """The activations of K units of one layer, each on an image of its own, and their gradients in the pixels.

    ``channels``: of each unit. ``position``: "centre" of the map, its "mean", or (row, column); of a layer without
    spatial extent it makes no difference. ``layer``: None for the model's output, whose channels are the classes.
    """

    def __init__(self, model: Module, layer: str | None, channels: Sequence[int], position: Position = CENTRE) -> None:
        self._model, self._layer, self._position = model, layer, position
        self._channels = np.asarray(channels, np.int64)
        if self._channels.ndim != 1 or not self._channels.size:
            raise ArgumentError("give at least one channel (or class), as whole numbers")

    def __call__(self, images: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(K,) activations and (K, C, H, W) gradients: image k is that of unit k."""
        inputs = Tensor(images).to(device_of(self._model)).requires_grad_()
        with enable_grad():
            output = layer_output(self._model, inputs, self._layer)
            weights = self._weights(tuple(output.shape)).astype(images.dtype)
            (gradient,) = grad(output, inputs, Tensor(weights).to(device_of(self._model)))
        values = (host(output) * weights).reshape(len(images), -1).sum(axis=1)
        return values, host(gradient)

    def _weights(self, shape: tuple[int, ...]) -> Array:
        """1 at each unit (1 / pixels of the map for a mean): the cotangent whose pull-back is the gradient."""
        where = self._layer or "the output"
        if len(shape) < 2:
            raise ArgumentError(f"{where} has shape {shape}: without channels it has no units")
        wrong = [int(channel) for channel in self._channels if not 0 <= channel < shape[1]]
        if wrong:
            raise DimensionError(f"{where} has channels 0 to {shape[1] - 1}, and no channel {wrong[0]}")
        weights, samples = np.zeros(shape), np.arange(len(self._channels))
        if self._position == MEAN or len(shape) == 2:
            weights[samples, self._channels] = 1 / max(1, int(np.prod(shape[2:])))
            return weights
        place: Any = tuple(side // 2 for side in shape[2:]) if self._position == CENTRE else self._position
        if isinstance(place, str) or len(place) != len(shape) - 2:
            raise ArgumentError(f"position {place!r} does not exist: give {CENTRE!r}, {MEAN!r}, or (row, column)")
        if not all(0 <= index < side for index, side in zip(place, shape[2:], strict=True)):
            raise DimensionError(f"{where} has maps of {shape[2]}x{shape[3]} pixels, and none at {place}")
        weights[(samples, self._channels, *place)] = 1
        return weights


def sight(
    model: Module, layer: str | None, position: Position, shape: tuple[int, int, int], dtype: Any
) -> tuple[tuple[int, int, int, int], float]:
    """What the unit at ``position`` of a layer's maps sees of an image of ``shape``: its pixels, and their side.

    The pixels are (top, left, bottom, right), ends excluded: for the mean of a map all of them. The side is that of one
    unit's receptive field, of the image at most.
    """
    everything, whole = (0, 0, shape[1], shape[2]), float(min(shape[1:]))
    if layer is None:
        return everything, whole
    found, size = look_at(model, layer, shape, dtype)
    field = found.receptive_field
    if field is None or len(size) != 3:
        return everything, whole
    side = min(whole, *field.size)
    if position == MEAN:
        return everything, side
    row, column = (size[1] // 2, size[2] // 2) if isinstance(position, str) else position
    return field.patch(row, column, (shape[1], shape[2])), side


def look_at(model: Module, layer: str, shape: tuple[int, int, int], dtype: Any) -> tuple[Layer, tuple[int, ...]]:
    """What is known of ``layer``, and the shape of what it makes of one image of ``shape``: (C, h, w) or (features,).

    Raises ``ArgumentError`` if the model has no such layer; it lists those there are.
    """
    activations = layers_of(model, shape, dtype)
    if layer not in activations:
        raise unknown_layer(layer, list(activations))
    return activations.layers[layer], activations[layer].shape[1:]


def layers_of(model: Module, shape: tuple[int, ...], dtype: Any) -> Activations:
    """The activations of all layers for one black image of ``shape``."""
    return activations_of(model, np.zeros((1, *shape), dtype))
