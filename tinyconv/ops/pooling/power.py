"""Power-average pooling: the p-norm of each window, between the sum (p = 1) and the maximum (p = infinity)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.elementwise.elementwise import abs
from tinyconv.ops.elementwise.selection import where
from tinyconv.ops.pooling.average import AvgPool, AvgPoolGradient
from tinyconv.ops.pooling.maximum import max_pool1d, max_pool2d, max_pool3d
from tinyconv.ops.pooling.windows import Window, map_size, on_maps, window

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class LPPool(AvgPool):
    """y = t^(1/p) with t = k mean of x^p over a window of k pixels;  dx = x^(p-1) spread of dy k t^(1/p-1) / k.

    Where t is 0 the gradient is 0.
    """

    def __init__(self, window: Window, norm_type: float) -> None:
        super().__init__(window)
        self.norm_type = norm_type
        self.pixels = math.prod(window.kernel_size)

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        images = self.images(x)
        # A root of a negative sum is NaN, as in PyTorch; NumPy's warning would name a line in here.
        with np.errstate(all="ignore"):
            total = self.kernel("avg_pool")(images**self.norm_type, *self.arguments())
            total *= self.pixels
            self.xp.power(total, 1 / self.norm_type, out=total)
        return self.maps(total)

    def backward(self, dy: Tensor) -> Any:
        x, p = self.retained(), self.norm_type
        total = AvgPool(self.window).apply(x**p) * self.pixels
        vanishes = total == 0
        slope = dy * where(vanishes, 1.0, total) ** (1 / p - 1) * self.pixels
        spread = AvgPoolGradient(self, self.input_size).apply(where(vanishes, 0.0, slope))
        return spread if p == 1 else spread * x ** (p - 1)


def lp_pool1d(
    input: Tensor,
    norm_type: int | float,
    kernel_size: int | tuple[int],
    stride: int | tuple[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm without absolute values of each window of a sequence: (sum x^p)^(1/p).

    ``norm_type``: p. 1 gives sums, infinity the largest |x|. ``stride``: the kernel size by default. ``ceil_mode``: a
    last window may hang over the end, if it starts before it; its sum is scaled up to a whole window. Where the sum is
    0 the gradient is 0; of a negative sum the root is NaN.

    Shape: input (N, C, L) or (C, L); result (N, C, L') with L' = floor((L - kernel_size) / stride) + 1, ceil with
        ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a window larger than the input; ``ArgumentError`` for numbers below 1 or a norm_type of
        0; ``DTypeError``.

    >>> F.lp_pool1d(tc.tensor([[3.0, 4.0, 6.0, 8.0]]), norm_type=2, kernel_size=2)
    tensor([[ 5., 10.]])
    """
    return _lp_pool(input, norm_type, window("lp_pool1d", 1, kernel_size, stride, 0, 1, ceil_mode), max_pool1d)


def lp_pool2d(
    input: Tensor,
    norm_type: int | float,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm without absolute values of each window of an image: (sum x^p)^(1/p).

    ``norm_type``: p. 1 gives sums, infinity the largest |x|. ``stride``: the kernel size by default. ``ceil_mode``: a
    last window may hang over the end, if it starts before it; its sum is scaled up to a whole window. Where the sum is
    0 the gradient is 0; of a negative sum the root is NaN.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W') with H' = floor((H - kernel_size) / stride) + 1, ceil
        with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a window larger than the input; ``ArgumentError`` for numbers below 1 or a norm_type of
        0; ``DTypeError``.
    Source: Sermanet, Chintala & LeCun, "Convolutional neural networks applied to house numbers digit classification",
        2012.

    >>> F.lp_pool2d(tc.tensor([[[1.0, 1.0], [1.0, 1.0]]]), norm_type=2, kernel_size=2)
    tensor([[[2.]]])
    """
    return _lp_pool(input, norm_type, window("lp_pool2d", 2, kernel_size, stride, 0, 1, ceil_mode), max_pool2d)


def lp_pool3d(
    input: Tensor,
    norm_type: int | float,
    kernel_size: int | tuple[int, int, int],
    stride: int | tuple[int, int, int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm without absolute values of each window of a volume: (sum x^p)^(1/p).

    ``norm_type``: p. 1 gives sums, infinity the largest |x|. ``stride``: the kernel size by default. ``ceil_mode``: a
    last window may hang over the end, if it starts before it; its sum is scaled up to a whole window. Where the sum is
    0 the gradient is 0; of a negative sum the root is NaN.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W') with
        D' = floor((D - kernel_size) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a window larger than the input; ``ArgumentError`` for numbers below 1 or a norm_type of
        0; ``DTypeError``.

    >>> F.lp_pool3d(tc.ones(1, 1, 2, 2), norm_type=2, kernel_size=(1, 2, 2))
    tensor([[[[2.]]]])
    """
    return _lp_pool(input, norm_type, window("lp_pool3d", 3, kernel_size, stride, 0, 1, ceil_mode), max_pool3d)


def _lp_pool(input: Tensor, norm_type: float, window: Window, max_pool: Any) -> Tensor:
    if (
        isinstance(norm_type, bool)
        or not isinstance(norm_type, int | float)
        or norm_type == 0
        or norm_type != norm_type
    ):
        raise ArgumentError(
            f"{window.name}: norm_type is the p of (sum x^p)^(1/p), a number other than 0, got {norm_type!r}"
        )
    if math.isinf(norm_type):
        kernel, stride = window.shown(window.kernel_size), window.shown(window.stride)
        result: Tensor = max_pool(abs(input) * math.copysign(1, norm_type), kernel, stride, ceil_mode=window.ceil_mode)
        return result if norm_type > 0 else -result

    def pool(maps: Tensor) -> Any:
        window.check_fits(map_size(maps, window.directions))
        return LPPool(window, float(norm_type)).apply(maps)

    pooled: Tensor = on_maps(window.name, window.directions, input, pool)
    return pooled
