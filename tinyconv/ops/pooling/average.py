"""Average pooling: the mean of each window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.core.arrays import Sizes
from tinyconv.core.errors import ArgumentError
from tinyconv.ops.pooling.windows import Pooling, Window, map_size, on_maps, window

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class AvgPool(Pooling):
    """y[n,c,i,j] = 1/d sum over r,s of x[n,c,h,w], with d the number of pixels in the window;  dx spreads dy / d."""

    def __init__(self, window: Window, count_include_pad: bool = True, divisor_override: int | None = None) -> None:
        self.window, self.divisor = window, (count_include_pad, divisor_override)
        self.kernel_size, self.stride, self.padding = window.kernel_size, window.stride, window.padding
        self.dilation = window.dilation

    def forward(self, x: Any) -> Any:
        images = self.images(x)
        return self.maps(self.kernel("avg_pool")(images, *self.arguments()))

    def arguments(self) -> tuple[Any, ...]:
        """What the kernels take besides the maps."""
        return self.kernel_size, self.stride, self.padding, self.window.ceil_mode, *self.divisor

    def backward(self, dy: Tensor) -> Any:
        return AvgPoolGradient(self, self.input_size).apply(dy)


class AvgPoolGradient(Pooling):
    """dx[n,c,h,w] = sum over the windows that cover the pixel of dy[n,c,i,j] / d. Its derivative is the pooling."""

    kind = ""

    def __init__(self, pooling: AvgPool, input_size: Sizes) -> None:
        self.pooling, self.pooled_size = pooling, input_size

    def forward(self, dy: Any) -> Any:
        images = self.images(dy)
        return self.maps(self.kernel("avg_pool", "_gradient")(images, self.pooled_size, *self.pooling.arguments()))

    def backward(self, cotangent: Tensor) -> Any:
        return AvgPool(self.pooling.window, *self.pooling.divisor).apply(cotangent)


def avg_pool1d(
    input: Tensor,
    kernel_size: int | tuple[int],
    stride: int | tuple[int] | None = None,
    padding: int | tuple[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of a sequence.

    ``stride``: the kernel size by default. ``padding``: with zeros at both ends, at most half the window; they count as
    elements with ``count_include_pad``. ``ceil_mode``: a last window may hang over the end, if it starts before it.

    Shape: input (N, C, L) or (C, L); result (N, C, L') with
        L' = floor((L + 2 padding - kernel_size) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a window larger than the padded input; ``ArgumentError`` for numbers below 1 or padding
        of more than half a window; ``DTypeError``.

    >>> F.avg_pool1d(tc.tensor([[1.0, 5.0, 2.0, 4.0]]), 2)
    tensor([[3., 3.]])
    """
    return _avg_pool(input, window("avg_pool1d", 1, kernel_size, stride, padding, 1, ceil_mode), count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of an image.

    ``stride``: the kernel size by default. ``padding``: with zeros on all sides, at most half the window; they count as
    pixels with ``count_include_pad``. ``ceil_mode``: a last window may hang over the end, if it starts before it; what
    lies beyond the padding never counts. ``divisor_override``: divide each sum by this number instead. A number counts
    for both directions.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W') with
        H' = floor((H + 2 padding - kernel_size) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a window larger than the padded input; ``ArgumentError`` for numbers below 1, padding of
        more than half a window or a divisor of 0; ``DTypeError``.

    >>> F.avg_pool2d(tc.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    geometry = window("avg_pool2d", 2, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, geometry, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: int | tuple[int, int, int],
    stride: int | tuple[int, int, int] | None = None,
    padding: int | tuple[int, int, int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of a volume.

    ``stride``: the kernel size by default. ``padding``: with zeros on all sides, at most half the window; they count as
    voxels with ``count_include_pad``. ``ceil_mode``: a last window may hang over the end, if it starts before it; what
    lies beyond the padding never counts. ``divisor_override``: divide each sum by this number instead. A number counts
    for all three directions.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W') with
        D' = floor((D + 2 padding - kernel_size) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a window larger than the padded input; ``ArgumentError`` for numbers below 1, padding of
        more than half a window or a divisor of 0; ``DTypeError``.

    >>> F.avg_pool3d(tc.arange(16.0).reshape(1, 2, 2, 4), 2).tolist()
    [[[[6.5, 8.5]]]]
    """
    geometry = window("avg_pool3d", 3, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, geometry, count_include_pad, divisor_override)


def _avg_pool(input: Tensor, window: Window, count_include_pad: bool, divisor_override: int | None = None) -> Tensor:
    if divisor_override == 0:
        raise ArgumentError(f"{window.name}: divisor_override must not be 0")

    def pool(maps: Tensor) -> Any:
        window.check_fits(map_size(maps, window.directions))
        return AvgPool(window, count_include_pad, divisor_override).apply(maps)

    result: Tensor = on_maps(window.name, window.directions, input, pool)
    return result
