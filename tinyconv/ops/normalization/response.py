"""Local response normalisation: each channel is held down by the squares of its neighbouring channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.images import require_floating

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class ChannelWindowSum(Operation):
    """y[:,c] = sum of x[:,c-before] to x[:,c+after], as far as they exist;  dx sums dy over the mirrored window."""

    def __init__(self, before: int, after: int) -> None:
        self.before, self.after = before, after

    def forward(self, x: Any) -> Any:
        result = layout.copy(x, self.xp)
        channels = x.shape[1]
        for shift in range(1, min(self.before, channels - 1) + 1):
            result[:, shift:] += x[:, :-shift]
        for shift in range(1, min(self.after, channels - 1) + 1):
            result[:, :-shift] += x[:, shift:]
        return result

    def backward(self, dy: Tensor) -> Any:
        return ChannelWindowSum(self.after, self.before).apply(dy)


class LocalResponseNorm(Operation):
    """y = x d^-beta with d[:,c] = k + alpha/size sum over the window around c of x^2.

    dx = dy d^-beta - (2 alpha beta / size) x (sum over the mirrored window of dy x d^(-beta-1))
    """

    kind = "norm"

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        self.window = size // 2, (size - 1) // 2
        self.rate, self.beta, self.k = alpha / size, beta, k

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        squares = layout.empty(x.shape, x.dtype, self.xp)
        with np.errstate(all="ignore"):
            self.xp.multiply(x, x, out=squares)
            total = ChannelWindowSum(*self.window)
            total.xp = self.xp
            result = total.forward(squares)
            result *= self.rate
            result += self.k
            self.xp.power(result, -self.beta, out=result)
            result *= x
        return result

    def backward(self, dy: Tensor) -> Any:
        x = self.retained()
        divisor = ChannelWindowSum(*self.window).apply(x * x) * self.rate + self.k
        direct = dy * divisor**-self.beta
        others = ChannelWindowSum(*reversed(self.window)).apply(direct * x / divisor)
        return direct - x * others * (2 * self.rate * self.beta)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """``input`` over a power of the mean square of ``size`` neighbouring channels at the same pixel.

        y[c] = x[c] / (k + alpha / size sum of x[c']^2)^beta,   c - size // 2 <= c' <= c + (size - 1) // 2

    Channels that do not exist count as 0. (The paper has alpha for alpha / size.)

    Shape: input (N, C, L), (N, C, H, W) or (N, C, D, H, W), result the same.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for fewer than 3 dimensions; ``ArgumentError`` for a size below 1; ``DTypeError``.
    Source: Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
        section 3.3.

    >>> F.local_response_norm(tc.ones(1, 3, 1), size=2, alpha=2.0, beta=1.0, k=0.0).flatten().tolist()
    [1.0, 0.5, 0.5]
    """
    require_floating("local_response_norm", input=input)
    if input.ndim < 3:
        raise ShapeError(
            f"local_response_norm: input must have channels and pixels, (N, C, L) or more dimensions, got shape "
            f"{tuple(input.shape)}; unsqueeze(0) makes a batch of one"
        )
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ArgumentError(f"local_response_norm: size counts channels, so it must be an int above 0, got {size!r}")
    result: Tensor = LocalResponseNorm(size, alpha, beta, k).apply(input)
    return result
