"""Max pooling: the largest value in each window, and where it was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.arrays import Array, Sizes
from tinyconv.core.errors import ShapeError
from tinyconv.core.geometry import output_size
from tinyconv.core.windows import VolumeWindows, Windows, sliding_volume_windows, sliding_windows
from tinyconv.ops.dispatch import wrap
from tinyconv.ops.pooling.windows import Pooling, Window, map_size, on_maps, one_plane, window

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class MaxOfWindows(Pooling):
    """y[n,c,i,j] = max over r,s of x[n,c,h,w];  dx gives dy[n,c,i,j] to the first pixel that reached the maximum.

    What is kept for it is the winner's number in its window, in a byte; a pixel's index only for who asks.
    """

    def windows(self, size: Sizes) -> Windows | VolumeWindows:
        """The windows of maps of this size."""
        raise NotImplementedError

    def forward(self, x: Any) -> Any:
        images = self.images(x)
        y, self.saved = self.kernel("max_pool")(images, self.windows(self.input_size))
        return self.maps(y)

    def indices(self) -> Tensor:
        """Where the maxima are, counted row by row within each channel."""
        places = self.maps(self.windows(self.input_size).indices(self.saved, self.xp))
        return wrap(layout.ordered(places, self.xp), self.device)

    def backward(self, dy: Tensor) -> Any:
        return MaxOfWindowsGradient(self.saved, self.windows(self.input_size)).apply(dy)


class MaxOfWindowsGradient(Pooling):
    """dx[n,c,h,w] = the sum of dy[n,c,i,j] over the windows whose maximum is there;  dy gathers dx."""

    kind = ""

    def __init__(self, switches: Any, windows: Windows | VolumeWindows) -> None:
        self.saved, self.windows = switches, windows

    def forward(self, dy: Any) -> Any:
        images = self.images(dy)
        return self.maps(self.kernel("max_pool", "_gradient")(images, self.saved, self.windows))

    def backward(self, dx: Tensor) -> Any:
        return Gather(self.maps(layout.ordered(self.windows.indices(self.saved, self.xp), self.xp))).apply(dx)


class MaxPool(MaxOfWindows):
    """The maximum of windows that slide."""

    def __init__(self, window: Window) -> None:
        self.kernel_size, self.stride, self.padding = window.kernel_size, window.stride, window.padding
        self.dilation, self.ceil_mode = window.dilation, window.ceil_mode

    def windows(self, size: Sizes) -> Windows | VolumeWindows:
        slide: Any = sliding_volume_windows if len(size) == 3 else sliding_windows
        found: Windows | VolumeWindows = slide(
            size, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )
        return found


class Scatter(Pooling):
    """x[n,c].flat[indices[n,c,i,j]] += y[n,c,i,j];  dy gathers dx."""

    kind = ""

    def __init__(self, indices: Array, size: Sizes) -> None:
        self.saved, self.size = indices, size

    def forward(self, y: Any) -> Any:
        self.directions = len(self.size)
        plane = (1, *self.size) if self.directions == 1 else (self.size[0], math.prod(self.size[1:]))
        x = backend(self.device).scatter_plane(one_plane(y), one_plane(self.saved), plane)
        return x.reshape(*y.shape[:2], *self.size)

    def backward(self, dx: Tensor) -> Any:
        return Gather(self.saved).apply(dx)


class Gather(Pooling):
    """y[n,c,i,j] = x[n,c].flat[indices[n,c,i,j]];  dx scatters dy."""

    kind = ""

    def __init__(self, indices: Array) -> None:
        self.saved = indices

    def forward(self, x: Any) -> Any:
        self.directions, self.input_size = x.ndim - 2, x.shape[2:]
        y = backend(self.device).gather_plane(one_plane(x), one_plane(self.saved))
        return y.reshape(self.saved.shape)

    def backward(self, dy: Tensor) -> Any:
        return Scatter(self.saved, self.input_size).apply(dy)


def max_pool1d(
    input: Tensor,
    kernel_size: int | tuple[int],
    stride: int | tuple[int] | None = None,
    padding: int | tuple[int] = 0,
    dilation: int | tuple[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of a sequence. The first of equal maxima wins, NaN over all.

    ``stride``: the kernel size by default. ``padding``: with -inf at both ends, at most half the window. ``dilation``:
    the step between the elements that a window sees. ``ceil_mode``: a last window may hang over the end, if it starts
    before it. ``return_indices``: also the winners' positions (int64).

    Shape: input (N, C, L) or (C, L); result (N, C, L') with
        L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a window larger than the padded input or one that sees none of it; ``ArgumentError`` for
        numbers below 1 or padding of more than half a window; ``DTypeError``.

    >>> F.max_pool1d(tc.tensor([[1.0, 5.0, 2.0, 3.0]]), 2)
    tensor([[5., 3.]])
    """
    return _max_pool(input, window("max_pool1d", 1, kernel_size, stride, padding, dilation, ceil_mode), return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of an image. The first of equal maxima wins, NaN over all.

    ``stride``: the kernel size by default. ``padding``: with -inf on all sides, at most half the window. ``dilation``:
    the step between the pixels that a window sees. ``ceil_mode``: a last window may hang over the end, if it starts
    before it. ``return_indices``: also the winners' positions (int64), counted row by row within each channel, as
    ``max_unpool2d`` takes them. A number counts for both directions.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W') with
        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a window larger than the padded input or one that sees none of it; ``ArgumentError`` for
        numbers below 1 or padding of more than half a window; ``DTypeError``.

    >>> F.max_pool2d(tc.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(input, window("max_pool2d", 2, kernel_size, stride, padding, dilation, ceil_mode), return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: int | tuple[int, int, int],
    stride: int | tuple[int, int, int] | None = None,
    padding: int | tuple[int, int, int] = 0,
    dilation: int | tuple[int, int, int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of a volume. The first of equal maxima wins, NaN over all.

    ``stride``: the kernel size by default. ``padding``: with -inf on all sides, at most half the window. ``dilation``:
    the step between the voxels that a window sees. ``ceil_mode``: a last window may hang over the end, if it starts
    before it. ``return_indices``: also the winners' positions (int64), counted plane by plane and row by row within
    each channel, as ``max_unpool3d`` takes them. A number counts for all three directions.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W') with
        D' = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a window larger than the padded input or one that sees none of it; ``ArgumentError`` for
        numbers below 1 or padding of more than half a window; ``DTypeError``.

    >>> F.max_pool3d(tc.arange(16.0).reshape(1, 2, 2, 4), 2)
    tensor([[[[13., 15.]]]])
    """
    return _max_pool(input, window("max_pool3d", 3, kernel_size, stride, padding, dilation, ceil_mode), return_indices)


def _max_pool(input: Tensor, window: Window, return_indices: bool) -> Any:
    def pool(maps: Tensor) -> Any:
        size = map_size(maps, window.directions)
        window.check_fits(size)
        _check_no_empty_window(window, size)
        return pooled(MaxPool(window), maps, return_indices)

    return on_maps(window.name, window.directions, input, pool)


def pooled(operation: MaxOfWindows, maps: Tensor, return_indices: bool) -> Any:
    """The maxima, and where they are if that is asked for."""
    values = operation.apply(maps)
    return (values, operation.indices()) if return_indices else values


def _check_no_empty_window(window: Window, size: Sizes) -> None:
    """With a dilation, all pixels that a window looks at can fall outside: such a window has no maximum."""
    axes = zip(size, window.kernel_size, window.stride, window.padding, window.dilation, strict=True)
    for length, kernel, stride, padding, dilation in axes:
        if dilation == 1:
            continue
        for position in range(output_size(length, kernel, stride, padding, dilation, window.ceil_mode)):
            start = position * stride - padding
            if not any(0 <= start + tap * dilation < length for tap in range(kernel)):
                raise ShapeError(
                    f"{window.name}: window {position} (kernel {kernel}, stride {stride}, padding {padding}, dilation "
                    f"{dilation}) sees no pixel of an input {length} pixels long; use less padding or dilation"
                )
