"""Average pooling: one pass over the maps, either way.

A window sums up rows [down[i, 0], down[i, 1]) and columns [across[j, 0], across[j, 1]), and counts as
down[i, 2] across[j, 2] pixels, unless a divisor is given:

    y[n, i, j, c] = sum of x[n, h, w, c] / count,   dx[n, h, w, c] = sum over windows that see (h, w) of dy / count
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numba
import numpy as np

from tinyconv.backends.cuda.arrays import empty, flat, flat_view
from tinyconv.backends.cuda.compiler import cuda
from tinyconv.backends.cuda.grids import launch_each
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.max_pooling import image_parts, place_of
from tinyconv.backends.cuda.parameters import Floats, Int, IntMatrix, Long
from tinyconv.backends.cuda.vectors import WIDE, moves, width_for
from tinyconv.core import gpu
from tinyconv.core.arrays import Array, FloatArray, Pair
from tinyconv.core.windows import Spans, adaptive_spans, sliding_spans

FEW_PIXELS = 16
"""Larger windows are summed up in float64: n float32 numbers added one by one are off by up to n 6e-8 of their sum."""


def make_averages(width_of_vectors: int) -> tuple[Any, Any, Any]:
    """The kernels for vectors of so many channels: averages of small windows, of large ones, and the gradient."""
    V = width_of_vectors
    fetch, put = moves(V)

    def averages(
        x: Floats, y: Floats, down: IntMatrix, across: IntMatrix, divisor: Int, height: Int, width: Int, groups: Int,
        count: Long,
    ):  # fmt: skip
        """y[n, i, j, c] = sum of x over the window / count."""
        index = cuda.grid(1)
        if index < count:
            group, j, i, image = place_of(index, groups, across.shape[0], down.shape[0])
            total = cuda.local.array(V, x.dtype)
            seen = cuda.local.array(V, x.dtype)
            for k in range(V):
                total[k] = 0
            for h in range(down[i, 0], down[i, 1]):
                line = (image * height + h) * width
                for w in range(across[j, 0], across[j, 1]):
                    fetch(x, ((line + w) * groups + group) * V, seen)
                    for k in range(V):
                        total[k] += seen[k]
            whole = x.dtype.type(divisor if divisor != 0 else down[i, 2] * across[j, 2])
            for k in range(V):
                total[k] /= whole
            put(y, index * V, total)

    def averages_of_large_windows(
        x: Floats, y: Floats, down: IntMatrix, across: IntMatrix, divisor: Int, height: Int, width: Int, groups: Int,
        count: Long,
    ):  # fmt: skip
        """The same, summed up in float64."""
        index = cuda.grid(1)
        if index < count:
            group, j, i, image = place_of(index, groups, across.shape[0], down.shape[0])
            total = cuda.local.array(V, numba.float64)
            seen = cuda.local.array(V, x.dtype)
            for k in range(V):
                total[k] = 0
            for h in range(down[i, 0], down[i, 1]):
                line = (image * height + h) * width
                for w in range(across[j, 0], across[j, 1]):
                    fetch(x, ((line + w) * groups + group) * V, seen)
                    for k in range(V):
                        total[k] += seen[k]
            whole = divisor if divisor != 0 else down[i, 2] * across[j, 2]
            for k in range(V):
                seen[k] = total[k] / whole
            put(y, index * V, seen)

    def spread(
        dy: Floats, dx: Floats, rows: IntMatrix, columns: IntMatrix, down: IntMatrix, across: IntMatrix, divisor: Int,
        groups: Int, count: Long,
    ):  # fmt: skip
        """dx[n, h, w, c] = the sum of dy / count over windows rows[h, 0] to rows[h, 1], columns[w, 0] to ..."""
        index = cuda.grid(1)
        if index < count:
            group, w, h, image = place_of(index, groups, columns.shape[0], rows.shape[0])
            total = cuda.local.array(V, dy.dtype)
            given = cuda.local.array(V, dy.dtype)
            one = dy.dtype.type(1)
            for k in range(V):
                total[k] = 0
            for i in range(rows[h, 0], rows[h, 1]):
                line = (image * down.shape[0] + i) * across.shape[0]
                for j in range(columns[w, 0], columns[w, 1]):
                    share = one / dy.dtype.type(divisor if divisor != 0 else down[i, 2] * across[j, 2])
                    fetch(dy, ((line + j) * groups + group) * V, given)
                    for k in range(V):
                        total[k] += given[k] * share
            put(dx, index * V, total)

    return (
        kernel(averages, name=f"averages_{V}"),
        kernel(averages_of_large_windows, name=f"averages_of_large_windows_{V}"),
        kernel(spread, name=f"spread_{V}"),
    )


AVERAGES = {width: make_averages(width) for width in (1, WIDE)}


class Tables(NamedTuple):
    """The windows on the GPU, int32: spans (H', 3) and (W', 3), and (H, 2) and (W, 2), which windows see a pixel."""

    down: Array
    across: Array
    rows: Array
    columns: Array


@functools.lru_cache(maxsize=256)
def tables_of(spans: Spans, xp: Any) -> Tables:
    """Copied to the GPU once for each geometry."""
    axes = spans.down, spans.across
    seen = (seen_from(axis, size) for axis, size in zip(axes, spans.size, strict=True))
    return Tables(*(xp.asarray(table.astype(np.int32)) for table in (*axes, *seen)))


def seen_from(spans: Array, size: int) -> Array:
    """For each of ``size`` pixels the first window that sees it, and the end of those."""
    pixels = np.arange(size)
    return np.stack([np.searchsorted(spans[:, 1], pixels, "right"), np.searchsorted(spans[:, 0], pixels, "right")], 1)


def _average(x: FloatArray, spans: Spans, divisor: int) -> FloatArray:
    images, channels = x.shape[:2]
    y = empty((images, channels, len(spans.down), len(spans.across)), x.dtype)
    if y.size:
        width, tables = width_for(channels), tables_of(spans, gpu.array_module())
        average, groups = AVERAGES[width][0 if spans.most_pixels <= FEW_PIXELS else 1], channels // width
        for part in image_parts(images, y[0].size // width):
            arrays = flat(x[part]), flat_view(y[part])
            count = arrays[1].size // width
            launch_each(average, count, *arrays, tables.down, tables.across, divisor, *spans.size, groups, count)
    return y


def _spread(dy: FloatArray, spans: Spans, divisor: int) -> FloatArray:
    images, channels = dy.shape[:2]
    dx = empty((images, channels, *spans.size), dy.dtype)
    if dx.size:
        width, tables = width_for(channels), tables_of(spans, gpu.array_module())
        groups = channels // width
        for part in image_parts(images, dx[0].size // width):
            arrays = flat(dy[part]), flat_view(dx[part]), tables.rows, tables.columns, tables.down, tables.across
            count = arrays[1].size // width
            launch_each(AVERAGES[width][2], count, *arrays, divisor, groups, count)
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
