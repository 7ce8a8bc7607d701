"""Comparison of elements, and of whole tensors. No gradient flows through the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.ops.dispatch import broadcast_shape, operands, require_tensor
from tinyconv.ops.elementwise.binary import Operand

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Predicate(Operation):
    """z = f(x, ...), true or false for each element."""

    def __init__(self, function: str) -> None:
        self.function = function

    @property
    def name(self) -> str:
        return self.function

    def forward(self, *arrays: Any) -> Any:
        shape = broadcast_shape(self.function, *(array.shape for array in arrays))
        return getattr(self.xp, self.function)(*arrays, out=layout.empty(shape, np.bool_, self.xp))


class Close(Operation):
    """z = whether |x - y| <= atol + rtol |y|, or x = y."""

    def __init__(self, rtol: float, atol: float, equal_nan: bool) -> None:
        self.options = rtol, atol, equal_nan

    def forward(self, x: Any, y: Any) -> Any:
        rtol, atol, equal_nan = self.options
        result = layout.empty(broadcast_shape("isclose", x.shape, y.shape), np.bool_, self.xp)
        if x.dtype.kind != "f":
            x, y = x.astype(np.float64), y.astype(np.float64)
        with np.errstate(all="ignore"):
            difference = self.xp.absolute(x - y)
            self.xp.less_equal(difference, atol + self.xp.absolute(rtol * y), out=result)
        # An infinite tolerance, of an infinite y, allows nothing but itself.
        result &= self.xp.isfinite(difference)
        result |= x == y
        if equal_nan:
            result |= self.xp.isnan(x) & self.xp.isnan(y)
        return result


def _compare(name: str, function: str, input: Any, other: Any) -> Tensor:
    require_tensor(name, input=input)
    return Predicate(function).apply(*operands(name, input, other))


def eq(input: Tensor, other: Operand) -> Tensor:
    """x == y, for each element.

    ``other``: a tensor or a number.

    As in PyTorch, a Python number beside a tensor of integers is converted to that tensor's type first, where it may
    wrap around: ``tensor(255, dtype=uint8) == -1`` is true.

    Shape: broadcast together.
    Dtype: any, promoted to a common type; the result is bool.
    Raises: ``ShapeError`` for shapes that cannot be broadcast; ``DTypeError`` for what is neither tensor nor number.

    >>> tc.eq(tc.tensor([1.0, 2.0]), 2)
    tensor([False,  True])
    """
    return _compare("eq", "equal", input, other)


def ne(input: Tensor, other: Operand) -> Tensor:
    """x != y, for each element.

    ``other``: a tensor or a number.

    Shape: broadcast together.
    Dtype: any, promoted to a common type; the result is bool.
    Raises: ``ShapeError`` for shapes that cannot be broadcast; ``DTypeError`` for what is neither tensor nor number.

    >>> tc.ne(tc.tensor([1.0, 2.0]), 2)
    tensor([ True, False])
    """
    return _compare("ne", "not_equal", input, other)


not_equal = ne


def lt(input: Tensor, other: Operand) -> Tensor:
    """x < y, for each element.

    ``other``: a tensor or a number.

    Shape: broadcast together.
    Dtype: any, promoted to a common type; the result is bool.
    Raises: ``ShapeError`` for shapes that cannot be broadcast; ``DTypeError`` for what is neither tensor nor number.

    >>> tc.lt(tc.tensor([1.0, 2.0]), 2)
    tensor([ True, False])
    """
    return _compare("lt", "less", input, other)


less = lt


def le(input: Tensor, other: Operand) -> Tensor:
    """x <= y, for each element.

    ``other``: a tensor or a number.

    Shape: broadcast together.
    Dtype: any, promoted to a common type; the result is bool.
    Raises: ``ShapeError`` for shapes that cannot be broadcast; ``DTypeError`` for what is neither tensor nor number.

    >>> tc.le(tc.tensor([1.0, 2.0]), 2)
    tensor([ True,  True])
    """
    return _compare("le", "less_equal", input, other)


less_equal = le


def gt(input: Tensor, other: Operand) -> Tensor:
    """x > y, for each element.

    ``other``: a tensor or a number.

    Shape: broadcast together.
    Dtype: any, promoted to a common type; the result is bool.
    Raises: ``ShapeError`` for shapes that cannot be broadcast; ``DTypeError`` for what is neither tensor nor number.

    >>> tc.gt(tc.tensor([1.0, 2.0]), 1)
    tensor([False,  True])
    """
    return _compare("gt", "greater", input, other)


greater = gt


def ge(input: Tensor, other: Operand) -> Tensor:
    """x >= y, for each element.

    ``other``: a tensor or a number.

    Shape: broadcast together.
    Dtype: any, promoted to a common type; the result is bool.
    Raises: ``ShapeError`` for shapes that cannot be broadcast; ``DTypeError`` for what is neither tensor nor number.

    >>> tc.ge(tc.tensor([1.0, 2.0]), 1)
    tensor([ True,  True])
    """
    return _compare("ge", "greater_equal", input, other)


greater_equal = ge


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |x - y| <= atol + rtol |y|, for each element.

    ``rtol``, ``atol``: the relative and the absolute tolerance. ``equal_nan``: whether two NaNs are close.

    Shape: broadcast together.
    Dtype: any, the same for both; the result is bool.
    Raises: ``DTypeError`` for two types; ``ArgumentError`` for a negative tolerance; ``ShapeError``.

    >>> tc.isclose(tc.tensor([1.0, 2.0]), tc.tensor([1.000001, 2.1]))
    tensor([ True, False])
    """
    require_tensor("isclose", input=input, other=other)
    if input.dtype is not other.dtype:
        raise DTypeError(
            f"isclose: input is {input.dtype.name} and other {other.dtype.name}; they must have one type, "
            "convert with .to(dtype)"
        )
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not tolerance >= 0:
            raise ArgumentError(f"isclose: {name} must be at least 0, got {tolerance}")
    return Close(rtol, atol, equal_nan).apply(input, other)


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether |x - y| <= atol + rtol |y| for every element.

    ``rtol``, ``atol``: the relative and the absolute tolerance. ``equal_nan``: whether two NaNs are close.

    Shape: broadcast together.
    Dtype: any, the same for both; the result is a Python bool.
    Raises: ``DTypeError`` for two types; ``ArgumentError`` for a negative tolerance; ``ShapeError``.

    >>> tc.allclose(tc.tensor([1.0]), tc.tensor([1.000001]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements.

    Shape: any; tensors of two shapes are not equal.
    Dtype: any, promoted to a common type; the result is a Python bool.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.equal(tc.tensor([1, 2]), tc.tensor([1, 2]))
    True
    """
    require_tensor("equal", input=input, other=other)
    return input.shape == other.shape and bool((input.array == other.array).all())
