"""Pooling: the largest or the mean value in each window.

Every rule here is linear once the winners of max-pooling are known, so derivatives alternate between two operations:
a scatter (the gradient) and a gather (the derivative of that gradient).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.geometry import window_extent
from tinyconv.ops.images import on_batch, padding_pair, positive_pair, window_positions

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class MaxPool2d(Operation):
    """y[n,c,i,j] = max over r,s of x[n,c,h,w];  dx gives dy[n,c,i,j] to the first pixel that reached the maximum."""

    kind = "pool"

    def __init__(self, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> None:
        self.kernel_size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation
        self.ceil_mode = ceil_mode

    def forward(self, x: Any) -> Any:
        self.input_size = x.shape[2:]
        y, self.saved = backend(self.device).max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )
        return y, self.saved

    def backward(self, dy: Tensor, _: None) -> Any:
        return Scatter2d(self.saved, self.input_size).apply(dy)


class Scatter2d(Operation):
    """x[n,c].flat[indices[n,c,i,j]] += y[n,c,i,j];  dy gathers dx."""

    def __init__(self, indices: Array, size: Pair) -> None:
        self.saved, self.size = indices, size

    def forward(self, y: Any) -> Any:
        return backend(self.device).max_pool2d_gradient(y, self.saved, self.size)

    def backward(self, dx: Tensor) -> Any:
        return Gather2d(self.saved).apply(dx)


class Gather2d(Operation):
    """y[n,c,i,j] = x[n,c].flat[indices[n,c,i,j]];  dx scatters dy."""

    def __init__(self, indices: Array) -> None:
        self.saved = indices

    def forward(self, x: Any) -> Any:
        self.size = x.shape[2:]
        return backend(self.device).gather_plane(x, self.saved)

    def backward(self, dy: Tensor) -> Any:
        return Scatter2d(self.saved, self.size).apply(dy)


class AvgPool2d(Operation):
    """y[n,c,i,j] = 1/d sum over r,s of x[n,c,h,w], with d the number of pixels in the window;  dx spreads dy / d."""

    kind = "pool"
    dilation: Pair = (1, 1)

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair,
        padding: Pair,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None,
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.divisor = ceil_mode, count_include_pad, divisor_override

    def forward(self, x: Any) -> Any:
        self.input_size = x.shape[2:]
        return backend(self.device).avg_pool2d(x, self.kernel_size, self.stride, self.padding, *self.divisor)

    def backward(self, dy: Tensor) -> Any:
        return AvgPool2dGradient(self, self.input_size).apply(dy)


class AvgPool2dGradient(Operation):
    """dx[n,c,h,w] = sum over the windows that cover the pixel of dy[n,c,i,j] / d. Its derivative is the pooling."""

    def __init__(self, pooling: AvgPool2d, input_size: Pair) -> None:
        self.parameters = pooling.kernel_size, pooling.stride, pooling.padding, *pooling.divisor
        self.input_size = input_size

    def forward(self, dy: Any) -> Any:
        return backend(self.device).avg_pool2d_gradient(dy, self.input_size, *self.parameters)

    def backward(self, cotangent: Tensor) -> Any:
        return AvgPool2d(*self.parameters).apply(cotangent)


class AdaptiveAvgPool2d(Operation):
    """y[n,c,i,j] = the mean of x[n,c] over rows floor(i H / H') to ceil((i+1) H / H') - 1, columns likewise."""

    kind = "pool"

    def __init__(self, output_size: Pair) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        self.input_size = x.shape[2:]
        return backend(self.device).adaptive_avg_pool2d(x, self.output_size)

    def backward(self, dy: Tensor) -> Any:
        return AdaptiveAvgPool2dGradient(self.input_size).apply(dy)


class AdaptiveAvgPool2dGradient(Operation):
    """dx spreads each dy[n,c,i,j] evenly over its window. Its derivative is the pooling."""

    def __init__(self, input_size: Pair) -> None:
        self.input_size = input_size

    def forward(self, dy: Any) -> Any:
        self.output_size = dy.shape[2:]
        return backend(self.device).adaptive_avg_pool2d_gradient(dy, self.input_size)

    def backward(self, cotangent: Tensor) -> Any:
        return AdaptiveAvgPool2d(self.output_size).apply(cotangent)


def max_pool2d(
    input: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of images (N, C, H, W), or of one image (C, H, W).

    ``stride``: the kernel size by default. ``padding``: with -inf, at most half the window. ``ceil_mode``: a last
    window may hang over the end. With ``return_indices`` also the winners' positions (int64), counted row by row
    within each channel. The first of equal maxima wins, NaN over all. Raises ``ShapeError``, ``ArgumentError``.
    """
    kernel = positive_pair("max_pool2d", "kernel_size", kernel_size)
    steps = kernel if stride is None else positive_pair("max_pool2d", "stride", stride)
    margins = padding_pair("max_pool2d", padding)
    gaps = positive_pair("max_pool2d", "dilation", dilation)
    _check_padding("max_pool2d", kernel, margins, gaps)

    def pool(images: Tensor) -> Any:
        size: Pair = images.shape[2:]  # type: ignore[assignment]
        positions = window_positions("max_pool2d", size, kernel, steps, margins, gaps, ceil_mode)
        for axis in (0, 1):
            _check_no_empty_window(size[axis], positions[axis], kernel[axis], steps[axis], margins[axis], gaps[axis])
        return MaxPool2d(kernel, steps, margins, gaps, ceil_mode).apply(images)

    values, indices = on_batch("max_pool2d", input, pool)
    # A copy: the switches themselves belong to backward, which must not see what the caller writes into them.
    return (values, indices.clone()) if return_indices else values


def avg_pool2d(
    input: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of images (N, C, H, W), or of one image (C, H, W).

    ``stride``: the kernel size by default. ``count_include_pad``: whether zeros of the padding count as pixels.
    ``divisor_override``: divide the sum by this number instead. Raises ``ShapeError``, ``ArgumentError``.
    """
    kernel = positive_pair("avg_pool2d", "kernel_size", kernel_size)
    steps = kernel if stride is None else positive_pair("avg_pool2d", "stride", stride)
    margins = padding_pair("avg_pool2d", padding)
    _check_padding("avg_pool2d", kernel, margins, (1, 1))
    if divisor_override == 0:
        raise ArgumentError("avg_pool2d: divisor_override must not be 0")

    def pool(images: Tensor) -> Any:
        size: Pair = images.shape[2:]  # type: ignore[assignment]
        window_positions("avg_pool2d", size, kernel, steps, margins, (1, 1), ceil_mode)
        return AvgPool2d(kernel, steps, margins, ceil_mode, count_include_pad, divisor_override).apply(images)

    result: Tensor = on_batch("avg_pool2d", input, pool)
    return result


def adaptive_avg_pool2d(input: Tensor, output_size: int | tuple[int | None, int | None] | None) -> Tensor:
    """The means of H' x W' windows of equal share that together cover images (N, C, H, W), or one image (C, H, W).

    ``output_size``: H' and W'; ``None`` keeps the input's. Raises ``ShapeError``, ``ArgumentError``.
    """
    given = output_size if isinstance(output_size, tuple | list) else (output_size, output_size)
    if len(given) != 2:
        raise ArgumentError(f"adaptive_avg_pool2d: output_size is a number or a pair, got {output_size!r}")

    def pool(images: Tensor) -> Any:
        size = images.shape[2:]
        if min(size) < 1:
            raise ShapeError(f"adaptive_avg_pool2d: images of shape {images.shape} have no pixels")
        filled = [own if wanted is None else wanted for wanted, own in zip(given, size, strict=True)]
        return AdaptiveAvgPool2d(positive_pair("adaptive_avg_pool2d", "output_size", filled)).apply(images)

    result: Tensor = on_batch("adaptive_avg_pool2d", input, pool)
    return result


def _check_padding(name: str, kernel_size: Pair, padding: Pair, dilation: Pair) -> None:
    for axis in (0, 1):
        if 2 * padding[axis] > window_extent(kernel_size[axis], dilation[axis]):
            raise ArgumentError(
                f"{name}: padding must be at most half the window, or a window would see padding only: padding "
                f"{padding}, kernel_size {kernel_size}, dilation {dilation}"
            )


def _check_no_empty_window(size: int, positions: int, kernel: int, stride: int, padding: int, dilation: int) -> None:
    """With a dilation, all pixels that a window looks at can fall outside: such a window has no maximum."""
    if dilation == 1:
        return
    for position in range(positions):
        start = position * stride - padding
        if not any(0 <= start + tap * dilation < size for tap in range(kernel)):
            raise ShapeError(
                f"max_pool2d: window {position} (kernel {kernel}, stride {stride}, padding {padding}, dilation "
                f"{dilation}) sees no pixel of an input {size} pixels long; use less padding or dilation"
            )
