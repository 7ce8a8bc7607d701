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
    """An element type, such as ``tinyconv.float32``. Instances are singletons; compare with ``is`` or ``==``.

    There are ``bool``, ``uint8``, ``int32`` (``int``), ``int64`` (``long``), ``float32`` (``float``) and ``float64``
    (``double``); one makes no others.
    Raises: nothing of its own.

    >>> tc.ones(2).dtype is tc.float32, tc.float32.is_floating_point, tc.float32.itemsize
    (True, True, 4)
    """

    __slots__ = ("category", "itemsize", "name", "numpy", "rank")

    def __init__(self, name: str, category: int, rank: int) -> None:
        self.name = name
        self.numpy: np.dtype[Any] = np.dtype(name)
        self.category = category
        self.rank = rank
        self.itemsize = self.numpy.itemsize

    @property
    def is_floating_point(self) -> bool:
        """Whether its numbers have fractions."""
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


def require(name: str, dtype: Any) -> None:
    """Raise ``DTypeError`` unless ``dtype`` is an element type or None, which stands for a default."""
    if dtype is not None and not isinstance(dtype, DType):
        raise DTypeError(f"{name}: dtype must be a type such as tinyconv.float32, got {dtype!r:.60}")


def of_number(value: bool | int | float) -> DType:
    """The type a Python number has on its own: bool, int64, or float32 (the default floating-point type)."""
    if isinstance(value, bool | np.bool_):
        return bool_
    if isinstance(value, int | np.integer):
        return int64
    return float32


def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest type that holds both, by PyTorch's table.

    Raises: nothing of its own.

    >>> tc.promote_types(tc.int64, tc.float32)
    tinyconv.float32
    """
    for value in (type1, type2):
        _require_type("promote_types", value)
    return type1 if type1.rank >= type2.rank else type2


def can_cast(from_: DType, to: DType) -> bool:
    """Whether a result of type ``from_`` may be written into a tensor of type ``to``.

    It may, unless its category (bool < integer < floating point) is higher: the number of bits does not count.

    Dtype: any two.
    Raises: ``DTypeError`` for what is no type.

    >>> tc.can_cast(tc.float64, tc.float32), tc.can_cast(tc.float32, tc.int64)
    (True, False)
    """
    for value in (from_, to):
        _require_type("can_cast", value)
    return from_.category <= to.category


def _require_type(name: str, value: object) -> None:
    if not isinstance(value, DType):
        raise DTypeError(
            f"{name}: expects types such as tinyconv.float32, got {type(value).__name__} {value!r:.60}; there are "
            f"{', '.join(t.name for t in ALL)}"
        )


class finfo:
    """The limits of a floating-point type: ``min``, ``max``, ``eps``, ``tiny``, ``smallest_normal``, ``resolution``.

    ``type``: float32 (the default) or float64. ``bits``: the number of its bits. ``dtype``: its name.

    Dtype: float32 or float64.
    Raises: ``DTypeError`` for another type.

    >>> tc.finfo(tc.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: DType = float32) -> None:
        _require_type("finfo", type)
        if not type.is_floating_point:
            raise DTypeError(f"finfo: {type.name} is no floating-point type; iinfo() has the limits of integers")
        limits = np.finfo(type.numpy)
        self.dtype = type.name
        self.bits = 8 * type.itemsize
        self.min, self.max = float(limits.min), float(limits.max)
        self.eps, self.resolution = float(limits.eps), float(limits.resolution)
        self.tiny = self.smallest_normal = float(limits.tiny)

    def __repr__(self) -> str:
        shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in shown)}, dtype={self.dtype})"


class iinfo:
    """The limits of an integer type: ``min`` and ``max``.

    ``type``: uint8, int32 or int64. ``bits``: the number of its bits. ``dtype``: its name.

    Dtype: uint8, int32 or int64.
    Raises: ``DTypeError`` for another type.

    >>> tc.iinfo(tc.uint8).max
    255
    """

    def __init__(self, type: DType) -> None:
        _require_type("iinfo", type)
        if type.category != INTEGER:
            raise DTypeError(f"iinfo: {type.name} is no integer type; finfo() has the limits of floating-point types")
        limits = np.iinfo(type.numpy)
        self.dtype = type.name
        self.bits = 8 * type.itemsize
        self.min, self.max = int(limits.min), int(limits.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


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
