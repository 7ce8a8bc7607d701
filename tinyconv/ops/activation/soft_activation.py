"""Smooth activations, written so that neither tail overflows or cancels. The sigmoid is written s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.dispatch import floating
from tinyconv.ops.elementwise.elementwise import abs, exp, sigmoid, sign
from tinyconv.ops.elementwise.hyperbolic import tanh
from tinyconv.ops.elementwise.pointwise import Pointwise, applied, in_place, is_integer, number, write_sigmoid

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
"""The fixed point of Klambauer et al.: with these, activations keep mean 0 and variance 1 from layer to layer."""


class Elu(Pointwise):
    """y = scale x where x > 0, else scale alpha (e^(rate x) - 1);  dx = scale dy, or scale alpha rate e^(rate x) dy.

    ELU has scale = rate = 1, SELU its own constants, CELU rate = 1 / alpha.
    """

    kind = "elu"

    def __init__(self, alpha: float, scale: float = 1.0, rate: float = 1.0) -> None:
        self.alpha, self.scale, self.rate = alpha, scale, rate

    def values(self, x: Any, y: Any) -> None:
        self.xp.minimum(x, 0, out=y)
        y *= self.rate
        self.xp.expm1(y, out=y)
        y *= self.scale * self.alpha
        y += self.scale * self.xp.maximum(x, 0)  # one of the two is 0

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        self.xp.minimum(v, 0, out=dx)
        dx *= self.rate
        self.xp.exp(dx, out=dx)
        dx *= self.scale * self.alpha * self.rate
        self.xp.copyto(dx, self.scale, where=~(v <= 0))  # NaN lets dy pass, as in PyTorch
        dx *= dy

    def curvature(self, v: Tensor) -> Tensor:
        left = (v <= 0).to(v.dtype)
        return left * exp(v.clamp(max=0) * self.rate) * (self.scale * self.alpha * self.rate**2)


class Softplus(Pointwise):
    """y = ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold;  dx = dy s(beta x), or dy."""

    kind = "softplus"

    def __init__(self, beta: float, threshold: float) -> None:
        self.beta, self.threshold = beta, threshold

    def values(self, x: Any, y: Any) -> None:
        z = self.xp.multiply(x, self.beta)
        # ln(1 + e^z) = max(z, 0) + ln(1 + e^-|z|)
        self.xp.absolute(z, out=y)
        self.xp.negative(y, out=y)
        self.xp.exp(y, out=y)
        self.xp.log1p(y, out=y)
        y += self.xp.maximum(z, 0)
        y /= self.beta
        self.xp.copyto(y, x, where=z > self.threshold)

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        z = self.xp.multiply(v, self.beta)
        write_sigmoid(self.xp, z, dx)
        dx *= dy
        self.xp.copyto(dx, dy, where=z > self.threshold)

    def curvature(self, v: Tensor) -> Tensor:
        z = v * self.beta
        s = sigmoid(z)
        return (z <= self.threshold).to(v.dtype) * s * (1 - s) * self.beta


class LogSigmoid(Pointwise):
    """y = ln(1 / (1 + e^-x)) = min(x, 0) - ln(1 + e^-|x|);  dx = dy s(-x)."""

    kind = "logsigmoid"

    def values(self, x: Any, y: Any) -> None:
        self.xp.absolute(x, out=y)
        self.xp.negative(y, out=y)
        self.xp.exp(y, out=y)
        self.xp.log1p(y, out=y)
        self.xp.subtract(self.xp.minimum(x, 0), y, out=y)

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        self.xp.exp(v, out=dx)
        dx += 1
        self.xp.divide(dy, dx, out=dx)

    def curvature(self, v: Tensor) -> Tensor:
        return -(sigmoid(v) * sigmoid(-v))


class Softsign(Pointwise):
    """y = x / (1 + |x|);  dx = dy / (1 + |x|)^2."""

    kind = "softsign"

    def values(self, x: Any, y: Any) -> None:
        self.xp.absolute(x, out=y)
        y += 1
        self.xp.divide(x, y, out=y)

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        self.xp.absolute(v, out=dx)
        dx += 1
        dx *= dx
        self.xp.divide(dy, dx, out=dx)

    def curvature(self, v: Tensor) -> Tensor:
        width = 1 + abs(v)
        return -2 * sign(v) / (width * width * width)


class Tanhshrink(Pointwise):
    """y = x - tanh x;  dx = dy tanh^2 x."""

    kind = "tanhshrink"

    def values(self, x: Any, y: Any) -> None:
        self.xp.tanh(x, out=y)
        self.xp.subtract(x, y, out=y)

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        self.xp.tanh(v, out=dx)
        dx *= dx
        dx *= dy

    def curvature(self, v: Tensor) -> Tensor:
        t = tanh(v)
        return 2 * t * (1 - t * t)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else ``alpha`` (e^x - 1).

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types.
    Source: Clevert, Unterthiner & Hochreiter, "Fast and accurate deep network learning by exponential linear units",
        2016.

    >>> F.elu(tc.tensor([-100.0, 0.0, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    return applied(Elu(number("elu", alpha=alpha)), input, "elu", inplace)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``elu`` written into ``input``.

    Shape: any
    Dtype: as for ``elu``.
    Raises: as for ``elu``; ``GraphError`` for a leaf that requires a gradient.

    >>> F.elu_(tc.tensor([-100.0, 2.0]))
    tensor([-1.,  2.])
    """
    return in_place(Elu(number("elu_", alpha=alpha)), input, "elu_")


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 x where x > 0, else 1.0507 * 1.6733 (e^x - 1): keeps mean 0 and variance 1 from layer to layer.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types.
    Source: Klambauer et al., "Self-normalizing neural networks", 2017.

    >>> F.selu(tc.tensor([-100.0, 0.0, 1.0]))
    tensor([-1.7581,  0.    ,  1.0507])
    """
    return applied(Elu(SELU_ALPHA, SELU_SCALE), input, "selu", inplace)


def selu_(input: Tensor) -> Tensor:
    """``selu`` written into ``input``.

    Shape: any
    Dtype: as for ``selu``.
    Raises: as for ``selu``; ``GraphError`` for a leaf that requires a gradient.

    >>> F.selu_(tc.tensor([0.0, 1.0]))
    tensor([0.    , 1.0507])
    """
    return in_place(Elu(SELU_ALPHA, SELU_SCALE), input, "selu_")


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else ``alpha`` (e^(x / alpha) - 1): its slope is 1 on both sides of 0.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for ``alpha`` = 0; ``DTypeError`` for other types.
    Source: Barron, "Continuously differentiable exponential linear units", 2017.

    >>> F.celu(tc.tensor([-100.0, 0.0, 2.0]), alpha=3.0)
    tensor([-3.,  0.,  2.])
    """
    return applied(_celu("celu", alpha), input, "celu", inplace)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``celu`` written into ``input``.

    Shape: any
    Dtype: as for ``celu``.
    Raises: as for ``celu``; ``GraphError`` for a leaf that requires a gradient.

    >>> F.celu_(tc.tensor([-100.0, 2.0]), alpha=3.0)
    tensor([-3.,  2.])
    """
    return in_place(_celu("celu_", alpha), input, "celu_")


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^(beta x)) / beta, and x itself where beta x > ``threshold``.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for ``beta`` = 0; ``DTypeError`` for other types.
    Source: Dugas et al., "Incorporating second-order functional knowledge for better option pricing", 2001.

    >>> F.softplus(tc.tensor([-100.0, 0.0, 100.0]))
    tensor([3.7835e-44, 6.9315e-01, 1.0000e+02])
    """
    if number("softplus", beta=beta) == 0:
        raise ArgumentError("softplus: beta must not be 0, since the result is divided by it")
    return applied(Softplus(beta, number("softplus", threshold=threshold)), input, "softplus")


def logsigmoid(input: Tensor) -> Tensor:
    """ln(1 / (1 + e^-x)), without overflow or cancellation.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types.

    >>> F.logsigmoid(tc.tensor([-1000.0, 0.0, 1000.0]))
    tensor([-1.0000e+03, -6.9315e-01,  0.0000e+00])
    """
    return applied(LogSigmoid(), input, "logsigmoid")


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|).

    Shape: any
    Dtype: float32 or float64, which the result has too; integers give float32.
    Raises: ``DTypeError`` for bool.

    >>> F.softsign(tc.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.5 ,  0.  ,  0.75])
    """
    return applied(Softsign(), _as_fractions("softsign", input), "softsign")


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh x.

    Shape: any
    Dtype: float32 or float64, which the result has too; integers give float32.
    Raises: ``DTypeError`` for bool.

    >>> F.tanhshrink(tc.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2384,  0.    ,  0.2384])
    """
    return applied(Tanhshrink(), _as_fractions("tanhshrink", input), "tanhshrink")


def _celu(name: str, alpha: float) -> Elu:
    if number(name, alpha=alpha) == 0:
        raise ArgumentError(f"{name}: alpha must not be 0, since x is divided by it")
    return Elu(alpha, rate=1 / alpha)


def _as_fractions(name: str, input: Tensor) -> Tensor:
    return floating(name, input) if is_integer(name, input) else input
