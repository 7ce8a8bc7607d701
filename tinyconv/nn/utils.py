"""Helpers on lists of parameters: gradient clipping, one vector of all parameters; and layers fused into others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinyconv.core import dtypes, layout
from tinyconv.core.absent import explaining
from tinyconv.core.devices import CPU, array_module
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.nn.fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights
from tinyconv.ops.shape.join import cat
from tinyconv.ops.tensor import Tensor

__getattr__ = explaining(__name__)

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]


BLOCK = 32768
"""Elements whose squares, in float64, stay in a core's own cache until they are summed."""


def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The norm of all elements of ``tensors`` together: (Σ |x|^norm_type)^(1 / norm_type).

    ``norm_type`` may be infinity (the largest |x|), minus infinity, or 0 (as in PyTorch, the number of tensors that are
    not all 0).

    Shape: any; result ().
    Dtype: float32 or float64; the result has that of the first tensor.
    Raises: ``ArgumentError`` for a norm that is not finite if ``error_if_nonfinite``; ``DTypeError``.

    >>> nn.utils.get_total_norm([tc.tensor([3.0]), tc.tensor([[4.0]])])
    tensor(5.)
    """
    listed = _listed("get_total_norm", tensors)
    norm = _norm("get_total_norm", listed, norm_type, error_if_nonfinite)
    return _number(norm, listed)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients together, in place, so that the norm of all their elements is at most ``max_norm``.

        norm = (Σ |g|^norm_type)^(1 / norm_type),   g = g · min(1, max_norm / (norm + 1e-6))

    Returns the norm before clipping. ``norm_type`` may be infinity: the largest element.

    Shape: any; result ().
    Dtype: float32 or float64; the result has that of the first gradient.
    Raises: ``ArgumentError`` for a norm that is not finite if ``error_if_nonfinite``; ``DTypeError``.
    Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", 2013.

    >>> weight = nn.Parameter(tc.zeros(2))
    >>> weight.grad = tc.tensor([3.0, 4.0])
    >>> nn.utils.clip_grad_norm_(weight, 1.0), weight.grad
    (tensor(5.), tensor([0.6, 0.8]))
    """
    gradients = _gradients("clip_grad_norm_", parameters)
    norm = _norm("clip_grad_norm_", gradients, norm_type, error_if_nonfinite)
    _scale("clip_grad_norm_", gradients, max_norm, norm)
    return _number(norm, gradients)


def clip_grads_with_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor) -> None:
    """Scale all gradients, in place, by min(1, max_norm / (total_norm + 1e-6)), for a norm that is known already.

    Shape: parameters any; total_norm one element.
    Dtype: float32 or float64.
    Raises: ``DTypeError`` for parameters that are no tensors.

    >>> weight = nn.Parameter(tc.zeros(2))
    >>> weight.grad = tc.tensor([3.0, 4.0])
    >>> nn.utils.clip_grads_with_norm_(weight, 1.0, tc.tensor(5.0))
    >>> weight.grad
    tensor([0.6, 0.8])
    """
    gradients = _gradients("clip_grads_with_norm_", parameters)
    _scale("clip_grads_with_norm_", gradients, max_norm, _on_one_device(gradients, total_norm))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit each element of the gradients, in place, to [-clip_value, clip_value].

    Shape: any
    Dtype: float32 or float64.
    Raises: ``DTypeError`` for parameters that are no tensors.

    >>> weight = nn.Parameter(tc.zeros(2))
    >>> weight.grad = tc.tensor([3.0, -0.5])
    >>> nn.utils.clip_grad_value_(weight, 1.0)
    >>> weight.grad
    tensor([ 1. , -0.5])
    """
    for gradient in _gradients("clip_grad_value_", parameters):
        gradient.check_writable("clip_grad_value_")
        xp = array_module(gradient.device)
        xp.clip(gradient.array, -clip_value, clip_value, out=gradient.array)
        gradient.bump_version()


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of ``parameters``, each in row-major order, as one vector. Recorded by the tape.

    Shape: any; result (n,), n their elements together.
    Dtype: the same for all.
    Raises: ``DTypeError`` for parameters that are no tensors; ``ArgumentError`` for none.

    >>> nn.utils.parameters_to_vector([tc.ones(2), tc.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    listed = _listed("parameters_to_vector", parameters)
    if not listed:
        raise ArgumentError("parameters_to_vector: there are no parameters")
    return cat([parameter.reshape((-1,)) for parameter in listed])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of ``vec`` into ``parameters``, in the order of ``parameters_to_vector``.

    Shape: vec (n,), n the elements of all parameters together.
    Dtype: that of each parameter, to which the elements are converted.
    Raises: ``ShapeError`` for another number of elements; ``DTypeError`` for what is no tensor.

    >>> weight, bias = nn.Parameter(tc.zeros(1, 2)), nn.Parameter(tc.zeros(1))
    >>> nn.utils.vector_to_parameters(tc.tensor([1.0, 2.0, 3.0]), [weight, bias])
    >>> weight.tolist(), bias.tolist()
    ([[1.0, 2.0]], [3.0])
    """
    targets = _listed("vector_to_parameters", parameters)
    _listed("vector_to_parameters: vec", vec)
    count = sum(target.numel() for target in targets)
    if tuple(vec.shape) != (count,):
        raise ShapeError(
            f"vector_to_parameters: the parameters have {count} elements, the vector's shape is {vec.shape}"
        )
    start = 0
    for target in targets:
        target.array[...] = vec.array[start : start + target.numel()].reshape(tuple(target.shape))
        target.bump_version()
        start += target.numel()


def _listed(name: str, tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [tensors] if isinstance(tensors, Tensor) or not isinstance(tensors, Iterable) else list(tensors)
    for tensor in listed:
        if not isinstance(tensor, Tensor):
            raise DTypeError(f"{name}: expected tensors, got {type(tensor).__name__}")
    return listed


def _gradients(name: str, parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in _listed(name, parameters) if parameter.grad is not None]


def _number(norm: Any, tensors: list[Tensor]) -> Tensor:
    kind, device = (tensors[0].dtype, tensors[0].device) if tensors else (dtypes.float32, CPU)
    with np.errstate(over="ignore"):
        return Tensor(array_module(device).asarray(norm, kind.numpy), device=device)


def _scale(name: str, gradients: list[Tensor], limit: float, norm: Any) -> None:
    """Scale by ``limit / norm`` unless that is above 1. On a GPU nobody waits to see: there it is at most 1."""
    on_host = all(gradient.device.type == "cpu" for gradient in gradients)
    factor = limit / (norm + 1e-6)
    if on_host and factor >= 1:  # not where the norm is NaN: it must spread, not hide
        return
    if not on_host:
        factor = array_module(gradients[0].device).minimum(factor, 1.0)
    for gradient in gradients:
        gradient.check_writable(name)
        with np.errstate(all="ignore"):  # infinity times 0 is NaN, which tells where the gradient was infinite
            gradient.array *= factor
        gradient.bump_version()


def _norm(name: str, tensors: list[Tensor], norm_type: float, error_if_nonfinite: bool) -> Any:
    """The norm over all elements, summed in float64, tensor after tensor: the same for any number of threads.

    A number; on a GPU, an array without dimensions, which nobody waits for.
    """
    if isinstance(norm_type, bool) or not isinstance(norm_type, int | float):
        raise ArgumentError(f"{name}: norm_type must be a number, got {norm_type!r}")
    kind = float(norm_type)
    if not tensors:
        return 0.0
    xp = array_module(tensors[0].device)
    with np.errstate(all="ignore"):
        if kind == 2 and xp is np:
            return _checked_norm(name, math.sqrt(sum(map(_sum_of_squares, tensors))), error_if_nonfinite)
        sizes = [xp.abs(tensor.array, dtype=np.float64) for tensor in tensors]
        if math.isinf(kind):
            choose = xp.max if kind > 0 else xp.min
            norm = choose(xp.stack([choose(size) for size in sizes if size.size or kind < 0] or [xp.zeros(())]))
        elif kind == 0:
            norm = sum((size != 0).any().astype(np.float64) for size in sizes)
        else:
            norm = sum((size**kind).sum() for size in sizes) ** (1 / kind)
    return _checked_norm(name, float(norm) if xp is np else norm, error_if_nonfinite)


def _sum_of_squares(tensor: Tensor) -> float:
    """In float64, block by block: whole arrays of it would be written to memory and read again, five times as slow."""
    array = tensor.array
    flat = layout.stored(array).reshape(-1)
    total = 0.0
    for start in range(0, flat.size, BLOCK):
        block = flat[start : start + BLOCK].astype(np.float64)
        block *= block
        total += float(block.sum())
    return total


def _checked_norm(name: str, norm: Any, error_if_nonfinite: bool) -> Any:
    if error_if_nonfinite and not math.isfinite(float(norm)):
        raise ArgumentError(
            f"{name}: the gradients' norm is {float(norm)}; find the layer that made it, or lower the learning rate"
        )
    return norm


def _on_one_device(gradients: list[Tensor], norm: Tensor) -> Any:
    """``norm`` where the gradients are: a number on the CPU."""
    if all(gradient.device.type == "cpu" for gradient in gradients):
        return float(norm)
    return norm.to(gradients[0].device, dtypes.float64).array
