"""The hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyconv.ops.dispatch import floating
from tinyconv.ops.elementwise.elementwise import Unary

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Sinh(Unary):
    """y = (e^x - e^-x) / 2,  dx = dy cosh x."""

    function = "sinh"

    def derivative(self, value: Tensor) -> Tensor:
        return cosh(value)


class Cosh(Unary):
    """y = (e^x + e^-x) / 2,  dx = dy sinh x."""

    function = "cosh"

    def derivative(self, value: Tensor) -> Tensor:
        return sinh(value)


class Tanh(Unary):
    """y = tanh x,  dx = dy (1 - y^2)."""

    kind = "tanh"
    function, of_output = "tanh", True

    def derivative(self, value: Tensor) -> Tensor:
        return 1 - value * value


class InverseSinh(Unary):
    """y = ln(x + (x^2 + 1)^(1/2)),  dx = dy / (x^2 + 1)^(1/2)."""

    function = "arcsinh"

    def derivative(self, value: Tensor) -> Tensor:
        return (value * value + 1).rsqrt()


class InverseCosh(Unary):
    """y = ln(x + (x^2 - 1)^(1/2)),  dx = dy / (x^2 - 1)^(1/2)."""

    function = "arccosh"

    def derivative(self, value: Tensor) -> Tensor:
        return (value * value - 1).rsqrt()


class InverseTanh(Unary):
    """y = ln((1 + x) / (1 - x)) / 2,  dx = dy / (1 - x^2)."""

    function = "arctanh"

    def backward(self, dy: Tensor) -> Tensor:
        x = self.retained()
        quotient: Tensor = dy / (1 - x * x)
        return quotient


def sinh(input: Tensor) -> Tensor:
    """The hyperbolic sine, (e^x - e^-x) / 2.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.sinh(tc.tensor([0.0, 1.0]))
    tensor([0.    , 1.1752])
    """
    return Sinh().apply(floating("sinh", input))


def cosh(input: Tensor) -> Tensor:
    """The hyperbolic cosine, (e^x + e^-x) / 2.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.cosh(tc.tensor([0.0, 1.0]))
    tensor([1.    , 1.5431])
    """
    return Cosh().apply(floating("cosh", input))


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent, from -1 to 1.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.tanh(tc.tensor([0.0, 1.0]))
    tensor([0.    , 0.7616])
    """
    return Tanh().apply(floating("tanh", input))


def asinh(input: Tensor) -> Tensor:
    """The inverse of ``sinh``.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.asinh(tc.tensor([0.0, 1.0]))
    tensor([0.    , 0.8814])
    """
    return InverseSinh().apply(floating("asinh", input))


arcsinh = asinh


def acosh(input: Tensor) -> Tensor:
    """The inverse of ``cosh`` on [1, inf); NaN below.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.acosh(tc.tensor([1.0, 2.0]))
    tensor([0.   , 1.317])
    """
    return InverseCosh().apply(floating("acosh", input))


arccosh = acosh


def atanh(input: Tensor) -> Tensor:
    """The inverse of ``tanh``: infinite at -1 and 1, NaN beyond.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.atanh(tc.tensor([0.0, 0.5]))
    tensor([0.    , 0.5493])
    """
    return InverseTanh().apply(floating("atanh", input))


arctanh = atanh
