"""Comparison and logic. The results are bool tensors, through which no gradient flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.ops.dispatch import broadcast_shape, comparands, operands

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


def eq(input: Any, other: Any) -> Tensor:
    """x == y."""
    return Predicate("equal").apply(*comparands("eq", input, other))


def ne(input: Any, other: Any) -> Tensor:
    """x != y."""
    return Predicate("not_equal").apply(*comparands("ne", input, other))


def lt(input: Any, other: Any) -> Tensor:
    """x < y."""
    return Predicate("less").apply(*comparands("lt", input, other))


def le(input: Any, other: Any) -> Tensor:
    """x <= y."""
    return Predicate("less_equal").apply(*comparands("le", input, other))


def gt(input: Any, other: Any) -> Tensor:
    """x > y."""
    return Predicate("greater").apply(*comparands("gt", input, other))


def ge(input: Any, other: Any) -> Tensor:
    """x >= y."""
    return Predicate("greater_equal").apply(*comparands("ge", input, other))


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Both are nonzero."""
    return Predicate("logical_and").apply(*operands("logical_and", input, other))


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """At least one is nonzero."""
    return Predicate("logical_or").apply(*operands("logical_or", input, other))


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Exactly one is nonzero."""
    return Predicate("logical_xor").apply(*operands("logical_xor", input, other))


def logical_not(input: Tensor) -> Tensor:
    """It is zero."""
    return Predicate("logical_not").apply(input)


def isnan(input: Tensor) -> Tensor:
    """It is not a number."""
    return Predicate("isnan").apply(input)


def isinf(input: Tensor) -> Tensor:
    """It is infinite."""
    return Predicate("isinf").apply(input)


def isfinite(input: Tensor) -> Tensor:
    """It is neither infinite nor NaN."""
    return Predicate("isfinite").apply(input)


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    return input.shape == other.shape and bool((input.array == other.array).all())


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether |x - y| <= atol + rtol |y| for every element."""
    return bool(np.allclose(input.array, other.array, rtol=rtol, atol=atol, equal_nan=equal_nan))
