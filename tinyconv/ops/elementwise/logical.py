"""Truth values: what combines them, and what asks about a single element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core import layout
from tinyconv.ops.dispatch import require_tensor
from tinyconv.ops.elementwise.comparison import Predicate

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class OfFloating(Predicate):
    """A predicate of floating-point numbers that has one answer for every integer."""

    def __init__(self, function: str, of_integers: bool) -> None:
        super().__init__(function)
        self.of_integers = of_integers

    def forward(self, *arrays: Any) -> Any:
        if arrays[0].dtype.kind != "f":
            return layout.full(arrays[0].shape, self.of_integers, np.bool_, self.xp)
        return super().forward(*arrays)


class SignBit(Predicate):
    """z = whether x is negative, which a zero may be too."""

    def __init__(self) -> None:
        super().__init__("signbit")

    def forward(self, *arrays: Any) -> Any:
        if arrays[0].dtype.kind != "f":
            return self.xp.less(arrays[0], 0, out=layout.empty(arrays[0].shape, np.bool_, self.xp))
        return super().forward(*arrays)


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Whether both elements are nonzero.

    Shape: broadcast together.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.logical_and(tc.tensor([1, 2, 0]), tc.tensor([True, False, False]))
    tensor([ True, False, False])
    """
    require_tensor("logical_and", input=input, other=other)
    return Predicate("logical_and").apply(input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Whether at least one of both elements is nonzero.

    Shape: broadcast together.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.logical_or(tc.tensor([1, 2, 0]), tc.tensor([True, False, False]))
    tensor([ True,  True, False])
    """
    require_tensor("logical_or", input=input, other=other)
    return Predicate("logical_or").apply(input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Whether exactly one of both elements is nonzero.

    Shape: broadcast together.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.logical_xor(tc.tensor([1, 2, 0]), tc.tensor([True, False, False]))
    tensor([False,  True, False])
    """
    require_tensor("logical_xor", input=input, other=other)
    return Predicate("logical_xor").apply(input, other)


def logical_not(input: Tensor) -> Tensor:
    """Whether the element is zero.

    Shape: any; the result has the input's.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.logical_not(tc.tensor([0.0, 2.0]))
    tensor([ True, False])
    """
    require_tensor("logical_not", input=input)
    return Predicate("logical_not").apply(input)


def isnan(input: Tensor) -> Tensor:
    """Whether the element is not a number.

    Shape: any; the result has the input's.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.isnan(tc.tensor([1.0, float("nan")]))
    tensor([False,  True])
    """
    require_tensor("isnan", input=input)
    return OfFloating("isnan", False).apply(input)


def isinf(input: Tensor) -> Tensor:
    """Whether the element is infinite, with either sign.

    Shape: any; the result has the input's.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.isinf(tc.tensor([1.0, float("-inf")]))
    tensor([False,  True])
    """
    require_tensor("isinf", input=input)
    return OfFloating("isinf", False).apply(input)


def isfinite(input: Tensor) -> Tensor:
    """Whether the element is neither infinite nor NaN.

    Shape: any; the result has the input's.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.isfinite(tc.tensor([1.0, float("nan")]))
    tensor([ True, False])
    """
    require_tensor("isfinite", input=input)
    return OfFloating("isfinite", True).apply(input)


def isposinf(input: Tensor) -> Tensor:
    """Whether the element is positive infinity.

    Shape: any; the result has the input's.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.isposinf(tc.tensor([float("inf"), float("-inf")]))
    tensor([ True, False])
    """
    require_tensor("isposinf", input=input)
    return OfFloating("isposinf", False).apply(input)


def isneginf(input: Tensor) -> Tensor:
    """Whether the element is negative infinity.

    Shape: any; the result has the input's.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.isneginf(tc.tensor([float("inf"), float("-inf")]))
    tensor([False,  True])
    """
    require_tensor("isneginf", input=input)
    return OfFloating("isneginf", False).apply(input)


def signbit(input: Tensor) -> Tensor:
    """Whether the element has a minus sign, which a zero may have too.

    Shape: any; the result has the input's.
    Dtype: any; the result is bool.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.signbit(tc.tensor([-0.0, 0.0, -3.0]))
    tensor([ True, False,  True])
    """
    require_tensor("signbit", input=input)
    return SignBit().apply(input)
