"""What the losses share: their checks, and how the losses of single elements become one number."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.dispatch import broadcast_shape, wrap

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

REDUCTIONS = ("mean", "sum", "none")


def require_tensors(name: str, **arguments: Any) -> None:
    """Raise ``DTypeError`` unless the arguments, given by their names, are tensors, at least one of fractions."""
    for argument, value in arguments.items():
        if not isinstance(value, TensorBase):
            raise DTypeError(f"{name}: {argument} must be a tensor, got {type(value).__name__}; see tensor()")
    if not any(value.dtype.is_floating_point for value in arguments.values()):
        types = ", ".join(f"{argument} {value.dtype.name}" for argument, value in arguments.items())
        raise DTypeError(f"{name}: a loss is a fraction, but got {types}; convert one of them with .float()")


def require_reduction(name: str, reduction: Any, also: tuple[str, ...] = ()) -> None:
    """Raise ``ArgumentError`` for an unknown ``reduction``."""
    if reduction not in REDUCTIONS + also:
        raise ArgumentError(f"{name}: reduction is {choice(REDUCTIONS + also)}, got {reduction!r}")


def choice(known: tuple[str, ...]) -> str:
    """The names in ``known`` for a message: 'mean', 'sum' or 'none'."""
    return f"{', '.join(map(repr, known[:-1]))} or {known[-1]!r}"


def warn_of_broadcasting(name: str, input: Tensor, target: Tensor) -> None:
    """Warn where ``target`` is not shaped like ``input``. Raises ``ShapeError`` where broadcasting fails."""
    if input.shape != target.shape:
        broadcast_shape(name, input.shape, target.shape)
        warnings.warn(
            f"{name}: target {target.shape} differs from input {input.shape} and is broadcast, which is rarely meant; "
            "give both the same shape",
            stacklevel=4,
        )


def require_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise ``ShapeError`` unless ``target`` is shaped like ``input``."""
    if input.shape != target.shape:
        raise ShapeError(f"{name}: target {target.shape} must have the shape of input {input.shape}")


def reduced(losses: Tensor, reduction: str, counts: Any = None) -> Tensor:
    """``losses`` reduced; a mean divides by ``counts``, where not every element counts the same.

    ``counts``: a number or, on a GPU, an array without dimensions.
    """
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if counts is None:
        return losses.mean()
    # Nothing counted: 0/0, but the gradient is 0, as in PyTorch.
    if not isinstance(counts, float):
        xp, dtype = array_module(losses.device), losses.array.dtype
        factor, nothing = 1 / xp.where(counts == 0, 1, counts), xp.where(counts == 0, math.nan, 0)
        scaled: Tensor = losses.sum() * wrap(factor.astype(dtype), losses.device)
        return scaled + wrap(nothing.astype(dtype), losses.device)
    return losses.sum() * (1 / counts) if counts else losses.sum() + float("nan")
