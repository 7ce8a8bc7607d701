"""Python's operators on tensors: each is the function of its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.errors import DTypeError
from tinyconv.ops import arithmetic, comparison, elementwise, indexing, matmul
from tinyconv.ops.dispatch import is_number

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Operators(TensorBase):
    """``+ - * / // % ** @``, comparisons, ``& | ^ ~``, indexing, and the forms that write in place."""

    def __add__(self: Any, other: Any) -> Tensor:
        return arithmetic.add(self, other) if _combines(other) else NotImplemented

    def __sub__(self: Any, other: Any) -> Tensor:
        return arithmetic.sub(self, other) if _combines(other) else NotImplemented

    def __mul__(self: Any, other: Any) -> Tensor:
        return arithmetic.mul(self, other) if _combines(other) else NotImplemented

    def __truediv__(self: Any, other: Any) -> Tensor:
        return arithmetic.div(self, other) if _combines(other) else NotImplemented

    def __floordiv__(self: Any, other: Any) -> Tensor:
        return arithmetic.floor_divide(self, other) if _combines(other) else NotImplemented

    def __mod__(self: Any, other: Any) -> Tensor:
        return arithmetic.remainder(self, other) if _combines(other) else NotImplemented

    def __pow__(self: Any, other: Any) -> Tensor:
        return arithmetic.pow(self, other) if _combines(other) else NotImplemented

    def __matmul__(self: Any, other: Any) -> Tensor:
        return matmul.matmul(self, other) if _combines(other) and not is_number(other) else NotImplemented

    def __radd__(self: Any, other: Any) -> Tensor:
        return arithmetic.add(other, self) if _combines(other) else NotImplemented

    def __rsub__(self: Any, other: Any) -> Tensor:
        return arithmetic.sub(other, self) if _combines(other) else NotImplemented

    def __rmul__(self: Any, other: Any) -> Tensor:
        return arithmetic.mul(other, self) if _combines(other) else NotImplemented

    def __rtruediv__(self: Any, other: Any) -> Tensor:
        return arithmetic.div(other, self) if _combines(other) else NotImplemented

    def __rfloordiv__(self: Any, other: Any) -> Tensor:
        return arithmetic.floor_divide(other, self) if _combines(other) else NotImplemented

    def __rmod__(self: Any, other: Any) -> Tensor:
        return arithmetic.remainder(other, self) if _combines(other) else NotImplemented

    def __rpow__(self: Any, other: Any) -> Tensor:
        return arithmetic.pow(other, self) if _combines(other) else NotImplemented

    def __neg__(self: Any) -> Tensor:
        return elementwise.neg(self)

    def __pos__(self: Any) -> Tensor:
        return self

    def __abs__(self: Any) -> Tensor:
        return elementwise.abs(self)

    def __eq__(self: Any, other: object) -> Any:
        return comparison.eq(self, other) if _combines(other) else NotImplemented

    def __ne__(self: Any, other: object) -> Any:
        return comparison.ne(self, other) if _combines(other) else NotImplemented

    def __lt__(self: Any, other: Any) -> Tensor:
        return comparison.lt(self, other)

    def __le__(self: Any, other: Any) -> Tensor:
        return comparison.le(self, other)

    def __gt__(self: Any, other: Any) -> Tensor:
        return comparison.gt(self, other)

    def __ge__(self: Any, other: Any) -> Tensor:
        return comparison.ge(self, other)

    def __and__(self: Any, other: Any) -> Tensor:
        return comparison.logical_and(*_booleans("&", self, other))

    def __or__(self: Any, other: Any) -> Tensor:
        return comparison.logical_or(*_booleans("|", self, other))

    def __xor__(self: Any, other: Any) -> Tensor:
        return comparison.logical_xor(*_booleans("^", self, other))

    def __invert__(self: Any) -> Tensor:
        return comparison.logical_not(_booleans("~", self, self)[0])

    def __getitem__(self: Any, index: Any) -> Tensor:
        return indexing.get_item(self, index)

    def __setitem__(self: Any, index: Any, value: Any) -> None:
        indexing.set_item(self, index, value)

    def __iadd__(self: Any, other: Any) -> Tensor:
        return self.add_(other)

    def __isub__(self: Any, other: Any) -> Tensor:
        return self.sub_(other)

    def __imul__(self: Any, other: Any) -> Tensor:
        return self.mul_(other)

    def __itruediv__(self: Any, other: Any) -> Tensor:
        return self.div_(other)


def _combines(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        raise DTypeError("a tensor cannot be combined with a NumPy array; wrap the array with from_numpy() or tensor()")
    return isinstance(value, TensorBase) or is_number(value)


def _booleans(sign: str, *values: Any) -> Sequence[Any]:
    for value in values:
        kind = value.dtype if isinstance(value, TensorBase) else dtypes.of_number(value)
        if kind is not dtypes.bool_:
            raise DTypeError(f"{sign}: combines bool tensors, got {kind.name}")
    return values
