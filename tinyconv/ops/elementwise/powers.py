"""Powers and roots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.errors import ArgumentError
from tinyconv.ops.dispatch import (
    cast,
    common_dtype,
    floating,
    is_number,
    operands,
    refuse_bool,
    require_one_tensor,
    require_tensor,
)
from tinyconv.ops.elementwise.binary import Binary
from tinyconv.ops.elementwise.elementwise import Unary, fill
from tinyconv.ops.shape.shape import clone

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Sqrt(Unary):
    """y = x^(1/2),  dx = dy / (2 y)."""

    function, of_output = "sqrt", True

    def backward(self, dy: Tensor) -> Tensor:
        quotient: Tensor = dy / (2 * self.retained())
        return quotient


class ReciprocalSqrt(Unary):
    """y = x^(-1/2),  dx = -dy y^3 / 2."""

    of_output = True

    def compute(self, x: Any, result: Any) -> None:
        self.xp.sqrt(x, out=result)
        self.xp.reciprocal(result, out=result)

    def derivative(self, value: Tensor) -> Tensor:
        return -0.5 * (value * value * value)


class Square(Unary):
    """y = x^2,  dx = 2 dy x."""

    function = "square"

    def derivative(self, value: Tensor) -> Tensor:
        return 2 * value


class Reciprocal(Unary):
    """y = 1/x,  dx = -dy y^2."""

    function, of_output = "reciprocal", True

    def derivative(self, value: Tensor) -> Tensor:
        return -(value * value)


class Power(Binary):
    """z = x^y,  dx = dz y x^(y-1),  dy = dz z ln x (0 where x = 0 and y >= 0)."""

    function = "power"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        if x.dtype.kind == "i" and (y < 0).any():
            return self.integer(x, y)
        return super().forward(x, y)

    def integer(self, x: Any, y: Any) -> Any:
        """1 / x^|y| without its fraction: 0, unless x is 1 or -1."""
        unit = self.xp.where(y < 0, self.xp.where(self.xp.absolute(x) == 1, x, 0), x)
        return super().forward(unit, self.xp.absolute(y))

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        dx = dy = None
        if self.needs_input_gradient[0]:
            # x^(y-1) is infinite at x = 0 for y < 1, but the derivative of x^0 is 0 there.
            constant = y == 0
            dx = (dz * (y * x ** (y - 1).masked_fill(constant, 1.0))).masked_fill(constant, 0.0)
        if self.needs_input_gradient[1]:
            vanishes = (x == 0) & (y >= 0)
            dy = (dz * (x**y * x.masked_fill(vanishes, 1.0).log())).masked_fill(vanishes, 0.0)
        return self.to_operands(dx, dy)


def pow(input: Any, exponent: Any) -> Tensor:
    """x^y.

    ``input``, ``exponent``: tensors or numbers, at least one a tensor. Integers to a negative power of a tensor of
    integers lose their fraction: 0, unless x is 1 or -1.

    Shape: broadcast together.
    Dtype: the promoted type; not bool to bool.
    Raises: ``ArgumentError`` for integers to a negative number; ``DTypeError`` for two bool tensors; ``ShapeError``.

    >>> tc.pow(tc.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    require_one_tensor("pow", input, exponent)
    dtype = common_dtype("pow", (input, exponent))
    if is_number(exponent):
        if dtype is dtypes.bool_:
            return clone(input) if exponent else fill(input, True)
        if exponent < 0 and not dtype.is_floating_point:
            raise ArgumentError(
                f"pow: integers cannot be raised to the negative power {exponent}; convert to float first, "
                "with .to(tinyconv.float32)"
            )
        if exponent == 2:
            return Square().apply(cast(input, dtype))
    refuse_bool("pow", dtype)
    return Power().apply(*operands("pow", input, exponent, dtype=dtype))


def float_power(input: Any, exponent: Any) -> Tensor:
    """x^y, computed in float64 whatever the types are.

    ``input``, ``exponent``: tensors or numbers, at least one a tensor.

    Shape: broadcast together.
    Dtype: any; the result is float64.
    Raises: ``DTypeError`` for two numbers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.float_power(tc.tensor([1, 2, 3]), -1)
    tensor([1.    , 0.5   , 0.3333], dtype=tinyconv.float64)
    """
    require_one_tensor("float_power", input, exponent)
    common_dtype("float_power", (input, exponent))
    return pow(*(cast(v, dtypes.float64) if isinstance(v, TensorBase) else v for v in (input, exponent)))  # type: ignore[arg-type]


def square(input: Tensor) -> Tensor:
    """x^2.

    Shape: any; the result has the input's.
    Dtype: any; the result has the input's, int64 for a bool tensor.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.square(tc.tensor([-3, 2]))
    tensor([9, 4])
    """
    require_tensor("square", input=input)
    return Square().apply(input if input.dtype is not dtypes.bool_ else cast(input, dtypes.int64))


def sqrt(input: Tensor) -> Tensor:
    """The square root; NaN below 0.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.sqrt(tc.tensor([4.0, 2.0]))
    tensor([2.    , 1.4142])
    """
    return Sqrt().apply(floating("sqrt", input))


def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(x).

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.rsqrt(tc.tensor([4.0, 1.0]))
    tensor([0.5, 1. ])
    """
    return ReciprocalSqrt().apply(floating("rsqrt", input))


def reciprocal(input: Tensor) -> Tensor:
    """1 / x.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.reciprocal(tc.tensor([4.0, -0.5]))
    tensor([ 0.25, -2.  ])
    """
    return Reciprocal().apply(floating("reciprocal", input))
