"""The bits of integers, and truth values as integers of one bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import dtypes, layout
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import DTypeError
from tinyconv.ops.dispatch import common_dtype, operands, refuse_bool, require_one_tensor, require_tensor
from tinyconv.ops.elementwise.binary import Binary, Operand

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Bits(Binary):
    """z = f(x, y), bit by bit."""

    def __init__(self, function: str) -> None:
        self.function = function  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self.function


class Invert(Operation):
    """y = every bit of x turned over."""

    def forward(self, x: Any) -> Any:
        return self.xp.invert(x, out=layout.empty(x.shape, x.dtype, self.xp))


def _integral(name: str, dtype: DType) -> None:
    if dtype.category == dtypes.FLOATING:
        raise DTypeError(
            f"{name}: combines bits of integers or bool, got {dtype.name}; convert with .to(tinyconv.int64)"
        )


def _bits(name: str, function: str, input: Any, other: Any) -> Tensor:
    require_one_tensor(name, input, other)
    dtype = common_dtype(name, (input, other))
    _integral(name, dtype)
    if name.endswith("shift"):
        refuse_bool(name, dtype)
    return Bits(function).apply(*operands(name, input, other, dtype=dtype))


def bitwise_and(input: Operand, other: Operand) -> Tensor:
    """The bits that both have; of truth values, whether both are true.

    ``input``, ``other``: tensors or numbers, at least one a tensor.

    Shape: broadcast together.
    Dtype: integers and bool, promoted to a common type.
    Raises: ``DTypeError`` for another type or two numbers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.bitwise_and(tc.tensor([12, 10]), 6)
    tensor([4, 2])
    """
    return _bits("bitwise_and", "bitwise_and", input, other)


def bitwise_or(input: Operand, other: Operand) -> Tensor:
    """The bits that at least one has; of truth values, whether one is true.

    ``input``, ``other``: tensors or numbers, at least one a tensor.

    Shape: broadcast together.
    Dtype: integers and bool, promoted to a common type.
    Raises: ``DTypeError`` for another type or two numbers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.bitwise_or(tc.tensor([12, 10]), 6)
    tensor([14, 14])
    """
    return _bits("bitwise_or", "bitwise_or", input, other)


def bitwise_xor(input: Operand, other: Operand) -> Tensor:
    """The bits that exactly one has; of truth values, whether they differ.

    ``input``, ``other``: tensors or numbers, at least one a tensor.

    Shape: broadcast together.
    Dtype: integers and bool, promoted to a common type.
    Raises: ``DTypeError`` for another type or two numbers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.bitwise_xor(tc.tensor([12, 10]), 6)
    tensor([10, 12])
    """
    return _bits("bitwise_xor", "bitwise_xor", input, other)


def bitwise_left_shift(input: Operand, other: Operand) -> Tensor:
    """x 2^y: the bits moved y places up; 0 if y is negative or beyond the last place.

    ``input``, ``other``: tensors or numbers, at least one a tensor.

    Shape: broadcast together.
    Dtype: integers, promoted to a common type.
    Raises: ``DTypeError`` for another type or two numbers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.bitwise_left_shift(tc.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    return _bits("bitwise_left_shift", "left_shift", input, other)


def bitwise_right_shift(input: Operand, other: Operand) -> Tensor:
    """floor(x / 2^y): the bits moved y places down, with the sign of x moving in.

    ``input``, ``other``: tensors or numbers, at least one a tensor.

    Shape: broadcast together.
    Dtype: integers, promoted to a common type.
    Raises: ``DTypeError`` for another type or two numbers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.bitwise_right_shift(tc.tensor([8, -8]), 2)
    tensor([ 2, -2])
    """
    return _bits("bitwise_right_shift", "right_shift", input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """Every bit turned over, which makes x to -x - 1; of truth values, the opposite.

    Shape: any; the result has the input's.
    Dtype: integers and bool; the result has the input's.
    Raises: ``DTypeError`` for float32 and float64.

    >>> tc.bitwise_not(tc.tensor([0, 5])), tc.bitwise_not(tc.tensor([True]))
    (tensor([-1, -6]), tensor([False]))
    """
    require_tensor("bitwise_not", input=input)
    _integral("bitwise_not", input.dtype)
    return Invert().apply(input)
