"""Activations that multiply x by a gate between 0 and 1: a function of x itself, or of another part of the input.

The sigmoid is written s, the standard normal density phi and its integral Phi.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.dispatch import normalize_dim
from tinyconv.ops.elementwise.elementwise import exp, sigmoid
from tinyconv.ops.elementwise.hyperbolic import tanh
from tinyconv.ops.elementwise.pointwise import Pointwise, applied, write_sigmoid
from tinyconv.ops.images import require_floating
from tinyconv.ops.indexing.gathering import narrow
from tinyconv.ops.shape.join import cat

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Gelu(Pointwise):
    """y = x Phi(x);  dx = dy (Phi(x) + x phi(x))."""

    kind = "gelu"
    by_tanh = False

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        return backend(self.device).gelu(x, self.by_tanh)

    def gradient(self, dy: Any, v: Any) -> Any:
        return backend(self.device).gelu_gradient(dy, v, self.by_tanh)

    def curvature(self, v: Tensor) -> Tensor:
        return exp(v * v * -0.5) * (2 - v * v) * (1 / math.sqrt(2 * math.pi))


class GeluTanh(Gelu):
    """y = x (1 + t) / 2, t = tanh u, u = k (x + a x^3);  dx = dy ((1 + t) + x (1 - t^2) u') / 2."""

    by_tanh = True
    k, a = math.sqrt(2 / math.pi), 0.044715

    def curvature(self, v: Tensor) -> Tensor:
        x = v.clamp(-10, 10)
        t = tanh(self.k * (x + self.a * x * x * x))
        first, second = self.k * (1 + 3 * self.a * x * x), 6 * self.a * self.k * x
        return (1 - t * t) * (first + x * (0.5 * second - t * first * first))


class Silu(Pointwise):
    """y = x s(x);  dx = dy s (1 + x (1 - s))."""

    kind = "silu"

    def values(self, x: Any, y: Any) -> None:
        write_sigmoid(self.xp, x, y)
        y *= x

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        s = self.xp.empty_like(dx)
        write_sigmoid(self.xp, v, s)
        self.xp.subtract(1, s, out=dx)
        dx *= v
        dx += 1
        dx *= s
        dx *= dy

    def curvature(self, v: Tensor) -> Tensor:
        s = sigmoid(v)
        return s * (1 - s) * (2 + v * (1 - 2 * s))


class Mish(Pointwise):
    """y = x t, t = tanh(ln(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2);  dx = dy (t + x s (1 - t^2)).

    Beyond 20, t is 1 to the last digit, so the exponent stops there.
    """

    kind = "mish"

    def values(self, x: Any, y: Any) -> None:
        self.xp.minimum(x, 20, out=y)
        self.xp.exp(y, out=y)
        y *= y + 2
        y /= y + 2
        y *= x

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        x = self.xp.minimum(v, 20)
        e = self.xp.exp(x)
        n = e * (e + 2)
        # s (1 - t^2) = 4 e (1 + e) / (n + 2)^2
        self.xp.add(e, 1, out=dx)
        dx *= e
        dx *= 4
        dx *= x
        dx /= n + 2
        dx += n
        dx /= n + 2
        dx *= dy

    def curvature(self, v: Tensor) -> Tensor:
        e = exp(v.clamp(max=20))
        n = e * (e + 2)
        t, s = n / (n + 2), sigmoid(v)
        inner = s * (1 - t * t)
        return inner * (2 + v * (1 - s - 2 * t * s))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Phi(x), with the integral Phi of the standard normal density.

    ``approximate="tanh"``: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 instead, which differs by up to 5e-4.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for another ``approximate``; ``DTypeError`` for other types.
    Source: Hendrycks & Gimpel, "Gaussian error linear units", 2016.

    >>> F.gelu(tc.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.    ,  0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")
    return applied(Gelu() if approximate == "none" else GeluTanh(), input, "gelu")


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x / (1 + e^-x), also called swish.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types.
    Source: Elfwing, Uchibe & Doya, "Sigmoid-weighted linear units", 2017.

    >>> F.silu(tc.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2689,  0.    ,  0.7311])
    """
    return applied(Silu(), input, "silu", inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(ln(1 + e^x)).

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types.
    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2019.

    >>> F.mish(tc.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.3034,  0.    ,  0.8651])
    """
    return applied(Mish(), input, "mish", inplace)


class Glu(Operation):
    """y = a s(b), with a and b the halves of x along a dimension;  da = dy s(b),  db = dy a s(b) (1 - s(b))."""

    kind = "glu"

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        first, second = self.xp.split(x, 2, axis=self.dim)
        gate = layout.copy(second, self.xp)
        with np.errstate(all="ignore"):
            write_sigmoid(self.xp, second, gate)
            gate *= first
        return gate

    def backward(self, dy: Tensor) -> Any:
        x = self.retained()
        half = dy.shape[self.dim]
        first, gate = narrow(x, self.dim, 0, half), sigmoid(narrow(x, self.dim, half, half))
        passed = dy * gate
        return cat([passed, passed * first * (1 - gate)], self.dim)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a / (1 + e^-b), where a and b are the first and the second half of ``input`` along ``dim``.

    Shape: (..., 2 n, ...), an even size along ``dim``; result (..., n, ...)
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for an odd size; ``DimensionError``, ``DTypeError``.
    Source: Dauphin et al., "Language modeling with gated convolutional networks", 2017.

    >>> F.glu(tc.tensor([[2.0, 4.0, 0.0, 100.0]]))
    tensor([[1., 4.]])
    """
    require_floating("glu", input=input)
    if not input.shape:
        raise ShapeError("glu: input has no dimensions, so it has no halves; give it at least one")
    dim = normalize_dim("glu", dim, len(input.shape))
    if input.shape[dim] % 2:
        raise ShapeError(
            f"glu: dimension {dim} of input {input.shape} has size {input.shape[dim]}; it must be even, so that one "
            "half can gate the other"
        )
    result: Tensor = Glu(dim).apply(input)
    return result
