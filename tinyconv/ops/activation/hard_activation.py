"""Activations made of straight lines (hardswish: and of a parabola) that shrink, or stand in for the sigmoid.

At a kink the gradient is that of PyTorch: 0 where a shrinking function is 0, and outside the slope of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.elementwise.pointwise import Pointwise, applied, number

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Hardshrink(Pointwise):
    """y = x where |x| > lambda, else 0;  dx = dy there, else 0."""

    kind = "hardshrink"

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def values(self, x: Any, y: Any) -> None:
        y[...] = x
        self.xp.copyto(y, 0, where=(x >= -self.bound) & (x <= self.bound))

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        dx[...] = dy
        self.xp.copyto(dx, 0, where=(v >= -self.bound) & (v <= self.bound))


class Softshrink(Pointwise):
    """y = x - min(max(x, -lambda), lambda);  dx = dy where |x| > lambda, else 0."""

    kind = "softshrink"
    of_output = True

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def values(self, x: Any, y: Any) -> None:
        self.xp.clip(x, -self.bound, self.bound, out=y)
        self.xp.subtract(x, y, out=y)

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        dx[...] = dy
        self.xp.copyto(dx, 0, where=v == 0)


class Hardsigmoid(Pointwise):
    """y = min(max(x + 3, 0), 6) / 6;  dx = dy / 6 where -3 < x < 3, else 0."""

    kind = "hardsigmoid"

    def values(self, x: Any, y: Any) -> None:
        self.xp.add(x, 3, out=y)
        self.xp.clip(y, 0, 6, out=y)
        y *= 1 / 6

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        self.xp.multiply(dy, 1 / 6, out=dx)
        self.xp.copyto(dx, 0, where=~((v > -3) & (v < 3)))


class Hardswish(Pointwise):
    """y = x min(max(x + 3, 0), 6) / 6;  dx = dy (x / 3 + 1/2) where -3 < x < 3, 0 below and dy above."""

    kind = "hardswish"

    def values(self, x: Any, y: Any) -> None:
        self.xp.add(x, 3, out=y)
        self.xp.clip(y, 0, 6, out=y)
        y *= x
        y *= 1 / 6

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        self.xp.multiply(v, 1 / 3, out=dx)
        dx += 0.5
        dx *= dy
        self.xp.copyto(dx, 0, where=v <= -3)
        self.xp.copyto(dx, dy, where=~(v < 3))  # NaN lets dy pass, as in PyTorch

    def curvature(self, v: Tensor) -> Tensor:
        return ((v > -3) & (v < 3)).to(v.dtype) * (1 / 3)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > ``lambd``, else 0.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types.

    >>> F.hardshrink(tc.tensor([-2.0, 0.3, 0.5, 1.0]))
    tensor([-2.,  0.,  0.,  1.])
    """
    return applied(Hardshrink(number("hardshrink", lambd=lambd)), input, "hardshrink")


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved by ``lambd`` towards 0, and 0 where |x| <= ``lambd``.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for a negative ``lambd``; ``DTypeError`` for other types.

    >>> F.softshrink(tc.tensor([-2.0, 0.3, 1.0]))
    tensor([-1.5,  0. ,  0.5])
    """
    if not number("softshrink", lambd=lambd) >= 0:
        raise ArgumentError(f"softshrink: lambd must be at least 0, since it is how far x moves towards 0; got {lambd}")
    return applied(Softshrink(lambd), input, "softshrink")


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6, the sigmoid in three straight lines.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types.

    >>> F.hardsigmoid(tc.tensor([-4.0, 0.0, 4.0]))
    tensor([0. , 0.5, 1. ])
    """
    return applied(Hardsigmoid(), input, "hardsigmoid", inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x min(max(x + 3, 0), 6) / 6.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types.
    Source: Howard et al., "Searching for MobileNetV3", 2019.

    >>> F.hardswish(tc.tensor([-4.0, 3.0, 5.0]))
    tensor([-0.,  3.,  5.])
    """
    return applied(Hardswish(), input, "hardswish", inplace)
