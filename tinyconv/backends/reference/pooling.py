"""Pooling by its definitions: the windows of each output, one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray, Pair
from tinyconv.core.geometry import adaptive_window, output_size
from tinyconv.core.windows import Windows

Pixel = tuple[int, int]


def max_pool2d(x: FloatArray, windows: Windows) -> tuple[FloatArray, Array]:
    """y[n, c, i, j] = the maximum of x[n, c, down[i, r], across[j, s]] over r, s, and the r S + s that it is at.

    The first of equal maxima counts; of NaNs, which are larger than any number, the last.
    """
    shape = (*x.shape[:2], len(windows.down), len(windows.across))
    y, switches = layout.empty(shape, x.dtype), layout.zeros(shape, np.int64)
    for n, c, i, j in np.ndindex(*shape):
        for r, s in np.ndindex(windows.down.shape[1], windows.across.shape[1]):
            value = x[n, c, windows.down[i, r], windows.across[j, s]]
            if r == s == 0 or value > y[n, c, i, j] or math.isnan(value):
                y[n, c, i, j], switches[n, c, i, j] = value, r * windows.across.shape[1] + s
    return y, switches


def max_pool2d_gradient(dy: FloatArray, switches: Array, windows: Windows) -> FloatArray:
    """dx[n, c, down[i, r], across[j, s]] += dy[n, c, i, j] with the r, s of its switch."""
    dx = layout.zeros((*dy.shape[:2], *windows.size), dy.dtype)
    for n, c, i, j in np.ndindex(*dy.shape):
        r, s = divmod(int(switches[n, c, i, j]), windows.across.shape[1])
        dx[n, c, windows.down[i, r], windows.across[j, s]] += dy[n, c, i, j]
    return dx


def scatter_plane(dy: FloatArray, indices: Array, size: Pair) -> FloatArray:
    """dx[n, c].flat[indices[n, c, i, j]] += dy[n, c, i, j]."""
    dx = layout.zeros((*dy.shape[:2], *size), dy.dtype)
    for n, c, i, j in np.ndindex(*dy.shape):
        row, column = divmod(int(indices[n, c, i, j]), size[1])
        dx[n, c, row, column] += dy[n, c, i, j]
    return dx


def gather_plane(x: FloatArray, indices: Array) -> FloatArray:
    """y[n, c, i, j] = x[n, c].flat[indices[n, c, i, j]]."""
    y = layout.zeros(indices.shape, x.dtype)
    for n, c, i, j in np.ndindex(*indices.shape):
        row, column = divmod(int(indices[n, c, i, j]), x.shape[3])
        y[n, c, i, j] = x[n, c, row, column]
    return y


def sliding_shares(
    input_size: Pair,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Iterator[tuple[Pixel, list[Pixel], int]]:
    """For each window of an average: its output, the pixels inside the image, and what their sum is divided by.

    The padding counts if ``count_include_pad``; what hangs over beyond the padding (``ceil_mode``) never does.
    """
    (height, width), (pad_y, pad_x) = input_size, padding
    outputs = [output_size(*axis, 1, ceil_mode) for axis in zip(input_size, kernel_size, stride, padding, strict=True)]
    for i, j in np.ndindex(*outputs):
        top, left = i * stride[0] - pad_y, j * stride[1] - pad_x
        covered = [
            (row, column)
            for row in range(top, min(top + kernel_size[0], height + pad_y))
            for column in range(left, min(left + kernel_size[1], width + pad_x))
        ]
        inside = [(row, column) for row, column in covered if 0 <= row < height and 0 <= column < width]
        size = len(covered) if count_include_pad else len(inside)
        yield (i, j), inside, divisor_override or max(1, size)


def adaptive_shares(input_size: Pair, outputs: Pair) -> Iterator[tuple[Pixel, list[Pixel], int]]:
    """The same for the windows of adaptive pooling."""
    for i, j in np.ndindex(*outputs):
        rows = range(*adaptive_window(i, input_size[0], outputs[0]))
        columns = range(*adaptive_window(j, input_size[1], outputs[1]))
        pixels = [(row, column) for row in rows for column in columns]
        yield (i, j), pixels, len(pixels)


def avg_pool2d(
    x: FloatArray,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> FloatArray:
    """y[n, c, i, j] = sum over the window of x[n, c] / divisor."""
    input_size = (x.shape[2], x.shape[3])
    outputs = [output_size(*axis, 1, ceil_mode) for axis in zip(input_size, kernel_size, stride, padding, strict=True)]
    y = layout.zeros((*x.shape[:2], *outputs), x.dtype)
    for (i, j), pixels, divisor in sliding_shares(
        input_size, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    ):
        for row, column in pixels:
            y[:, :, i, j] += x[:, :, row, column] / divisor
    return y


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
    """dx[n, c, row, column] = sum over the windows that hold the pixel of dy[n, c, i, j] / divisor."""
    dx = layout.zeros((*dy.shape[:2], *input_size), dy.dtype)
    for (i, j), pixels, divisor in sliding_shares(
        input_size, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    ):
        for row, column in pixels:
            dx[:, :, row, column] += dy[:, :, i, j] / divisor
    return dx


def adaptive_avg_pool2d(x: FloatArray, output_size: Pair) -> FloatArray:
    """y[n, c, i, j] = the average over window (i, j) of a grid that covers the image."""
    y = layout.zeros((*x.shape[:2], *output_size), x.dtype)
    for (i, j), pixels, divisor in adaptive_shares((x.shape[2], x.shape[3]), output_size):
        for row, column in pixels:
            y[:, :, i, j] += x[:, :, row, column] / divisor
    return y


def adaptive_avg_pool2d_gradient(dy: FloatArray, input_size: Pair) -> FloatArray:
    """The input gradient of ``adaptive_avg_pool2d``."""
    dx = layout.zeros((*dy.shape[:2], *input_size), dy.dtype)
    for (i, j), pixels, divisor in adaptive_shares(input_size, (dy.shape[2], dy.shape[3])):
        for row, column in pixels:
            dx[:, :, row, column] += dy[:, :, i, j] / divisor
    return dx
