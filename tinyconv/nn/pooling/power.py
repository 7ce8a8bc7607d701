"""Power-average pooling layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from tinyconv.core.errors import ArgumentError
from tinyconv.nn.module import Module
from tinyconv.ops import pooling
from tinyconv.ops.pooling.windows import window
from tinyconv.ops.tensor import Tensor


class _LPPool(Module):
    """Base: the window's numbers, checked at once."""

    function: ClassVar[Callable[..., Tensor]]
    directions: ClassVar[int]

    def __init__(
        self,
        norm_type: float,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        if norm_type == 0:
            raise ArgumentError(f"{type(self).__name__}: norm_type is the p of (sum x^p)^(1/p) and must not be 0")
        window(type(self).__name__, self.directions, kernel_size, stride)
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm without absolute values of each window of a sequence: (sum x^p)^(1/p).

    ``norm_type``: p; 1 gives sums, infinity the largest |x|. ``stride``: the kernel size by default. ``ceil_mode``: a
    last window may hang over the end; its sum is scaled up to a whole window.

    Shape: input (N, C, L) or (C, L); result (N, C, L') with L' = floor((L - kernel_size) / stride) + 1, ceil with
        ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1 or a norm_type of 0; in the call ``ShapeError`` for a window larger
        than the input.

    >>> nn.LPPool1d(2, 2)(tc.tensor([[3.0, 4.0, 6.0, 8.0]]))
    tensor([[ 5., 10.]])
    """

    function, directions = pooling.lp_pool1d, 1


class LPPool2d(_LPPool):
    """The p-norm without absolute values of each window of an image: (sum x^p)^(1/p).

    ``norm_type``: p; 1 gives sums, infinity the largest |x|. ``stride``: the kernel size by default. ``ceil_mode``: a
    last window may hang over the end; its sum is scaled up to a whole window.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W') with H' = floor((H - kernel_size) / stride) + 1, ceil
        with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1 or a norm_type of 0; in the call ``ShapeError`` for a window larger
        than the input.
    Source: Sermanet, Chintala & LeCun, "Convolutional neural networks applied to house numbers digit classification",
        2012.

    >>> nn.LPPool2d(2, 2)(tc.tensor([[[1.0, 1.0], [1.0, 1.0]]]))
    tensor([[[2.]]])
    """

    function, directions = pooling.lp_pool2d, 2


class LPPool3d(_LPPool):
    """The p-norm without absolute values of each window of a volume: (sum x^p)^(1/p).

    ``norm_type``: p; 1 gives sums, infinity the largest |x|. ``stride``: the kernel size by default. ``ceil_mode``: a
    last window may hang over the end; its sum is scaled up to a whole window.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W') with
        D' = floor((D - kernel_size) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1 or a norm_type of 0; in the call ``ShapeError`` for a window larger
        than the input.

    >>> nn.LPPool3d(2, (1, 2, 2))(tc.ones(1, 1, 2, 2))
    tensor([[[[2.]]]])
    """

    function, directions = pooling.lp_pool3d, 3
