"""The error function and its relatives, on kernels of their own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.backends import backend
from tinyconv.ops.dispatch import floating
from tinyconv.ops.elementwise.elementwise import Unary

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class OnKernel(Unary):
    """A function of one element that has a kernel, called ``function``."""

    def forward(self, x: Any) -> Any:
        self.retain()
        return getattr(backend(self.device), self.function)(x)


class ErrorFunction(OnKernel):
    """y = 2 pi^(-1/2) times the integral of e^(-t^2) from 0 to x,  dx = 2 pi^(-1/2) e^(-x^2) dy."""

    function = "erf"

    def derivative(self, value: Tensor) -> Tensor:
        return (-value * value).exp() * (2 / math.sqrt(math.pi))


class ComplementaryErrorFunction(OnKernel):
    """y = 1 - erf x, without cancellation,  dx = -2 pi^(-1/2) e^(-x^2) dy."""

    function = "erfc"

    def derivative(self, value: Tensor) -> Tensor:
        return (-value * value).exp() * (-2 / math.sqrt(math.pi))


class InverseErrorFunction(OnKernel):
    """y with erf y = x,  dx = pi^(1/2) / 2 e^(y^2) dy."""

    of_output = True
    function = "erfinv"

    def derivative(self, value: Tensor) -> Tensor:
        return (value * value).exp() * (0.5 * math.sqrt(math.pi))


def erf(input: Tensor) -> Tensor:
    """The error function: the probability that a normal number of variance 1/2 lies within |x| of 0, with x's sign.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.
    Source: Cody, "Rational Chebyshev approximations for the error function", 1969.

    >>> tc.erf(tc.tensor([0.0, 1.0]))
    tensor([0.    , 0.8427])
    """
    return ErrorFunction().apply(floating("erf", input))


def erfc(input: Tensor) -> Tensor:
    """1 - erf(x), accurate where erf(x) is close to 1.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.
    Source: Cody, "Rational Chebyshev approximations for the error function", 1969.

    >>> tc.erfc(tc.tensor([0.0, 1.0]))
    tensor([1.    , 0.1573])
    """
    return ComplementaryErrorFunction().apply(floating("erfc", input))


def erfinv(input: Tensor) -> Tensor:
    """The inverse of ``erf``: infinite at -1 and 1, NaN beyond.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.erfinv(tc.tensor([0.0, 0.5]))
    tensor([0.    , 0.4769])
    """
    return InverseErrorFunction().apply(floating("erfinv", input))
