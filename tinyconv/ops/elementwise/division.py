"""Rounded quotients, and the remainders that they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.dispatch import common_dtype, operands, refuse_bool, require_one_tensor, require_tensor
from tinyconv.ops.elementwise.binary import Binary, Operand
from tinyconv.ops.elementwise.elementwise import fill

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Quotient(Binary):
    """z = floor(x / y): constant between its jumps, so dx = 0 and dy = 0."""

    function = "floor_divide"

    @property
    def name(self) -> str:
        return self.function

    def forward(self, x: Any, y: Any) -> Any:
        if x.dtype.kind != "f" and (y == 0).any():
            raise ArgumentError(
                f"{self.name}: an integer is divided by zero; convert to float first, where the quotient is infinite"
            )
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        needs = self.needs_input_gradient
        return self.to_operands(fill(dz, 0) if needs[0] else None, fill(dz, 0) if needs[1] else None)


class TruncatedQuotient(Quotient):
    """z = x / y rounded towards 0: one more than the floor where x / y is a negative fraction."""

    def compute(self, x: Any, y: Any, result: Any) -> None:
        if x.dtype.kind == "f":
            self.xp.trunc(self.xp.divide(x, y, out=result), out=result)
            return
        super().compute(x, y, result)
        result += (result * y != x) & ((x < 0) != (y < 0))


class Remainder(Quotient):
    """z = x - y floor(x / y),  dx = dz,  dy = -dz floor(x / y)."""

    function = "remainder"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        return super().forward(x, y)

    def quotient(self, x: Tensor, y: Tensor) -> Tensor:
        return floor_divide(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        dy = -dz * self.quotient(x, y) if self.needs_input_gradient[1] else None
        return self.to_operands(dz if self.needs_input_gradient[0] else None, dy)


class TruncatedRemainder(Remainder):
    """z = x - y trunc(x / y),  dx = dz,  dy = -dz trunc(x / y)."""

    function = "fmod"

    def quotient(self, x: Tensor, y: Tensor) -> Tensor:
        return truncated(x, y)


def truncated(input: Operand, other: Operand) -> Tensor:
    """x / y rounded towards 0."""
    refuse_bool("div", common_dtype("div", (input, other)))
    return TruncatedQuotient().apply(*operands("div", input, other))


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """floor(x / y): the quotient rounded down, also of negative numbers. The gradient is 0.

    ``input``, ``other``: tensors or numbers.

    Shape: broadcast together.
    Dtype: the promoted type, not bool; integers stay integers.
    Raises: ``ArgumentError`` for an integer divided by 0; ``DTypeError`` for two bool operands; ``ShapeError``.

    >>> tc.floor_divide(tc.tensor([-7, 7]), 2)
    tensor([-4,  3])
    """
    refuse_bool("floor_divide", common_dtype("floor_divide", (input, other)))
    return Quotient().apply(*operands("floor_divide", input, other))


def remainder(input: Operand, other: Operand) -> Tensor:
    """x - y floor(x / y), which has the sign of y: Python's ``%``.

    ``input``, ``other``: tensors or numbers, at least one a tensor.

    Shape: broadcast together.
    Dtype: the promoted type, not bool.
    Raises: ``ArgumentError`` for an integer divided by 0; ``DTypeError`` for two bool operands; ``ShapeError``.

    >>> tc.remainder(tc.tensor([-7.0, 7.0]), 4)
    tensor([1., 3.])
    """
    require_one_tensor("remainder", input, other)
    refuse_bool("remainder", common_dtype("remainder", (input, other)))
    return Remainder().apply(*operands("remainder", input, other))


def fmod(input: Tensor, other: Operand) -> Tensor:
    """x - y trunc(x / y), which has the sign of x: C's ``fmod``.

    ``other``: a tensor or a number.

    Shape: broadcast together.
    Dtype: the promoted type, not bool.
    Raises: ``ArgumentError`` for an integer divided by 0; ``DTypeError`` for two bool operands; ``ShapeError``.

    >>> tc.fmod(tc.tensor([-7.0, 7.0]), 4)
    tensor([-3.,  3.])
    """
    require_tensor("fmod", input=input)
    refuse_bool("fmod", common_dtype("fmod", (input, other)))
    return TruncatedRemainder().apply(*operands("fmod", input, other))
