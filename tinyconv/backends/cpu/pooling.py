"""Average pooling: SIMD runs over channels, jobs over rows. One pass over the maps, either way."""

from __future__ import annotations

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.parallel import launch
from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.windows import Spans, adaptive_spans, sliding_spans

FEW_PIXELS = 16
"""Larger windows are summed up in float64: n float32 numbers added one by one are off by up to n 6e-8 of their sum."""


@helper
def add_pixels(total, row, first, end):
    """total += row[first] + ... + row[end - 1], four at a time: a quarter of the traffic of ``total``."""
    kind = total.dtype.type
    column = first
    while column + 4 <= end:
        one, two, three, four = row[column], row[column + 1], row[column + 2], row[column + 3]
        for c in range(total.shape[0]):
            total[c] += (kind(one[c]) + kind(two[c])) + (kind(three[c]) + kind(four[c]))
        column += 4
    while column < end:
        one = row[column]
        for c in range(total.shape[0]):
            total[c] += kind(one[c])
        column += 1


@helper
def average_of_four(result, above, below, first, share):
    """The commonest window, two pixels by two, needs no running total."""
    one, two, three, four = above[first], above[first + 1], below[first], below[first + 1]
    for c in range(result.shape[0]):
        result[c] = ((one[c] + two[c]) + (three[c] + four[c])) * share


@helper
def average_of_row(job, x, y, total, down, across, divisor):
    image, i = divmod(job, y.shape[1])
    first_row, end_row = down[i, 0], down[i, 1]
    for j in range(y.shape[2]):
        first, end = across[j, 0], across[j, 1]
        count = divisor if divisor != 0 else down[i, 2] * across[j, 2]
        result = y[image, i, j]
        if end_row - first_row == 2 and end - first == 2:
            share = y.dtype.type(1) / y.dtype.type(count)
            average_of_four(result, x[image, first_row], x[image, first_row + 1], first, share)
        else:
            total[:] = 0
            for row in range(first_row, end_row):
                add_pixels(total, x[image, row], first, end)
            whole = total.dtype.type(count)
            for c in range(total.shape[0]):
                result[c] = total[c] / whole


@kernel
def average_windows(x, y, sums, down, across, divisor):
    """Fill ``y`` with averages over windows; divisor 0 stands for the size of each window.

    ``sums``: working memory for each row of outputs, (N H', C), in the type to add in.
    """
    for job in prange(y.shape[0] * y.shape[1]):
        average_of_row(np.int64(job), x, y, sums[job], down, across, divisor)


@helper
def spread_over_row(job, dy, dx, down, across, covering, divisor):
    image, row = divmod(job, dx.shape[1])
    dx[image, row] = 0
    for i in range(covering[row, 0], covering[row, 1]):
        for j in range(dy.shape[2]):
            share = dy.dtype.type(1) / dy.dtype.type(divisor if divisor != 0 else down[i, 2] * across[j, 2])
            source = dy[image, i, j]
            for column in range(across[j, 0], across[j, 1]):
                target = dx[image, row, column]
                for c in range(source.shape[0]):
                    target[c] += source[c] * share


@kernel
def spread_windows(dy, dx, down, across, covering, divisor):
    """The adjoint of ``average_windows``: every pixel of a window gets its share of dy."""
    for job in prange(dx.shape[0] * dx.shape[1]):
        spread_over_row(np.int64(job), dy, dx, down, across, covering, divisor)


def _average(x: FloatArray, spans: Spans, divisor: int) -> FloatArray:
    y = layout.empty((*x.shape[:2], len(spans.down), len(spans.across)), x.dtype)
    if y.size:
        adding_type = x.dtype if spans.most_pixels <= FEW_PIXELS else np.float64
        sums = np.empty((y.shape[0] * y.shape[2], y.shape[1]), adding_type)
        launch(average_windows, layout.nhwc(x), layout.nhwc(y), sums, spans.down, spans.across, divisor)
    return y


def _spread(dy: FloatArray, spans: Spans, divisor: int) -> FloatArray:
    dx = layout.empty((*dy.shape[:2], *spans.size), dy.dtype)
    if dx.size:
        launch(spread_windows, layout.nhwc(dy), layout.nhwc(dx), spans.down, spans.across, spans.covering, divisor)
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
    """The average of each window of x (N, C, H, W): (N, C, H', W')."""
    spans = sliding_spans(x.shape[2:], kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _average(x, spans, divisor_override or 0)


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
    """The input gradient of ``avg_pool2d``: dy (N, C, H', W') to (N, C, *input_size)."""
    spans = sliding_spans(input_size, kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _spread(dy, spans, divisor_override or 0)


def adaptive_avg_pool2d(x: FloatArray, output_size: Pair) -> FloatArray:
    """The averages of x (N, C, H, W) over a grid of ``output_size`` windows that together cover it."""
    return _average(x, adaptive_spans(x.shape[2:], output_size), 0)


def adaptive_avg_pool2d_gradient(dy: FloatArray, input_size: Pair) -> FloatArray:
    """The input gradient of ``adaptive_avg_pool2d``: dy (N, C, H', W') to (N, C, *input_size)."""
    return _spread(dy, adaptive_spans(input_size, dy.shape[2:]), 0)
