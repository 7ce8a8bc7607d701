"""Average pooling layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from tinyconv.core.errors import ArgumentError
from tinyconv.nn.module import Module
from tinyconv.ops import pooling
from tinyconv.ops.pooling.windows import window
from tinyconv.ops.tensor import Tensor


class AvgPool1d(Module):
    """The mean of each window of a sequence.

    ``stride``: the kernel size by default. ``padding``: with zeros, at most half the window; they count as elements
    with ``count_include_pad``. ``ceil_mode``: a last window may hang over the end.

    Shape: input (N, C, L) or (C, L); result (N, C, L') with
        L' = floor((L + 2 padding - kernel_size) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1 or padding of more than half a window; in the call ``ShapeError`` for
        a window larger than the padded input.

    >>> nn.AvgPool1d(2, stride=1)(tc.tensor([[1.0, 3.0, 5.0]]))
    tensor([[2., 4.]])
    """

    def __init__(
        self,
        kernel_size: int | tuple[int],
        stride: int | tuple[int] | None = None,
        padding: int | tuple[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        checked = window("AvgPool1d", 1, kernel_size, stride, padding)
        self.kernel_size = (checked.kernel_size[1],)
        self.stride = (checked.stride[1],)
        self.padding = (checked.padding[1],)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return pooling.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """Base of those of images and volumes: the window's numbers, checked at once."""

    function: ClassVar[Callable[..., Tensor]]
    directions: ClassVar[int]

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override
        window(type(self).__name__, self.directions, kernel_size, stride, padding)
        if divisor_override == 0:
            raise ArgumentError(f"{type(self).__name__}: divisor_override must not be 0")

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window of an image.

    ``stride``: the kernel size by default. ``padding``: with zeros, at most half the window; they count as pixels with
    ``count_include_pad``. ``ceil_mode``: a last window may hang over the end. ``divisor_override``: divide each sum by
    this number instead of the number of pixels.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W') with
        H' = floor((H + 2 padding - kernel_size) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1, padding of more than half a window or a divisor of 0; in the call
        ``ShapeError`` for a window larger than the padded input.

    >>> nn.AvgPool2d(2)(tc.arange(16.0).reshape(1, 4, 4)).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """

    function, directions = pooling.avg_pool2d, 2


class AvgPool3d(_AvgPool):
    """The mean of each window of a volume.

    ``stride``: the kernel size by default. ``padding``: with zeros, at most half the window; they count as voxels with
    ``count_include_pad``. ``ceil_mode``: a last window may hang over the end. ``divisor_override``: divide each sum by
    this number instead of the number of voxels.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W') with
        D' = floor((D + 2 padding - kernel_size) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1, padding of more than half a window or a divisor of 0; in the call
        ``ShapeError`` for a window larger than the padded input.

    >>> nn.AvgPool3d(2)(tc.arange(16.0).reshape(1, 2, 2, 4)).tolist()
    [[[[6.5, 8.5]]]]
    """

    function, directions = pooling.avg_pool3d, 3
