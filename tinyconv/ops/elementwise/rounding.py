"""Whole numbers near an element, and what they leave over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.errors import DTypeError
from tinyconv.ops.dispatch import refuse_bool, require_tensor
from tinyconv.ops.elementwise.binary import Binary
from tinyconv.ops.elementwise.elementwise import Unary, fill
from tinyconv.ops.shape.shape import clone

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Step(Unary):
    """A function that is constant between its jumps (floor, ceil, trunc, rint),  dx = 0."""

    def __init__(self, function: str) -> None:
        self.function = function  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self.function

    def backward(self, dy: Tensor) -> Tensor:
        return fill(dy, 0)


class RoundTo(Step):
    """y = rint(x 10^d) / 10^d,  dx = 0."""

    def __init__(self, decimals: int) -> None:
        super().__init__("rint")
        self.decimals = decimals

    def compute(self, x: Any, result: Any) -> None:
        xp = self.xp
        scale = x.dtype.type(10.0 ** abs(self.decimals))
        there, back = (xp.multiply, xp.divide) if self.decimals > 0 else (xp.divide, xp.multiply)
        there(x, scale, out=result)
        xp.rint(result, out=result)
        back(result, scale, out=result)


class Fraction(Unary):
    """y = x - trunc x,  dx = dy."""

    def compute(self, x: Any, result: Any) -> None:
        self.xp.trunc(x, out=result)
        self.xp.subtract(x, result, out=result)

    def backward(self, dy: Tensor) -> Tensor:
        return dy


class Heaviside(Binary):
    """z = 0 where x < 0, y where x = 0, else 1."""

    function = "heaviside"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0)
        return super().forward(x, y)

    def compute(self, x: Any, y: Any, result: Any) -> None:
        self.xp.greater(x, 0, out=result, casting="unsafe")
        self.xp.copyto(result, y, where=x == 0)

    def backward(self, dz: Tensor) -> Any:
        needs = self.needs_input_gradient
        at_zero = self.retained() == 0
        return self.to_operands(fill(dz, 0) if needs[0] else None, dz * at_zero.to(dz.dtype) if needs[1] else None)


def _step(name: str, function: str, input: Any) -> Tensor:
    require_tensor(name, input=input)
    refuse_bool(name, input.dtype)
    tensor: Tensor = input
    return Step(function).apply(tensor) if tensor.dtype.is_floating_point else clone(tensor)


def floor(input: Tensor) -> Tensor:
    """The largest whole number not above x. The gradient is 0.

    Shape: any; the result has the input's.
    Dtype: any but bool; the result has the input's.
    Raises: ``DTypeError`` for a bool tensor.

    >>> tc.floor(tc.tensor([-1.5, 1.5]))
    tensor([-2.,  1.])
    """
    return _step("floor", "floor", input)


def ceil(input: Tensor) -> Tensor:
    """The smallest whole number not below x. The gradient is 0.

    Shape: any; the result has the input's.
    Dtype: any but bool; the result has the input's.
    Raises: ``DTypeError`` for a bool tensor.

    >>> tc.ceil(tc.tensor([-1.5, 1.5]))
    tensor([-1.,  2.])
    """
    return _step("ceil", "ceil", input)


def trunc(input: Tensor) -> Tensor:
    """x without its fraction: rounded towards 0. The gradient is 0.

    Shape: any; the result has the input's.
    Dtype: any but bool; the result has the input's.
    Raises: ``DTypeError`` for a bool tensor.

    >>> tc.trunc(tc.tensor([-1.5, 1.5]))
    tensor([-1.,  1.])
    """
    return _step("trunc", "trunc", input)


fix = trunc


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number; halves go to the even one. The gradient is 0.

    ``decimals``: how many digits after the point are kept; before it, if negative.

    Shape: any; the result has the input's.
    Dtype: any but bool; the result has the input's. ``decimals`` other than 0 need float32 or float64.
    Raises: ``DTypeError`` for a bool tensor, and for integers with ``decimals``.

    >>> tc.round(tc.tensor([0.5, 1.5, 2.5])), tc.round(tc.tensor([2.345]), decimals=1)
    (tensor([0., 2., 2.]), tensor([2.3]))
    """
    if not isinstance(decimals, int | np.integer):
        raise DTypeError(f"round: decimals must be an int, got {type(decimals).__name__} {decimals!r:.60}")
    if decimals == 0:
        return _step("round", "rint", input)
    require_tensor("round", input=input)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"round: decimals={decimals} needs a float32 or float64 tensor, got {input.dtype.name}")
    return RoundTo(int(decimals)).apply(input)


def frac(input: Tensor) -> Tensor:
    """x - trunc(x): the fraction, with the sign of x.

    Shape: any; the result has the input's.
    Dtype: float32 or float64.
    Raises: ``DTypeError`` for another type.

    >>> tc.frac(tc.tensor([-1.5, 2.25]))
    tensor([-0.5 ,  0.25])
    """
    require_tensor("frac", input=input)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"frac: needs a float32 or float64 tensor, got {input.dtype.name}, which has no fractions")
    return Fraction().apply(input)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 where x < 0, 1 where x > 0, and ``values`` where x is 0.

    (PyTorch defines no gradient here; this one is 0 in x, and reaches ``values`` where x is 0.)

    Shape: broadcast together.
    Dtype: any, the same for both.
    Raises: ``DTypeError`` for two types; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.heaviside(tc.tensor([-1.5, 0.0, 2.0]), tc.tensor([0.5]))
    tensor([0. , 0.5, 1. ])
    """
    require_tensor("heaviside", input=input, values=values)
    if input.dtype is not values.dtype:
        raise DTypeError(
            f"heaviside: input is {input.dtype.name} and values {values.dtype.name}; they must have one type, "
            "convert with .to(dtype)"
        )
    return Heaviside().apply(input, values)
