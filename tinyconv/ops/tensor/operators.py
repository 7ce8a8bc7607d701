"""Python's operators on tensors: each is the function of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.errors import DTypeError
from tinyconv.ops.dispatch import is_number
from tinyconv.ops.elementwise import arithmetic, bitwise, comparison, division, elementwise, powers
from tinyconv.ops.in_place import in_place_forms
from tinyconv.ops.indexing import indexing
from tinyconv.ops.product import matmul

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Operators(TensorBase):
    """``+ - * / // % ** @``, comparisons, ``& | ^ ~ << >>``, indexing, and the forms that write in place."""

    def __add__(self: Any, other: Any) -> Tensor:
        return arithmetic.add(self, other) if _combines(other) else NotImplemented

    def __sub__(self: Any, other: Any) -> Tensor:
        return arithmetic.sub(self, other) if _combines(other) else NotImplemented

    def __mul__(self: Any, other: Any) -> Tensor:
        return arithmetic.mul(self, other) if _combines(other) else NotImplemented

    def __truediv__(self: Any, other: Any) -> Tensor:
        return arithmetic.div(self, other) if _combines(other) else NotImplemented

    def __floordiv__(self: Any, other: Any) -> Tensor:
        return division.floor_divide(self, other) if _combines(other) else NotImplemented

    def __mod__(self: Any, other: Any) -> Tensor:
        return division.remainder(self, other) if _combines(other) else NotImplemented

    def __pow__(self: Any, other: Any) -> Tensor:
        return powers.pow(self, other) if _combines(other) else NotImplemented

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
        return division.floor_divide(other, self) if _combines(other) else NotImplemented

    def __rmod__(self: Any, other: Any) -> Tensor:
        return division.remainder(other, self) if _combines(other) else NotImplemented

    def __rpow__(self: Any, other: Any) -> Tensor:
        return powers.pow(other, self) if _combines(other) else NotImplemented

    def __rmatmul__(self: Any, other: Any) -> Tensor:
        return matmul.matmul(other, self) if _combines(other) and not is_number(other) else NotImplemented

    def __neg__(self: Any) -> Tensor:
        return elementwise.neg(self)

    def __pos__(self: Any) -> Tensor:
        return elementwise.positive(self)

    def __abs__(self: Any) -> Tensor:
        return elementwise.abs(self)

    def __eq__(self: Any, other: object) -> Any:
        return comparison.eq(self, other) if _combines(other) else NotImplemented

    def __ne__(self: Any, other: object) -> Any:
        return comparison.ne(self, other) if _combines(other) else NotImplemented

    def __lt__(self: Any, other: Any) -> Tensor:
        return comparison.lt(self, other) if _combines(other) else NotImplemented

    def __le__(self: Any, other: Any) -> Tensor:
        return comparison.le(self, other) if _combines(other) else NotImplemented

    def __gt__(self: Any, other: Any) -> Tensor:
        return comparison.gt(self, other) if _combines(other) else NotImplemented

    def __ge__(self: Any, other: Any) -> Tensor:
        return comparison.ge(self, other) if _combines(other) else NotImplemented

    def __and__(self: Any, other: Any) -> Tensor:
        return bitwise.bitwise_and(self, other) if _combines(other) else NotImplemented

    def __or__(self: Any, other: Any) -> Tensor:
        return bitwise.bitwise_or(self, other) if _combines(other) else NotImplemented

    def __xor__(self: Any, other: Any) -> Tensor:
        return bitwise.bitwise_xor(self, other) if _combines(other) else NotImplemented

    def __lshift__(self: Any, other: Any) -> Tensor:
        return bitwise.bitwise_left_shift(self, other) if _combines(other) else NotImplemented

    def __rshift__(self: Any, other: Any) -> Tensor:
        return bitwise.bitwise_right_shift(self, other) if _combines(other) else NotImplemented

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __rlshift__(self: Any, other: Any) -> Tensor:
        return bitwise.bitwise_left_shift(other, self) if _combines(other) else NotImplemented

    def __rrshift__(self: Any, other: Any) -> Tensor:
        return bitwise.bitwise_right_shift(other, self) if _combines(other) else NotImplemented

    def __invert__(self: Any) -> Tensor:
        return bitwise.bitwise_not(self)

    def __getitem__(self: Any, index: Any) -> Tensor:
        return indexing.get_item(self, index)

    def __setitem__(self: Any, index: Any, value: Any) -> None:
        indexing.set_item(self, index, value)

    # The method after the other operand was looked at, so that an array gets its own message.
    def _in_place(self: Any, method: Any, other: Any) -> Tensor:
        result: Tensor = method(self, other) if _combines(other) else NotImplemented
        return result

    def __iadd__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.add_, other)

    def __isub__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.sub_, other)

    def __imul__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.mul_, other)

    def __itruediv__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.div_, other)

    def __ifloordiv__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.floor_divide_, other)

    def __imod__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.remainder_, other)

    def __ipow__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.pow_, other)

    def __iand__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.bitwise_and_, other)

    def __ior__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.bitwise_or_, other)

    def __ixor__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.bitwise_xor_, other)

    def __ilshift__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.bitwise_left_shift_, other)

    def __irshift__(self: Any, other: Any) -> Tensor:
        return self._in_place(in_place_forms.bitwise_right_shift_, other)


def _combines(value: Any) -> bool:
    """Whether an operator takes ``value``. An array, on which NumPy's rules would apply, raises ``DTypeError``."""
    if isinstance(value, np.ndarray):
        raise DTypeError("a tensor cannot be combined with a NumPy array; wrap the array with from_numpy() or tensor()")
    return isinstance(value, TensorBase) or is_number(value)
