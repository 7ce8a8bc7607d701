"""Rectifiers that let a part of what is negative pass: a fixed, a learnt, or a random part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout, random
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.transfer import placed
from tinyconv.ops.elementwise.pointwise import Pointwise, applied, in_place, number
from tinyconv.ops.elementwise.selection import where
from tinyconv.ops.images import require_floating
from tinyconv.ops.shape.shape import reduce_to, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class LeakyRelu(Pointwise):
    """y = x where x > 0, else slope x;  dx = dy where x > 0, else slope dy."""

    kind = "leaky_relu"

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def values(self, x: Any, y: Any) -> None:
        self.xp.multiply(x, self.slope, out=y)
        if 0 < self.slope <= 1:
            self.xp.maximum(x, y, out=y)  # several times as fast as choosing by a mask
        else:
            self.xp.copyto(y, x, where=x > 0)

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        self.xp.multiply(dy, self.slope, out=dx)
        self.xp.copyto(dx, dy, where=v > 0)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else ``negative_slope`` x; the gradient at 0 is ``negative_slope``.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types.
    Source: Maas, Hannun & Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    >>> F.leaky_relu(tc.tensor([-2.0, 3.0]), 0.5)
    tensor([-1.,  3.])
    """
    return applied(LeakyRelu(number("leaky_relu", negative_slope=negative_slope)), input, "leaky_relu", inplace)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """``leaky_relu`` written into ``input``.

    Shape: any
    Dtype: as for ``leaky_relu``.
    Raises: as for ``leaky_relu``; ``GraphError`` for a leaf that requires a gradient.

    >>> F.leaky_relu_(tc.tensor([-2.0, 3.0]), 0.5)
    tensor([-1.,  3.])
    """
    return in_place(LeakyRelu(number("leaky_relu_", negative_slope=negative_slope)), input, "leaky_relu_")


class Prelu(Operation):
    """y = x where x > 0, else w x, with a weight w for each channel;  dx = dy or w dy,  dw = sum of min(x, 0) dy."""

    kind = "prelu"

    def forward(self, x: Any, weight: Any) -> Any:
        self.retain_inputs(0, 1)
        result = layout.empty(x.shape, x.dtype, self.xp)
        with np.errstate(all="ignore"):
            self.xp.multiply(x, weight, out=result)
        self.xp.copyto(result, x, where=x > 0)
        return result

    def backward(self, dy: Tensor) -> Any:
        x, weight = self.retained()
        needs = self.needs_input_gradient
        dx = where(x > 0, dy, dy * weight) if needs[0] else None
        return dx, reduce_to(x.clamp(max=0) * dy, weight.shape) if needs[1] else None


class RandomSlopes(Operation):
    """y = x where x > 0, else a x, with a drawn from U(lower, upper);  dx = dy, or a dy."""

    kind = "leaky_relu"

    def __init__(self, lower: float, upper: float, factors: Any = None) -> None:
        self.lower, self.upper, self.saved = lower, upper, factors

    def forward(self, x: Any) -> Any:
        if self.saved is None:
            slopes = self.lower + (self.upper - self.lower) * random.uniform(x.shape, np.dtype(np.float64))
            self.saved = layout.empty(x.shape, x.dtype, self.xp)
            self.saved[...] = placed(slopes, self.device)
            self.xp.copyto(self.saved, 1, where=x > 0)
        return self.xp.multiply(x, self.saved, out=layout.empty(x.shape, x.dtype, self.xp))

    def backward(self, dy: Tensor) -> Any:
        return RandomSlopes(self.lower, self.upper, self.saved).apply(dy)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else ``weight`` x; the gradient at 0 is ``weight``.

    Shape: input (N, C, ...) or any; weight (C,), or (1,) or () for the same weight everywhere; result as input.
    Dtype: float32 or float64, the same for both.
    Raises: ``ShapeError`` for another number of weights; ``DTypeError``.
    Source: He et al., "Delving deep into rectifiers", 2015.

    >>> F.prelu(tc.tensor([[-2.0, -2.0]]), tc.tensor([0.5, 0.25]))
    tensor([[-1. , -0.5]])
    """
    require_floating("prelu", input=input, weight=weight)
    channels = input.shape[1] if len(input.shape) > 1 else 1
    if len(weight.shape) > 1 or weight.numel() not in (1, channels):
        raise ShapeError(
            f"prelu: weight must have shape (1,), or one element per channel, ({channels},) for input {input.shape}, "
            f"got {weight.shape}"
        )
    # Along the channels: dimension 1, if there is one.
    spread = tuple(weight.numel() if dim == 1 else 1 for dim in range(len(input.shape)))
    result: Tensor = Prelu().apply(input, reshape(weight, spread))
    return result


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where x > 0, else a x, with a drawn for each element from U(lower, upper) if ``training``, else their mean.

    Draws follow ``manual_seed``.

    Shape: any
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for ``lower`` above ``upper``; ``DTypeError`` for other types.
    Source: Xu et al., "Empirical evaluation of rectified activations in convolutional network", 2015.

    >>> F.rrelu(tc.tensor([-2.0, 3.0]), 0.25, 0.75)
    tensor([-1.,  3.])
    """
    return applied(_random_slopes("rrelu", input, lower, upper, training), input, "rrelu", inplace)


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """``rrelu`` written into ``input``.

    Shape: any
    Dtype: as for ``rrelu``.
    Raises: as for ``rrelu``; ``GraphError`` for a leaf that requires a gradient.

    >>> F.rrelu_(tc.tensor([-2.0, 3.0]), 0.25, 0.75)
    tensor([-1.,  3.])
    """
    return in_place(_random_slopes("rrelu_", input, lower, upper, training), input, "rrelu_")


def _random_slopes(name: str, input: Tensor, lower: float, upper: float, training: bool) -> Operation:
    require_floating(name, input=input)
    if not number(name, lower=lower) <= number(name, upper=upper):
        raise ArgumentError(f"{name}: lower = {lower} must not be above upper = {upper}")
    return RandomSlopes(lower, upper) if training else LeakyRelu((lower + upper) / 2)
