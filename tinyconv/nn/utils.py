"""Helpers on lists of parameters: gradient clipping, one vector of all parameters; and layers fused into others."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from tinyconv.core import dtypes
from tinyconv.core.absent import explaining
from tinyconv.core.devices import array_module
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
    _scale("clip_grad_norm_", gradients, max_norm / (norm + 1e-6))
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
    _scale("clip_grads_with_norm_", gradients, max_norm / (float(total_norm) + 1e-6))


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


def _number(norm: float, tensors: list[Tensor]) -> Tensor:
    kind = tensors[0].dtype if tensors else dtypes.float32
    with np.errstate(over="ignore"):
        return Tensor(np.asarray(norm, kind.numpy))


def _scale(name: str, gradients: list[Tensor], factor: float) -> None:
    if factor >= 1:  # not where the norm is NaN: it must spread, not hide
        return
    for gradient in gradients:
        gradient.check_writable(name)
        with np.errstate(all="ignore"):  # infinity times 0 is NaN, which tells where the gradient was infinite
            gradient.array *= factor
        gradient.bump_version()


def _norm(name: str, tensors: list[Tensor], norm_type: float, error_if_nonfinite: bool) -> float:
    """The norm over all elements, summed in float64, tensor after tensor: the same for any number of threads."""
    if isinstance(norm_type, bool) or not isinstance(norm_type, int | float):
        raise ArgumentError(f"{name}: norm_type must be a number, got {norm_type!r}")
    kind = float(norm_type)
    with np.errstate(all="ignore"):
        parts = [np.abs(tensor.array, dtype=np.float64) for tensor in tensors]
        if not parts:
            norm = 0.0
        elif math.isinf(kind):
            choose = max if kind > 0 else min
            norm = float(choose(np.max(part, initial=0) if kind > 0 else np.min(part) for part in parts))
        elif kind == 0:
            norm = float(sum(bool((part != 0).any()) for part in parts))
        else:
            norm = float(np.float64(sum((part**kind).sum() for part in parts)) ** (1 / kind))
    if error_if_nonfinite and not math.isfinite(norm):
        raise ArgumentError(
            f"{name}: the gradients' norm is {norm}; find the layer that made it, or lower the learning rate"
        )
    return norm
