"""What the functions that make tensors have in common: shapes, types of Python data, devices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.devices import CPU, Device
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.core.transfer import moved
from tinyconv.ops.dispatch import size_tuple, wrap

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

AnyDevice = Device | str | None
LARGEST_SIZE = 2**60 - 1  # elements of 8 bytes within the 63 bits of a size in bytes


def on_device(array: Any, device: Device, requires_grad: bool) -> Tensor:
    """A tensor over ``array``, which is the engine's own."""
    result = wrap(array, device)
    if requires_grad:
        result.requires_grad = True
    return result


def finished(array: Any, device: Device, requires_grad: bool, source: Device = CPU) -> Tensor:
    """A tensor on ``device`` that holds a copy, in the engine's order, of ``array``, which is on ``source``."""
    return on_device(moved(array, source, device), device, requires_grad)


def requested_shape(name: str, sizes: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """The shape given as ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``."""
    if (size is not None and sizes) or (size is None and not sizes):
        raise ArgumentError(f"{name}: give the shape once, as {name}(2, 3), {name}((2, 3)) or {name}(size=(2, 3))")
    shape = size_tuple(name, sizes if size is None else (size,))
    if any(number < 0 for number in shape):
        raise ArgumentError(f"{name}: a shape consists of sizes >= 0, got {shape}")
    if math.prod(size or 1 for size in shape) > LARGEST_SIZE:
        raise ArgumentError(f"{name}: a tensor of shape {shape} is larger than any memory")
    return shape


def array_of(data: Any, dtype: DType | None) -> Any:
    """``data`` as an array of ``dtype``, or of the type that it has by itself."""
    dtypes.require("tensor", dtype)
    if isinstance(data, TensorBase | np.ndarray):
        array = data.array if isinstance(data, TensorBase) else data
        dtype = dtype or dtypes.from_numpy(array.dtype)
        with np.errstate(all="ignore"):
            return array.astype(dtype.numpy, copy=False)
    found: set[DType] = set()
    plain = _plain(data, found)
    try:
        array = np.asarray(plain)
    except (ValueError, OverflowError):
        rule = "the lists of one level must have one length"
        raise ArgumentError(
            f"tensor: {_unevenness(plain) or 'a number does not fit 64 bits'}; {rule}, and numbers must fit 64 bits"
        ) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"tensor: the data hold numbers that no type of tinyconv's can: NumPy reads {array.dtype}")
    dtype = dtype or max(found, key=lambda kind: kind.rank, default=dtypes.float32)
    if dtype.category == dtypes.INTEGER and array.size:
        _check_range(array, dtype)
    with np.errstate(all="ignore"):
        return array.astype(dtype.numpy, copy=False)


def _unevenness(data: Any) -> str:
    """Which two items of nested lists have different lengths; "" if none do."""
    level = [("data", data)]
    while True:
        lengths = [len(item) if isinstance(item, list | tuple) else None for _, item in level]
        other = next((number for number, length in enumerate(lengths) if length != lengths[0]), None)
        if other is not None:
            first, second = (
                f"{level[number][0]} " + ("is a number" if lengths[number] is None else f"has length {lengths[number]}")
                for number in (0, other)
            )
            return f"{first}, but {second}"
        level = [(f"{name}[{i}]", part) for name, item in level if lengths[0] for i, part in enumerate(item)]
        if not level:
            return ""


def _plain(data: Any, found: set[DType]) -> Any:
    """``data`` with tensors of one element as numbers; adds the types of its numbers to ``found``."""
    if isinstance(data, bool | int | float | np.generic):
        found.add(dtypes.from_numpy(data.dtype) if isinstance(data, np.generic) else dtypes.of_number(data))
        return data
    if isinstance(data, TensorBase):
        if data.array.size != 1:
            raise ArgumentError(
                f"tensor: tensors in a list must have one element, got shape {data.shape}; use stack() or cat()"
            )
        found.add(data.dtype)
        return data.array.item()
    if isinstance(data, np.ndarray):
        found.add(dtypes.from_numpy(data.dtype))
        return data
    if not isinstance(data, list | tuple | range):
        raise DTypeError(f"tensor: cannot make a tensor of {type(data).__name__} data; it takes numbers, lists, arrays")
    kinds = set(map(type, data))
    if kinds <= {bool, int, float}:
        found.update(dtypes.of_number(kind()) for kind in kinds)
        return data
    return [_plain(item, found) for item in data]


def _check_range(array: Any, dtype: DType) -> None:
    limits = np.iinfo(dtype.numpy)
    lowest = -limits.max if dtype is dtypes.uint8 else limits.min  # PyTorch takes -1 for 255
    smallest, largest = array.min(), array.max()
    for value in (smallest, largest):
        if not math.isfinite(value) or not lowest <= value <= limits.max:
            raise DTypeError(f"tensor: {dtype.name} holds the integers from {limits.min} to {limits.max}, not {value}")
