"""What the initialisers share: their checks, the fans of a weight, and the writing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.core.shapes import has_no_memory, is_shapes_only
from tinyconv.core.transfer import placed
from tinyconv.ops.tensor import Tensor


def fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs one output of a layer sums, and how many outputs one input reaches.

    For a weight (out, in/groups, R, S): fan_in = in/groups · R · S and fan_out = out · R · S.
    """
    if tensor.ndim < 2:
        raise ShapeError(
            f"fan_in and fan_out need a tensor of at least 2 dimensions, got shape {tuple(tensor.shape)}; "
            "for a bias use zeros_ or uniform_"
        )
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field


def fan(tensor: Tensor, mode: str) -> int:
    fan_in, fan_out = fan_in_and_fan_out(tensor)
    if not isinstance(mode, str) or mode.lower() not in ("fan_in", "fan_out"):
        raise ArgumentError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return fan_in if mode.lower() == "fan_in" else fan_out


def require(name: str, tensor: Tensor, random: bool = True) -> None:
    if not isinstance(tensor, Tensor):
        raise DTypeError(f"{name}: expected a tensor to fill, got {type(tensor).__name__}")
    if random and not tensor.dtype.is_floating_point:
        raise DTypeError(f"{name}: random fractions do not fit into a tensor of {tensor.dtype.name}; use float32")


def fill(tensor: Tensor, values: Any) -> Tensor:
    """Write ``values`` into ``tensor``: a number, an array, or a function that draws one."""
    if has_no_memory(tensor.array) and is_shapes_only():
        return tensor
    # Straight into the array: an initialiser is no computation that the tape should know.
    tensor.check_writable("init")
    values = values() if callable(values) else values
    tensor.array[...] = placed(values, tensor.device) if isinstance(values, np.ndarray) else values
    tensor.bump_version()
    return tensor
