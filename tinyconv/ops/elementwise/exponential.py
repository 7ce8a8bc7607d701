"""Exponentials and logarithms other than the plain ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import DTypeError
from tinyconv.ops.dispatch import (
    floating,
    floating_operands,
    operands,
    require_number,
    require_one_tensor,
    require_tensor,
    weight_of,
)
from tinyconv.ops.elementwise.binary import Binary, Operand
from tinyconv.ops.elementwise.elementwise import Unary

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Exp2(Unary):
    """y = 2^x,  dx = dy y ln 2."""

    function, of_output = "exp2", True

    def derivative(self, value: Tensor) -> Tensor:
        return value * math.log(2)


class Expm1(Unary):
    """y = e^x - 1, exact near 0,  dx = dy (y + 1)."""

    function, of_output = "expm1", True

    def derivative(self, value: Tensor) -> Tensor:
        return value + 1


class Log1p(Unary):
    """y = ln(1 + x), exact near 0,  dx = dy / (1 + x)."""

    function = "log1p"

    def backward(self, dy: Tensor) -> Tensor:
        quotient: Tensor = dy / (self.retained() + 1)
        return quotient


class LogBase(Unary):
    """y = ln x / ln b, for b = 2 or 10,  dx = dy / (x ln b)."""

    def __init__(self, function: str) -> None:
        self.function = function  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self.function

    def backward(self, dy: Tensor) -> Tensor:
        quotient: Tensor = dy / (self.retained() * math.log(2 if self.function == "log2" else 10))
        return quotient


class LogAddExp(Binary):
    """z = ln(e^x + e^y),  dx = dz / (1 + e^(y-x)),  dy = dz / (1 + e^(x-y))."""

    function = "logaddexp"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        needs = self.needs_input_gradient
        # The shares are sigmoids, in a form that does not overflow.
        return self.to_operands(
            dz * (x - y).sigmoid() if needs[0] else None,
            dz * (y - x).sigmoid() if needs[1] else None,
        )


class XLogY(Binary):
    """z = x ln y, 0 where x = 0 unless y is NaN,  dx = dz ln y (0 where x = 0 and y <= 0),  dy = dz x / y."""

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        return super().forward(x, y)

    def compute(self, x: Any, y: Any, result: Any) -> None:
        self.xp.log(y, out=result)
        self.xp.multiply(result, x, out=result)
        self.xp.copyto(result, 0, where=(x == 0) & ~self.xp.isnan(y))

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        dx = dy = None
        if self.needs_input_gradient[0]:
            vanishes = (x == 0) & (y <= 0)
            dx = xlogy(dz, y.masked_fill(vanishes, 1.0))
        if self.needs_input_gradient[1]:
            dy = dz * x / y
        return self.to_operands(dx, dy)


class Logit(Unary):
    """y = ln(x / (1 - x)), of x moved into [eps, 1 - eps],  dx = dy / (x (1 - x)) inside, 0 outside."""

    def __init__(self, eps: float | None) -> None:
        self.eps = eps

    def compute(self, x: Any, result: Any) -> None:
        source = x
        if self.eps is not None:
            low, high = x.dtype.type(self.eps), x.dtype.type(1 - self.eps)
            source = self.xp.minimum(self.xp.maximum(x, low, out=result), high, out=result)
        self.xp.divide(source, 1 - source, out=result)
        self.xp.log(result, out=result)

    def backward(self, dy: Tensor) -> Tensor:
        x = self.retained()
        low, high = (0.0, 1.0) if self.eps is None else (self.eps, 1 - self.eps)
        inside = ~((x.array < low) | (x.array > high))
        outside = math.nan if self.eps is None else 0.0
        dx: Tensor = dy / (x * (1 - x))
        return dx.where(weight_of(inside, x).bool(), outside)


def exp2(input: Tensor) -> Tensor:
    """2^x.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.exp2(tc.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    return Exp2().apply(floating("exp2", input))


def expm1(input: Tensor) -> Tensor:
    """e^x - 1, without cancellation near 0.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.expm1(tc.tensor([0.0, 1e-9]))
    tensor([0.e+00, 1.e-09])
    """
    return Expm1().apply(floating("expm1", input))


def log1p(input: Tensor) -> Tensor:
    """ln(1 + x), without cancellation near 0.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.log1p(tc.tensor([0.0, 1e-9]))
    tensor([0.e+00, 1.e-09])
    """
    return Log1p().apply(floating("log1p", input))


def log2(input: Tensor) -> Tensor:
    """The logarithm to base 2: -inf at 0, NaN below.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.log2(tc.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    return LogBase("log2").apply(floating("log2", input))


def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10: -inf at 0, NaN below.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.log10(tc.tensor([1.0, 1000.0]))
    tensor([0., 3.])
    """
    return LogBase("log10").apply(floating("log10", input))


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """ln(e^x + e^y), without overflow: the sum of probabilities that are given as logarithms.

    Shape: broadcast together.
    Dtype: the promoted type, which must be float32 or float64.
    Raises: ``DTypeError`` for integers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.logaddexp(tc.tensor([200.0]), tc.tensor([200.0]))
    tensor([200.6931])
    """
    require_tensor("logaddexp", input=input, other=other)
    x, y = operands("logaddexp", input, other)
    if not x.dtype.is_floating_point:
        raise DTypeError(f"logaddexp: needs a float32 or float64 tensor, got {x.dtype.name}; convert with .float()")
    return LogAddExp().apply(x, y)


def xlogy(input: Operand, other: Operand) -> Tensor:
    """x ln y, and 0 where x is 0: the terms of an entropy.

    ``input``, ``other``: tensors or numbers, at least one a tensor.

    Shape: broadcast together.
    Dtype: the promoted type, float32 for integers and bool.
    Raises: ``DTypeError`` for two numbers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.xlogy(tc.tensor([0.0, 2.0]), tc.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    require_one_tensor("xlogy", input, other)
    return XLogY().apply(*floating_operands("xlogy", input, other))


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """ln(x / (1 - x)): the log-odds of a probability, the inverse of ``sigmoid``.

    ``eps``: if given, x is moved into [eps, 1 - eps] first; without it, the result is NaN outside [0, 1].

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor; ``ArgumentError`` for an ``eps`` that is no number.

    >>> tc.logit(tc.tensor([0.5, 1.0])), tc.logit(tc.tensor([1.0]), eps=0.1)
    (tensor([ 0., inf]), tensor([2.1972]))
    """
    if eps is not None:
        require_number("logit", eps=eps)
    return Logit(eps).apply(floating("logit", input))
