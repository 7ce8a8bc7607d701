"""The weights of every layer, in one order: what a channel looks for in each channel of its input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import Observation
from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError
from tinyconv.core.transfer import to_host
from tinyconv.features.capture import watching
from tinyconv.features.layers import Layer
from tinyconv.features.naming import matches, unknown_layer
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.convolution.locally_connected import LocallyConnected2d
from tinyconv.ops.convolution.transposed_convolution import TransposedConvolution2d
from tinyconv.ops.tensor import Tensor

WEIGHTED = ("conv", "linear")


@dataclass(frozen=True)
class Kernels:
    """The ``weights`` of a ``layer``: (outputs, inputs, height, width); of a linear layer height and width are 1.

    Of a locally connected layer, whose weights differ from pixel to pixel, they are those of the pixel in the middle.

    With ``groups`` above 1, a group of outputs sees its own inputs alone, and "inputs" counts those of one group.

    Raises: nothing of its own.

    >>> from tinyconv.features.kernels import Kernels
    >>> from tinyconv.features import Layer
    >>> Kernels(Layer("conv1"), np.ones((4, 1, 3, 3)), 1).norms
    array([3., 3., 3., 3.])
    """

    layer: Layer
    weights: FloatArray
    groups: int

    def _repr_png_(self) -> bytes:
        """For a notebook: the picture."""
        from tinyconv.features.canvas import png_bytes
        from tinyconv.features.kernels.picture import kernel_picture

        return png_bytes(kernel_picture(self))

    @property
    def norms(self) -> FloatArray:
        """sqrt(sum w^2) over all weights of an output channel: (outputs,)."""
        squares: FloatArray = np.square(self.weights, dtype=np.float64).sum(axis=(1, 2, 3))
        return np.sqrt(squares)


def kernels_of(model: Module, image: FloatArray, patterns: str | tuple[str, ...] = ("*",)) -> dict[str, Kernels]:
    """Layer -> kernels, for every convolution and linear layer that ``model`` runs, in order of computation.

    ``image``: (C, H, W), anything of the right shape: the layers are found by running the model. ``patterns``: which of
    them, see ``capture``. A layer that runs twice is listed once.

    Raises: ``ArgumentError`` for a pattern that names no layer with weights.

    >>> from tinyconv.features.kernels import kernels_of
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> found = kernels_of(model, np.zeros((1, 8, 8), np.float32))
    >>> {name: kernels.weights.shape for name, kernels in found.items()}
    {'conv1': (4, 1, 3, 3), 'linear1': (2, 144, 1, 1)}
    """
    found: dict[str, Kernels] = {}
    seen: set[int] = set()

    def notice(observation: Observation, layer: Layer) -> None:
        weight = observation.inputs[1] if layer.kind in WEIGHTED else None
        if weight is None or id(weight) in seen:
            return
        seen.add(id(weight))
        array = np.array(to_host(weight.array), order="C")
        if isinstance(observation.operation, LocallyConnected2d):
            array = array[array.shape[0] // 2, array.shape[1] // 2]
            found[layer.name] = Kernels(layer, array, 1)
            return
        groups = int(getattr(observation.operation, "groups", 1))
        if isinstance(observation.operation, TransposedConvolution2d):
            # (inputs, outputs / groups, ...): each group's inputs stand together.
            parts = array.reshape(groups, -1, *array.shape[1:]).swapaxes(1, 2)
            array = np.ascontiguousarray(parts.reshape(-1, *parts.shape[2:]))
        array = array[:, :, None] if array.ndim == 3 else array  # a signal is an image of one row
        found[layer.name] = Kernels(layer, array[:, :, None, None] if array.ndim == 2 else array, groups)

    with no_grad(), watching(model, notice, eval_mode=True):
        model(Tensor(np.asarray(image)[None]).to(device_of(model)))
    if not found:
        raise ArgumentError("the model runs no convolution and no linear layer: it has no kernels")
    patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    for pattern in patterns:
        if not any(matches(pattern, name, kernels.layer.path) for name, kernels in found.items()):
            raise unknown_layer(pattern, list(found))
    return {
        name: kernels
        for name, kernels in found.items()
        if any(matches(pattern, name, kernels.layer.path) for pattern in patterns)
    }
