"""Weights in Keras's order, for models of ours.

Keras keeps channels last, and so its weights; its images too, so that a dense layer behind a flatten counts the pixels
in another order. Layer for layer:

    convolution      kernel (KH, KW, C, K)             weight (K, C, KH, KW)
    depthwise        kernel (KH, KW, C, M)             weight (C·M, 1, KH, KW)
    transposed       kernel (KH, KW, K, C)             weight (C, K, KH, KW)
    dense            kernel (features, K)              weight (K, features), and behind a flatten of maps (C, H, W)
                     rows counted as (h, w, c)         columns counted as (c, h, w)
    batch norm       gamma, beta, moving mean, moving variance
    PReLU            alpha (1, 1, C)                   weight (C,)

One direction and three work alike. Source: Keras's documentation of its layers; tests hold the result to loops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinyconv import nn
from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import Observation, observe
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, RunError, UnsupportedError
from tinyconv.nn.convolution import ConvolutionLayer
from tinyconv.nn.modes import evaluation_mode
from tinyconv.nn.module import Module
from tinyconv.nn.normalization.images import GroupNorm
from tinyconv.nn.normalization.layer import LayerNorm
from tinyconv.nn.normalization.tracking import ChannelNorm
from tinyconv.nn.transposed_convolution import TransposedLayer
from tinyconv.ops.tensor import Tensor

Shape = tuple[int, ...]


def load_weights(
    model: Module,
    weights: Sequence[Any] | Mapping[str, Sequence[Any]],
    image_shape: Shape | None = None,
    transposed: bool = False,
) -> Module:
    """Put ``weights``, in Keras's order and shapes, into ``model``, which is returned.

    ``weights``: all arrays one after the other, as Keras's ``model.get_weights()`` gives them, for the layers of
    ``model`` in the order in which they were assigned; or for layers by their path in ``model``, each the list that the
    Keras layer's ``get_weights()`` gives. ``image_shape``: (C, H, W) of what the model takes, which it runs on once, to
    see which linear layers stand behind a flatten of maps; without it none may. ``transposed``: the weights were
    learned on images with rows and columns exchanged, as MATLAB's users do; the model then takes upright ones.

    What else differs is the builder's affair: Keras's batch norm has ``eps=1e-3``, and "same" padding with a stride
    adds more below and right than above and left (``tinyconv.models.same_pooling`` pools so).

    Shape: of each array as the table in the module says; ``image_shape`` of three numbers for images.
    Dtype: that of the model, into which numbers are converted.
    Raises: ``RunError``, which names the layer, for arrays too many, too few, or of other shapes; ``UnsupportedError``
        for a layer with weights of which the order is not known; ``ArgumentError`` for a path that is no layer.
        Then nothing has been changed.

    >>> from tinyconv.interop.keras import load_weights
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 2 * 2, 2))
    >>> arrays = [np.ones((3, 3, 3, 8)), np.zeros(8), np.ones((32, 2)), np.zeros(2)]
    >>> load_weights(model, arrays, (3, 4, 4))[2].weight.shape
    (2, 32)
    """
    layers = dict(_layers(model))
    maps = _flattened(model, image_shape) if image_shape is not None else {}
    if isinstance(weights, Mapping):
        if strangers := [path for path in weights if path not in layers]:
            raise ArgumentError(
                f"keras: the model has no layer with weights {strangers[0]!r}; it has {', '.join(layers)}"
            )
        groups = {path: deque(map(np.asarray, arrays)) for path, arrays in weights.items()}
    else:
        queue = deque(map(np.asarray, weights))
        groups = dict.fromkeys(layers, queue)
    entries: list[tuple[Tensor, Array]] = []
    for path, arrays in groups.items():
        layer = _Layer(path, layers[path], arrays, maps.get(path), transposed)
        entries += layer.entries()
        if isinstance(weights, Mapping) and arrays:
            raise RunError(
                f"keras: {layer.name} takes {len(weights[path]) - len(arrays)} arrays, got {len(weights[path])}"
            )
    if not isinstance(weights, Mapping) and queue:
        raise RunError(
            f"keras: {len(queue)} of {len(weights)} arrays are left over, the first of shape {queue[0].shape}; the "
            f"model's layers with weights, in their order: {', '.join(layers)}"
        )
    with no_grad():
        for tensor, array in entries:
            tensor.copy_(Tensor(np.ascontiguousarray(array, tensor.dtype.numpy)).to(tensor.device))
    return model


def _layers(model: Module) -> Iterator[tuple[str, Module]]:
    """(path, module) of what has weights of its own, in the order of assignment."""
    for path, module in model.named_modules():
        if any(value is not None for value in (*module._parameters.values(), *module._buffers.values())):
            yield path, module


class _Layer:
    """A layer that takes its arrays from a queue."""

    def __init__(self, path: str, module: Module, arrays: deque[Array], maps: Shape | None, transposed: bool) -> None:
        self.name = f"{path or 'the model'} ({type(module).__name__})"
        self.module: Any = module
        self.arrays, self.maps, self.transposed = arrays, maps, transposed

    def entries(self) -> Iterator[tuple[Tensor, Array]]:
        """(parameter or buffer, its new value)."""
        module = self.module
        if isinstance(module, ConvolutionLayer):
            yield module.weight, self._taken("kernel", module.weight, self._kernel)
        elif isinstance(module, nn.Linear):
            yield module.weight, self._taken("kernel", module.weight, self._dense)
        elif isinstance(module, nn.PReLU):
            yield module.weight, self._taken("alpha", module.weight, lambda alpha: alpha.reshape(-1))
            return
        elif isinstance(module, ChannelNorm | GroupNorm | LayerNorm):
            if module.weight is not None:
                yield module.weight, self._taken("gamma", module.weight)
            if module.bias is not None:
                yield module.bias, self._taken("beta", module.bias)
            if isinstance(module, ChannelNorm) and module.running_mean is not None and module.running_var is not None:
                yield module.running_mean, self._taken("moving mean", module.running_mean)
                yield module.running_var, self._taken("moving variance", module.running_var)
            return
        else:
            raise UnsupportedError(f"keras: the order of the weights of {self.name} is not known; load it by name")
        if module.bias is not None:
            yield module.bias, self._taken("bias", module.bias)

    def _taken(self, what: str, target: Tensor, arranged: Callable[[Array], Array] = lambda array: array) -> Array:
        """The next array, arranged as ``target`` is."""
        if not self.arrays:
            raise RunError(f"keras: there is no array left for the {what} of {self.name}")
        array = self.arrays.popleft()
        try:
            found = arranged(array)
        except ValueError:  # axes or sizes that the arrangement does not have
            found = array
        if found.shape != target.shape:
            raise RunError(
                f"keras: the {what} of {self.name}, of shape {target.shape} here, cannot be of shape {array.shape}"
                + self._hint(what, array)
            )
        return found

    def _hint(self, what: str, array: Array) -> str:
        if what == "alpha" and array.ndim == 3:
            return "; a PReLU has one number for each channel here: shared_axes=[1, 2] in Keras"
        if what in ("gamma", "beta"):
            return "; Keras's scale and center must be on, or give the layers by name"
        return ""

    def _kernel(self, kernel: Array) -> Array:
        places = list(range(kernel.ndim - 2))
        if self.transposed:
            places.reverse()
        module, channels = self.module, kernel.shape[-2]
        depthwise = module.groups == module.in_channels > 1 and channels == module.in_channels
        if depthwise and not isinstance(module, TransposedLayer):
            moved = kernel.transpose(-2 % kernel.ndim, -1 % kernel.ndim, *places)
            return moved.reshape(-1, 1, *moved.shape[2:])
        return kernel.transpose(-1 % kernel.ndim, -2 % kernel.ndim, *places)

    def _dense(self, kernel: Array) -> Array:
        if self.maps is None:
            return kernel.T
        channels, *sizes = self.maps
        places = list(range(len(sizes)))
        if self.transposed:
            sizes.reverse()
            places.reverse()
        rows = kernel.reshape(*sizes, channels, -1).transpose(len(sizes), *places, len(sizes) + 1)
        return rows.reshape(kernel.shape).T


def _flattened(model: Module, image_shape: Shape) -> dict[str, Shape]:
    """Path of each linear layer behind a flatten of maps: (C, *sizes) of these."""
    parameter = next(model.parameters(), None)
    if parameter is None:
        return {}
    paths = {id(module): path for path, module in model.named_modules()}
    maps: dict[int, Shape] = {}
    found: dict[str, Shape] = {}
    seen: list[Any] = []  # kept, so that no other tensor gets its identity

    def watch(observation: Observation) -> None:
        source = next((tensor for tensor in observation.inputs if tensor is not None), None)
        output = observation.output
        if source is None:
            return
        module = observation.scope[-1] if observation.scope else None
        if isinstance(module, nn.Linear) and id(source) in maps:
            found[paths[id(module)]] = maps[id(source)]
        seen.append(output)
        is_flat = output.array.ndim == 2
        if is_flat and source.array.ndim > 2 and source.array.size == output.array.size:
            maps[id(output)] = source.shape[1:]
        elif is_flat and id(source) in maps and source.shape == output.shape:
            maps[id(output)] = maps[id(source)]  # an activation, or dropout

    with evaluation_mode(model), no_grad(), observe(watch):
        model(Tensor(np.zeros((1, *image_shape), parameter.dtype.numpy)).to(parameter.device))
    return found
