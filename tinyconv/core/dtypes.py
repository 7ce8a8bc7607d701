"""Data types and PyTorch's rules for combining them.

NumPy would make ``float32 * int64`` a float64; PyTorch, and tinyconv with it, keeps float32: a tensor with dimensions
outranks a tensor without, which outranks a Python number, and a lower rank only counts when its *category*
(bool < integer < floating point) is higher.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinyconv.core.errors import DTypeError


class DType:
    """An element type, such as ``tinyconv.float32``. Instances are singletons; compare with ``is`` or ``==``."""

    __slots__ = ("category", "itemsize", "name", "numpy", "rank")

    def __init__(self, name: str, category: int, rank: int) -> None:
        self.name = name
        self.numpy: np.dtype[Any] = np.dtype(name)
        self.category = category
        self.rank = rank
        self.itemsize = self.numpy.itemsize

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOATING

    def __repr__(self) -> str:
        return f"tinyconv.{self.name}"

    def __reduce__(self) -> str:
        return "bool_" if self.name == "bool" else self.name


BOOLEAN, INTEGER, FLOATING = 0, 1, 2

# The order of ``rank`` is the promotion order: with these six types it is total, so promotion is a maximum.
bool_ = DType("bool", BOOLEAN, 0)
uint8 = DType("uint8", INTEGER, 1)
int32 = DType("int32", INTEGER, 2)
int64 = DType("int64", INTEGER, 3)
float32 = DType("float32", FLOATING, 4)
float64 = DType("float64", FLOATING, 5)

ALL = (bool_, uint8, int32, int64, float32, float64)
_BY_NUMPY = {dtype.numpy: dtype for dtype in ALL}


def from_numpy(dtype: np.dtype[Any]) -> DType:
    """The tinyconv type of a NumPy ``dtype``. Raises ``DTypeError`` for a type that tinyconv does not have."""
    found = _BY_NUMPY.get(dtype)
    if found is None:
        raise DTypeError(
            f"NumPy type {dtype} has no tinyconv counterpart; convert the array first, with .astype() to one of "
            f"{', '.join(t.name for t in ALL)}"
        )
    return found


def of_number(value: bool | int | float) -> DType:
    """The type a Python number has on its own: bool, int64, or float32 (the default floating-point type)."""
    if isinstance(value, bool | np.bool_):
        return bool_
    if isinstance(value, int | np.integer):
        return int64
    return float32


def promote_types(first: DType, second: DType) -> DType:
    """The smallest type that holds both, by PyTorch's table."""
    return first if first.rank >= second.rank else second


def _promote(dtypes: Iterable[DType]) -> DType | None:
    return max(dtypes, key=lambda dtype: dtype.rank, default=None)


def _combine(higher: DType | None, lower: DType | None) -> DType | None:
    if higher is None or lower is None:
        return higher or lower
    if higher.category >= lower.category and higher is not bool_:
        return higher
    return promote_types(higher, lower)


def result_type(
    dimensioned: Iterable[DType], zero_dimensional: Iterable[DType] = (), numbers: Iterable[bool | int | float] = ()
) -> DType:
    """The type of an operation's result, from its operands in PyTorch's three ranks of priority.

    ``dimensioned``: types of the tensors with at least one dimension; ``zero_dimensional``: of those with none;
    ``numbers``: the Python numbers themselves. At least one operand is needed.
    """
    weak = _combine(_promote(zero_dimensional), _promote(of_number(number) for number in numbers))
    result = _combine(_promote(dimensioned), weak)
    if result is None:
        raise DTypeError("result_type needs at least one operand")
    return result
