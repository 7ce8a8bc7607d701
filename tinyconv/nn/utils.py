"""Helpers on lists of parameters: gradient clipping, and one vector of all parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from tinyconv.core import dtypes
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, ShapeError, UnsupportedError
from tinyconv.ops.join import cat
from tinyconv.ops.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients together, in place, so that the norm of all their elements is at most ``max_norm``.

        norm = (Σ |g|^norm_type)^(1 / norm_type),   g = g · min(1, max_norm / (norm + 1e-6))

    Returns the norm before clipping (a tensor without dimensions). ``norm_type`` may be ``inf``: the largest element.
    Raises ``ArgumentError`` for a norm that is not finite if ``error_if_nonfinite``.
    """
    _refuse("clip_grad_norm_", foreach)
    gradients = _gradients(parameters)
    if not norm_type > 0:
        raise ArgumentError(f"clip_grad_norm_: norm_type must be above 0, got {norm_type!r}")
    norm = _norm(gradients, float(norm_type))
    if error_if_nonfinite and not math.isfinite(norm):
        raise ArgumentError(
            f"clip_grad_norm_: the gradients' norm is {norm}; find the layer that made it, or lower the learning rate"
        )
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1:  # also where the norm is NaN: it must spread, not hide
        for gradient in gradients:
            gradient.check_writable("clip_grad_norm_")
            with np.errstate(all="ignore"):  # infinity times 0 is NaN, which tells where the gradient was infinite
                gradient.array *= factor
            gradient.bump_version()
    kind = gradients[0].dtype if gradients else dtypes.float32
    with np.errstate(over="ignore"):
        return Tensor(np.asarray(norm, kind.numpy))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Limit each element of the gradients, in place, to [-clip_value, clip_value]."""
    _refuse("clip_grad_value_", foreach)
    for gradient in _gradients(parameters):
        gradient.check_writable("clip_grad_value_")
        xp = array_module(gradient.device)
        xp.clip(gradient.array, -clip_value, clip_value, out=gradient.array)
        gradient.bump_version()


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of ``parameters``, each in row-major order, as one vector. Recorded by the tape."""
    return cat([parameter.reshape((-1,)) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of ``vec`` into ``parameters``, in the order of ``parameters_to_vector``."""
    targets = list(parameters)
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


def _refuse(name: str, foreach: bool | None) -> None:
    if foreach:
        raise UnsupportedError(f"{name}: foreach={foreach} is not offered; leave foreach out")


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else parameters
    return [parameter.grad for parameter in listed if parameter.grad is not None]


def _norm(gradients: list[Tensor], norm_type: float) -> float:
    """The norm over all elements, summed in float64, tensor after tensor: the same for any number of threads."""
    with np.errstate(all="ignore"):
        if math.isinf(norm_type):
            return max((float(np.abs(gradient.array).max(initial=0)) for gradient in gradients), default=0.0)
        powers = (float((np.abs(gradient.array, dtype=np.float64) ** norm_type).sum()) for gradient in gradients)
        return float(sum(powers) ** (1 / norm_type))
