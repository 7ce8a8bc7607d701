"""Pooling: windows that slide over each channel. SIMD runs over channels, jobs over rows of outputs.

Where the windows lie is worked out before, in a table for each axis; so sliding and adaptive pooling share the kernels.
Gradients scatter, so there a job owns whole images (of some channels): windows that overlap never meet in two threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray, Pair
from tinyconv.core.geometry import adaptive_window, output_size, window_extent

FEW_PIXELS = 16
"""Larger windows are summed up in float64: n float32 numbers added one by one are off by up to n 6e-8 of their sum."""


@helper
def max_of_row(job, x, y, indices, down, across):
    """One row of outputs. As in PyTorch the first of equal maxima counts, and of NaNs the last."""
    width, channels = x.shape[2:]
    image, row = divmod(job, y.shape[1])
    for column in range(y.shape[2]):
        best, best_index = y[image, row, column], indices[image, row, column]
        for c in range(channels):
            best[c] = -np.inf
            best_index[c] = 0
        for r in range(down[row, 1]):
            source_y = down[row, 0] + r * down[row, 2]
            for s in range(across[column, 1]):
                source_x = across[column, 0] + s * across[column, 2]
                place = source_y * width + source_x
                seen = x[image, source_y, source_x]
                if r == 0 and s == 0:
                    for c in range(channels):
                        best[c] = seen[c]
                        best_index[c] = place
                else:
                    for c in range(channels):
                        takes = seen[c] > best[c] or seen[c] != seen[c]
                        best[c] = seen[c] if takes else best[c]
                        best_index[c] = place if takes else best_index[c]


@kernel
def max_windows(x, y, indices, down, across):
    """Fill ``y`` and ``indices``, both (N, OH, OW, C); windows as ``dilated_windows`` gives them."""
    for job in prange(y.shape[0] * y.shape[1]):
        max_of_row(np.int64(job), x, y, indices, down, across)


@helper
def scatter_slice(job, slices, dy, indices, dx):
    image, part = divmod(job, slices)
    channels = dx.shape[2]
    first, end = channels * part // slices, channels * (part + 1) // slices
    for place in range(dx.shape[1]):
        for c in range(first, end):
            dx[image, place, c] = 0
    for pixel in range(dy.shape[1]):
        for c in range(first, end):
            dx[image, indices[image, pixel, c], c] += dy[image, pixel, c]


@kernel
def scatter_windows(slices, dy, indices, dx):
    """dx[n, indices[n, pixel, c], c] += dy[n, pixel, c], pixel after pixel."""
    for job in prange(dx.shape[0] * slices):
        scatter_slice(np.int64(job), slices, dy, indices, dx)


@kernel
def gather_windows(x, indices, y):
    """y[n, pixel, c] = x[n, indices[n, pixel, c], c]."""
    for image in prange(y.shape[0]):
        for pixel in range(y.shape[1]):
            for c in range(y.shape[2]):
                y[image, pixel, c] = x[image, indices[image, pixel, c], c]


@helper
def average_of_row(job, x, y, total, down, across, divisor):
    image, row = divmod(job, y.shape[1])
    for column in range(y.shape[2]):
        for c in range(x.shape[3]):
            total[c] = 0
        for source_y in range(down[row, 0], down[row, 1]):
            for source_x in range(across[column, 0], across[column, 1]):
                for c in range(x.shape[3]):
                    total[c] += x[image, source_y, source_x, c]
        count = divisor if divisor != 0 else down[row, 2] * across[column, 2]
        for c in range(x.shape[3]):
            y[image, row, column, c] = total[c] / count


@kernel
def average_windows(x, y, sums, down, across, divisor):
    """Fill ``y`` with averages over windows (see ``sliding_windows``); divisor 0 stands for the size of each window.

    ``sums``: working memory for each row of outputs, (N OH, C), in the type to add in.
    """
    for job in prange(y.shape[0] * y.shape[1]):
        average_of_row(np.int64(job), x, y, sums[job], down, across, divisor)


@helper
def spread_slice(job, slices, dy, dx, down, across, divisor):
    image, part = divmod(job, slices)
    channels = dx.shape[3]
    first, end = channels * part // slices, channels * (part + 1) // slices
    for y in range(dx.shape[1]):
        for x in range(dx.shape[2]):
            for c in range(first, end):
                dx[image, y, x, c] = 0
    for row in range(dy.shape[1]):
        for column in range(dy.shape[2]):
            count = divisor if divisor != 0 else down[row, 2] * across[column, 2]
            for y in range(down[row, 0], down[row, 1]):
                for x in range(across[column, 0], across[column, 1]):
                    for c in range(first, end):
                        dx[image, y, x, c] += dy[image, row, column, c] / count


@kernel
def spread_windows(slices, dy, dx, down, across, divisor):
    """The adjoint of ``average_windows``: every pixel of a window gets its share of dy."""
    for job in prange(dx.shape[0] * slices):
        spread_slice(np.int64(job), slices, dy, dx, down, across, divisor)


def dilated_windows(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Array:
    """For each window along one axis: first pixel, number of pixels, and the step between them; int64 (windows, 3).

    What a window sees of the padding is left out.
    """
    starts = np.arange(output_size(size, kernel, stride, padding, dilation, ceil_mode)) * stride - padding
    skipped = np.maximum(0, -(starts // dilation))  # taps before the first pixel
    first = starts + skipped * dilation
    end = np.minimum(starts + window_extent(kernel, dilation), size)
    taps = np.maximum(0, -((first - end) // dilation))
    return np.stack([first, taps, np.full_like(starts, dilation)], axis=1).astype(np.int64)


def sliding_windows(
    size: int, kernel: int, stride: int, padding: int, ceil_mode: bool, count_include_pad: bool
) -> Array:
    """For each window along one axis: first pixel, end, and the size it counts with; int64 (windows, 3).

    A window that hangs over the end counts the padding it covers, but nothing beyond the padding.
    """
    starts = np.arange(output_size(size, kernel, stride, padding, 1, ceil_mode)) * stride - padding
    ends = np.minimum(starts + kernel, size + padding)
    first, last = np.maximum(starts, 0), np.minimum(ends, size)
    counts = ends - starts if count_include_pad else np.maximum(1, last - first)
    return np.stack([first, last, counts], axis=1).astype(np.int64)


def adaptive_windows(size: int, output: int) -> Array:
    """The windows of adaptive pooling along one axis, in the form of ``sliding_windows``."""
    spans = [adaptive_window(index, size, output) for index in range(output)]
    return np.array([(first, end, end - first) for first, end in spans], np.int64).reshape(-1, 3)


def channel_slices(images: int, channels: int) -> int:
    """Into how many slices of at least 16 channels to cut images so that every thread finds work."""
    return max(1, min(channels // 16, -(-4 * get_num_threads() // images)))


def _planes(array: Array) -> Array:
    """(N, C, H, W) as (N, H W, C)."""
    stored = layout.nhwc(array)
    return stored.reshape(stored.shape[0], -1, stored.shape[3])


def _maximum(x: FloatArray, down: Array, across: Array) -> tuple[FloatArray, Array]:
    shape = (*x.shape[:2], len(down), len(across))
    y, indices = layout.empty(shape, x.dtype), layout.empty(shape, np.int64)
    if y.size:
        launch(max_windows, layout.nhwc(x), layout.nhwc(y), layout.nhwc(indices), down, across)
    return y, indices


def max_pool2d(
    x: FloatArray, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[FloatArray, Array]:
    """The maximum of each window of x (N, C, H, W), and where it is: y and int64 indices into H W, (N, C, OH, OW).

    The first of equal maxima counts. A NaN is larger than any number; of several the last counts, as in PyTorch.
    """
    down, across = (
        dilated_windows(*axis, ceil_mode)
        for axis in zip(x.shape[2:], kernel_size, stride, padding, dilation, strict=True)
    )
    return _maximum(x, down, across)


def adaptive_max_pool2d(x: FloatArray, output_size: Pair) -> tuple[FloatArray, Array]:
    """The maxima of x (N, C, H, W) over a grid of ``output_size`` windows that together cover it, as ``max_pool2d``."""
    tables = [adaptive_windows(size, count) for size, count in zip(x.shape[2:], output_size, strict=True)]
    down, across = (np.stack([table[:, 0], table[:, 2], np.ones_like(table[:, 0])], axis=1) for table in tables)
    return _maximum(x, down, across)


def max_pool2d_gradient(dy: FloatArray, indices: Array, input_size: Pair) -> FloatArray:
    """dx (N, C, *input_size): each dy added at the pixel that ``indices`` names. Both (N, C, OH, OW)."""
    dx = layout.empty((*dy.shape[:2], *input_size), dy.dtype)
    if dx.size:
        slices = channel_slices(dx.shape[0], dx.shape[1])
        launch(scatter_windows, slices, _planes(dy), _planes(indices), _planes(dx))
    return dx


def gather_plane(x: FloatArray, indices: Array) -> FloatArray:
    """y[n, c, i, j] = x[n, c].flat[indices[n, c, i, j]]: the adjoint of ``max_pool2d_gradient`` in dy."""
    y = layout.empty(indices.shape, x.dtype)
    if y.size:
        launch(gather_windows, _planes(x), _planes(indices), _planes(y))
    return y


def _average(x: FloatArray, down: Array, across: Array, divisor: int) -> FloatArray:
    y = layout.empty((*x.shape[:2], len(down), len(across)), x.dtype)
    if y.size:
        largest = int((down[:, 1] - down[:, 0]).max() * (across[:, 1] - across[:, 0]).max())
        sums = np.empty((y.shape[0] * y.shape[2], y.shape[1]), x.dtype if largest <= FEW_PIXELS else np.float64)
        launch(average_windows, layout.nhwc(x), layout.nhwc(y), sums, down, across, divisor)
    return y


def _spread(dy: FloatArray, input_size: Pair, down: Array, across: Array, divisor: int) -> FloatArray:
    dx = layout.empty((*dy.shape[:2], *input_size), dy.dtype)
    if dx.size:
        slices = channel_slices(dx.shape[0], dx.shape[1])
        launch(spread_windows, slices, layout.nhwc(dy), layout.nhwc(dx), down, across, divisor)
    return dx


def avg_pool2d(
    x: FloatArray,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> FloatArray:
    """The average of each window of x (N, C, H, W): (N, C, OH, OW)."""
    down, across = (
        sliding_windows(*axis, ceil_mode, count_include_pad)
        for axis in zip(x.shape[2:], kernel_size, stride, padding, strict=True)
    )
    return _average(x, down, across, divisor_override or 0)


def avg_pool2d_gradient(
    dy: FloatArray,
    input_size: Pair,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> FloatArray:
    """The input gradient of ``avg_pool2d``: dy (N, C, OH, OW) to (N, C, *input_size)."""
    down, across = (
        sliding_windows(*axis, ceil_mode, count_include_pad)
        for axis in zip(input_size, kernel_size, stride, padding, strict=True)
    )
    return _spread(dy, input_size, down, across, divisor_override or 0)


def adaptive_avg_pool2d(x: FloatArray, output_size: Pair) -> FloatArray:
    """The averages of x (N, C, H, W) over a grid of ``output_size`` windows that together cover it."""
    down, across = (adaptive_windows(size, count) for size, count in zip(x.shape[2:], output_size, strict=True))
    return _average(x, down, across, 0)


def adaptive_avg_pool2d_gradient(dy: FloatArray, input_size: Pair) -> FloatArray:
    """The input gradient of ``adaptive_avg_pool2d``: dy (N, C, OH, OW) to (N, C, *input_size)."""
    down, across = (adaptive_windows(size, count) for size, count in zip(input_size, dy.shape[2:], strict=True))
    return _spread(dy, input_size, down, across, 0)
