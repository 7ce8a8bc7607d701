"""What several layers' constructors check and convert."""

from __future__ import annotations

from typing import Any

from tinyconv.core import dtypes, layout
from tinyconv.core.arrays import Pair
from tinyconv.core.devices import Device, array_module
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.core.geometry import pair
from tinyconv.core.shapes import is_shapes_only, shape_alone
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.tensor import Tensor


def positive(value: int, name: str) -> int:
    """``value`` if it is an int of at least 1. ``name``, as in "Linear: in_features", is used in the error."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{name} must be an int of at least 1, got {value!r}")
    return value


def positive_pair(value: Any, name: str) -> Pair:
    """``value``, an int or a pair, as a pair of ints of at least 1."""
    numbers = pair(value, name)
    if min(numbers) < 1:
        raise ArgumentError(f"{name} must be at least 1 in both directions, got {value!r}")
    return numbers


def non_negative_pair(value: Any, name: str) -> Pair:
    """``value``, an int or a pair, as a pair of ints of at least 0."""
    numbers = pair(value, name)
    if min(numbers) < 0:
        raise ArgumentError(f"{name} must be at least 0 in both directions, got {value!r}")
    return numbers


def probability(value: float, name: str) -> float:
    """``value`` if it lies in [0, 1]."""
    if not 0 <= value <= 1:
        raise ArgumentError(f"{name} must be a probability between 0 and 1, got {value!r}")
    return value


def new_tensor(shape: tuple[int, ...], device: Any, dtype: DType | None) -> Tensor:
    """An uninitialised floating-point tensor in the engine's memory order, for an initialiser to fill."""
    dtype = dtype or dtypes.float32
    if not dtype.is_floating_point:
        raise DTypeError(f"a layer's dtype must be floating point, got {dtype}")
    place = Device("cpu" if device is None else device)
    return Tensor(layout.empty(shape, dtype.numpy, array_module(place)), device=place)


def new_parameter(shape: tuple[int, ...], device: Any, dtype: DType | None) -> Parameter:
    """``new_tensor`` as a parameter; without memory where shapes alone are wanted."""
    if is_shapes_only():
        return Parameter(Tensor(shape_alone(shape, (dtype or dtypes.float32).numpy)))
    return Parameter(new_tensor(shape, device, dtype))
