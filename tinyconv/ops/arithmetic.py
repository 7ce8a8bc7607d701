"""Arithmetic on pairs of elements, with broadcasting.

Shapes are aligned at the last dimension and size 1 is repeated; the cotangent of a repeated operand is the sum over
its repetitions. Cotangents are written d: for z = f(x, y), dz is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.ops.dispatch import (
    Number,
    broadcast_shape,
    cast,
    check_exponent,
    common_dtype,
    constant,
    is_number,
    operands,
    wrap,
)
from tinyconv.ops.elementwise import Step, log, square
from tinyconv.ops.shape import reduce_to

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Operand = Any
"""A tensor or a Python number."""


class Binary(Operation):
    """z = f(x, y), both of one type, broadcast to a common shape."""

    function: ClassVar[str]

    def forward(self, x: Any, y: Any) -> Any:
        self.shapes = x.shape, y.shape
        shape = broadcast_shape(self.name.lower(), x.shape, y.shape)
        with np.errstate(all="ignore"):
            return getattr(self.xp, self.function)(x, y, out=layout.empty(shape, x.dtype, self.xp))

    def to_operands(self, dx: Tensor | None, dy: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Each cotangent summed over the dimensions in which its operand was repeated."""
        return (
            None if dx is None else reduce_to(dx, self.shapes[0]),
            None if dy is None else reduce_to(dy, self.shapes[1]),
        )


class Add(Binary):
    """z = x + y,  dx = dz,  dy = dz."""

    kind = "add"
    function = "add"

    def backward(self, dz: Tensor) -> Any:
        needs = self.needs_input_gradient
        return self.to_operands(dz if needs[0] else None, dz if needs[1] else None)


class Subtract(Binary):
    """z = x - y,  dx = dz,  dy = -dz."""

    function = "subtract"

    def backward(self, dz: Tensor) -> Any:
        needs = self.needs_input_gradient
        return self.to_operands(dz if needs[0] else None, -dz if needs[1] else None)


class Multiply(Binary):
    """z = x y,  dx = dz y,  dy = dz x."""

    function = "multiply"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_factors()
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        needs = self.needs_input_gradient
        return self.to_operands(dz * y if needs[0] else None, dz * x if needs[1] else None)


class Divide(Binary):
    """z = x / y,  dx = dz / y,  dy = -dz x / y^2."""

    function = "divide"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0 if self.needs_input_gradient[1] else None, 1)
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        needs = self.needs_input_gradient
        dx = dz / y
        return self.to_operands(dx if needs[0] else None, -dx * (x / y) if needs[1] else None)


class Power(Binary):
    """z = x^y,  dx = dz y x^(y-1),  dy = dz z ln x (0 where x = 0 and y >= 0)."""

    function = "power"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        needs = self.needs_input_gradient
        dx = dy = None
        if needs[0]:
            # x^(y-1) is infinite at x = 0 for y < 1, but the derivative of x^0 is 0 there.
            dx = where(y == 0, 0.0, dz * y * x ** where(y == 0, 1.0, y - 1))
        if needs[1]:
            vanishes = (x == 0) & (y >= 0)
            dy = where(vanishes, 0.0, dz * x**y * log(where(vanishes, 1.0, x)))
        return self.to_operands(dx, dy)


class Extremum(Binary):
    """z = max(x, y) or min(x, y): dz goes to the operand that won, in halves where they are equal."""

    def __init__(self, function: str) -> None:
        self.function = function  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self.function

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        first_wins = x.array > y.array if self.function == "maximum" else x.array < y.array
        share = self.xp.where(x.array == y.array, 0.5, first_wins).astype(x.array.dtype)
        weight = wrap(layout.ordered(share, self.xp), self.device)
        return self.to_operands(dz * weight, dz * (1 - weight))


class Quotient(Binary):
    """A rounded quotient, or an integer remainder: constant between its jumps, so the operands get no gradient."""

    def __init__(self, function: str) -> None:
        self.function = function  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self.function

    def forward(self, x: Any, y: Any) -> Any:
        if not np.issubdtype(x.dtype, np.floating) and (y == 0).any():
            raise ArgumentError(f"{self.name}: an integer is divided by zero")
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        return None, None


class TruncatedQuotient(Quotient):
    """The integer nearest to x / y on the side of 0: one more than the floor where x / y is a negative fraction."""

    def __init__(self) -> None:
        super().__init__("floor_divide")

    def forward(self, x: Any, y: Any) -> Any:
        quotient = super().forward(x, y)
        quotient += (quotient * y != x) & ((x < 0) != (y < 0))
        return quotient


class Remainder(Binary):
    """z = x - y floor(x / y),  dx = dz,  dy = -dz floor(x / y)."""

    function = "remainder"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        dy = -dz * floor_divide(x, y) if self.needs_input_gradient[1] else None
        return self.to_operands(dz if self.needs_input_gradient[0] else None, dy)


class Where(Operation):
    """z = x where the condition holds, else y;  dx = dz there, dy = dz elsewhere, 0 otherwise."""

    def forward(self, condition: Any, x: Any, y: Any) -> Any:
        self.shapes = x.shape, y.shape
        self.retain_inputs(0)
        shape = broadcast_shape("where", condition.shape, x.shape, y.shape)
        result = layout.empty(shape, x.dtype, self.xp)
        result[...] = y
        self.xp.copyto(result, x, where=condition)
        return result

    def backward(self, dz: Tensor) -> Any:
        condition = self.retained()
        return (
            None,
            reduce_to(where(condition, dz, 0.0), self.shapes[0]) if self.needs_input_gradient[1] else None,
            reduce_to(where(condition, 0.0, dz), self.shapes[1]) if self.needs_input_gradient[2] else None,
        )


def add(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """x + alpha y."""
    x, y = operands("add", input, other if _is_one(alpha) else mul(other, alpha))
    return Add().apply(x, y)


def sub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """x - alpha y."""
    x, y = operands("sub", input, other if _is_one(alpha) else mul(other, alpha))
    if x.dtype is dtypes.bool_:
        raise DTypeError("sub: bool tensors cannot be subtracted; use logical_xor")
    return Subtract().apply(x, y)


def mul(input: Operand, other: Operand) -> Any:
    """x y. Two numbers give a number."""
    if is_number(input) and is_number(other):
        return input * other
    x, y = operands("mul", input, other)
    return Multiply().apply(x, y)


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """x / y; integers are divided as float32. ``rounding_mode``: "floor" or "trunc" round the quotient."""
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode not in (None, "trunc"):
        raise ArgumentError(f"div: rounding_mode is None, 'floor' or 'trunc', got {rounding_mode!r}")
    dtype = common_dtype("div", (input, other))
    if rounding_mode == "trunc" and not dtype.is_floating_point:
        return TruncatedQuotient().apply(*operands("div", input, other))
    x, y = operands("div", input, other, dtype=dtype if dtype.is_floating_point else dtypes.float32)
    quotient: Tensor = Divide().apply(x, y)
    return quotient if rounding_mode is None else Step("trunc").apply(quotient)


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """floor(x / y), in the promoted type of x and y. The gradient is 0."""
    return Quotient("floor_divide").apply(*operands("floor_divide", input, other))


def remainder(input: Operand, other: Operand) -> Tensor:
    """x - y floor(x / y): has the sign of y."""
    x, y = operands("remainder", input, other)
    return (Remainder() if x.dtype.is_floating_point else Quotient("remainder")).apply(x, y)


def pow(input: Operand, exponent: Operand) -> Tensor:
    """x^y."""
    if is_number(exponent) and exponent == 2:
        return square(cast(input, common_dtype("pow", (input, exponent))))
    x, y = operands("pow", input, exponent)
    check_exponent("pow", x.dtype, exponent)
    return Power().apply(x, y)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of each pair; NaN wins."""
    x, y = operands("maximum", input, other)
    return Extremum("maximum").apply(x, y)


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of each pair; NaN wins."""
    x, y = operands("minimum", input, other)
    return Extremum("minimum").apply(x, y)


def where(condition: Any, input: Operand, other: Operand) -> Tensor:
    """``input`` where ``condition`` (a bool tensor) holds, else ``other``."""
    if not isinstance(condition, TensorBase):
        raise DTypeError(f"where: the condition must be a bool tensor, got {type(condition).__name__}; see tensor()")
    if condition.dtype is not dtypes.bool_:
        raise DTypeError(f"where: the condition must be a bool tensor, got {condition.dtype.name}")
    dtype = common_dtype("where", (input, other))
    x, y = (_like(value, dtype, condition) for value in (input, other))  # type: ignore[arg-type]
    return Where().apply(condition, x, y)


def _like(value: Operand, dtype: dtypes.DType, tensor: Tensor) -> Tensor:
    return constant(value, dtype, tensor.device) if is_number(value) else cast(value, dtype)


def _is_one(alpha: Number) -> bool:
    return not isinstance(alpha, bool) and alpha == 1
