"""Which elements of a tensor an index names: read from ``x[index]``, or from tensors of positions, and checked."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.backends import backend
from tinyconv.core.devices import Device
from tinyconv.core.errors import ArgumentError, DeviceError, DimensionError, DTypeError
from tinyconv.core.transfer import placed, to_host

EVERYTHING = slice(None)


class Index:
    """Which elements: first ``basic`` (integers, slices, None), giving a view; then ``advanced``, arrays and slices.

    ``advanced`` is ``None`` where there are no arrays. ``is_unique``: whether it is known to take no element twice.
    """

    __slots__ = ("advanced", "basic", "is_unique")

    def __init__(self, basic: tuple[Any, ...], advanced: tuple[Any, ...] | None = None, is_unique: bool = True) -> None:
        self.basic, self.advanced, self.is_unique = basic, advanced, is_unique

    def read(self, array: Any) -> Any:
        part = array[self.basic]
        return part if self.advanced is None else part[self.advanced]

    def read_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what is read from an array of ``shape``."""
        part = np.broadcast_to(np.empty((), np.bool_), shape)[self.basic]
        if self.advanced is None:
            return part.shape
        first = np.zeros((), np.int64)
        return part[
            tuple(each if isinstance(each, slice) else np.broadcast_to(first, each.shape) for each in self.advanced)
        ].shape

    def write(self, device: Device, array: Any, value: Any) -> None:
        """Write ``value``; of several for one element, the last stays."""
        if self.advanced is None:
            array[self.basic] = value
        elif self.is_unique or not value.ndim or device.type == "cpu":  # NumPy writes one after the other
            array[self.basic][self.advanced] = value
        else:
            backend(device).combine_at(array[self.basic], self.advanced, value, "last")

    def add(self, device: Device, array: Any, value: Any) -> None:
        """Add ``value``; an element that is taken several times receives each."""
        part = array[self.basic]
        if self.advanced is None:
            part += value
        elif self.is_unique:
            part[self.advanced] += value
        else:
            backend(device).combine_at(part, self.advanced, value, "add")


def parse(shape: tuple[int, ...], index: Any, device: Device) -> Index:
    """``index`` for a tensor of ``shape`` on ``device``, checked.

    Index tensors are copied: backward must not see later writes.
    """
    parts = [_plain(part, device) for part in (index if isinstance(index, tuple) else (index,))]
    covered = sum(_dims_of(part) for part in parts)
    if covered > len(shape):
        raise DimensionError(f"index {index!r}: {covered} dimensions are indexed, the shape {shape} has {len(shape)}")
    if sum(part is Ellipsis for part in parts) > 1:
        raise DimensionError(f"index {index!r}: '...' may stand once only")
    basic: list[Any] = []
    advanced: list[Any] = []
    is_unique, has_arrays, dim = True, False, 0
    for part in parts:
        if part is None:
            basic.append(None)
            advanced.append(EVERYTHING)
        elif part is Ellipsis:
            rest = len(shape) - covered
            basic += [EVERYTHING] * rest
            advanced += [EVERYTHING] * rest
            dim += rest
        elif isinstance(part, bool):
            # A new dimension that holds the tensor once or not at all.
            basic.append(None)
            advanced.append(np.zeros(int(part), np.int64))
            has_arrays = True
        elif isinstance(part, slice):
            basic.append(part)
            advanced.append(EVERYTHING)
            dim += 1
        elif isinstance(part, int):
            check_range("x[index]", part, part, dim, shape)
            basic.append(part)
            dim += 1
        elif part.dtype == np.bool_:
            _check_mask(part, dim, shape)
            basic += [EVERYTHING] * part.ndim
            advanced += part.nonzero()
            has_arrays = True
            dim += part.ndim
        else:
            if part.size:
                check_range("x[index]", part.min(), part.max(), dim, shape)
            basic.append(EVERYTHING)
            advanced.append(part)
            is_unique, has_arrays = False, True
            dim += 1
    if not has_arrays:
        # Without the dots NumPy gives a number instead of a view where every dimension has its integer.
        return Index((*basic, ...))
    try:
        np.broadcast_shapes(*(part.shape for part in advanced if not isinstance(part, slice)))
    except ValueError:
        found = [part.shape for part in advanced if not isinstance(part, slice)]
        raise DimensionError(f"index tensors of shapes {found} cannot be broadcast together") from None
    arrays = (placed(part, device) if isinstance(part, np.ndarray) else part for part in advanced)
    return Index((*basic, ...), tuple(arrays), is_unique)


def check_range(name: str, lowest: Any, highest: Any, dim: int, shape: tuple[int, ...], negative: bool = True) -> None:
    """Raise ``DimensionError`` unless indices from ``lowest`` to ``highest`` lie within dimension ``dim``."""
    lowest, highest = int(lowest), int(highest)
    size = shape[dim] if shape else 1
    smallest = -size if negative else 0
    if lowest < smallest or highest >= size:
        wrong = highest if highest >= size else lowest
        raise DimensionError(
            f"{name}: index {wrong} is outside [{smallest}, {size - 1}], the range of dimension {dim} of shape {shape}"
        )


def _check_mask(mask: Any, dim: int, shape: tuple[int, ...]) -> None:
    own = shape[dim : dim + mask.ndim]
    if mask.shape != own:
        raise DimensionError(
            f"x[mask]: a mask of shape {mask.shape} does not fit the sizes {own} of x {shape}, from dimension {dim} on"
        )


def _dims_of(part: Any) -> int:
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if not isinstance(part, slice | int) and part.dtype == np.bool_ else 1


def _plain(part: Any, device: Device) -> Any:
    """None, Ellipsis, a bool, an int, a slice, or an array of integers or bools."""
    if part is None or part is Ellipsis or isinstance(part, bool | int):
        return part
    if isinstance(part, slice):
        try:
            start, stop, step = (
                None if bound is None else operator.index(bound) for bound in (part.start, part.stop, part.step)
            )
        except TypeError:
            raise DTypeError(f"{part!r}: the bounds and the step of a slice are whole numbers") from None
        if step is not None and step <= 0:
            raise ArgumentError(f"a slice's step must be positive, got {step}; use flip() to reverse")
        return slice(start, stop, step)
    if isinstance(part, TensorBase):
        if part.device != device and part.device.type != "cpu":
            raise DeviceError(f"x[index]: x is on {device} and an index on {part.device}; move one with .to()")
        part = part.array
    elif isinstance(part, Sequence) and not isinstance(part, str):
        part = _from_list(part)
    if isinstance(part, np.generic):
        part = np.asarray(part)
    if not hasattr(part, "strides") or part.dtype not in _INDEX_TYPES:
        kind = part.dtype if hasattr(part, "strides") else f"{type(part).__name__} ({part!r:.40})"
        raise DTypeError(
            f"x[index]: a {kind} cannot be an index; use integers, slices, None, '...', or tensors and lists of "
            "integers or bools"
        )
    if part.dtype == np.uint8:
        part = part != 0  # a mask of older days, as in PyTorch
    if part.ndim == 0:
        return bool(part) if part.dtype == np.bool_ else int(part)
    return part.copy()


_INDEX_TYPES = (np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.uint8), np.dtype(np.bool_))


def _from_list(part: Sequence[Any]) -> Any:
    try:
        array = np.asarray([to_host(value.array) if isinstance(value, TensorBase) else value for value in part])
    except ValueError:
        raise DTypeError(f"the list {part!r} cannot be an index: its rows differ in length") from None
    return array if array.size else array.astype(np.int64)
