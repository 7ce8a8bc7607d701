"""Depthwise convolution: each channel with its own kernel. Nothing is summed over channels, so SIMD runs over them.

With m output channels to each input channel, output k reads input k // m. The kernels below know only m = 1; for more,
the input is repeated m times, and the input gradient summed over the m copies.

    out[n, origin + out_stride i, c]  =  bias[c] + sum over taps t of  in[n, i in_stride + offset(t), c] W[t, c]

The rows of a register tile are neighbouring outputs. Taps side by side are taken in windows, through which neighbouring
outputs see the same pixels. ``depthwise_gradient.py`` has the weight gradient.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from tinyconv.backends.cpu.blocks import Shape4, equal_parts, flat
from tinyconv.backends.cpu.compilation import helper, inlined_helper, kernel
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.packing import aligned
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.backends.cpu.register_tile import tile_repeat
from tinyconv.backends.cpu.simd import lanes_of
from tinyconv.backends.cpu.taps import COLUMNS, LEFT, ORIGIN_X, ORIGIN_Y, RIGHT, ROWS, Taps
from tinyconv.backends.cpu.tile_products import tile_scatter, tile_store_first
from tinyconv.backends.cpu.window_products import tile_add_windows, tile_add_windows_inside
from tinyconv.core import pool
from tinyconv.core.arrays import Array, FloatArray

OUTPUTS = 8
"""Outputs of a tile: as many sums as the arithmetic units need to be kept busy."""

WINDOW = 3
"""Taps of a window, at strides 1 and 2. Other windows are of one tap."""

BLOCK_ROWS = 32
"""The most rows of outputs of a block."""

BLOCKS = 8
"""Blocks for each thread, at least, if there are so many rows."""

ROW, COLUMN, START, PLACE, TAPS = range(5)
"""Of a window: the row and column that it sees from output (0, 0), their place in the source, its weights, its taps."""


class Maps(NamedTuple):
    """The numbers that the kernels need beside their arrays."""

    images: int
    height: int
    width: int
    out_height: int
    out_width: int
    channels: int
    pitch: int
    """numbers from one tap's weights to the next"""
    stride_y: int
    stride_x: int
    out_stride_y: int
    out_stride_x: int
    most_rows: int
    """rows of outputs of the phase that has most"""
    rows: int
    """of a block"""
    blocks: int
    """of an image"""


@helper
def correlate_edge(column, columns, base, first, end, windows, source, weight, bias, out, line, step, g):
    """The outputs from ``column`` to ``columns``, whose windows may hang over the edge, ``step`` apart in ``out``."""
    lanes, filled = lanes_of(source), min(lanes_of(source), g.channels)
    for start in range(column, columns, OUTPUTS):
        place, target = base + start * g.stride_x * g.channels, line + start * step
        last = (min(OUTPUTS, columns - start) - 1) * g.stride_x
        for channel in range(0, g.channels, lanes):
            c = max(0, min(channel, g.channels - lanes))
            tile = tile_repeat(OUTPUTS, 1, bias, c)
            for w in range(first, end):
                index, factor, taps = place + windows[w, START] + c, windows[w, PLACE] + c, windows[w, TAPS]
                left = -(windows[w, COLUMN] + start * g.stride_x)
                right = min(left + g.width, last + taps)
                if taps == 1:
                    tile = tile_add_windows_inside(
                        1, g.stride_x, tile, source, index, g.channels, left, right, filled, weight, factor, g.pitch
                    )
                elif g.stride_x == 1:
                    tile = tile_add_windows_inside(
                        WINDOW, 1, tile, source, index, g.channels, left, right, filled, weight, factor, g.pitch
                    )
                else:
                    tile = tile_add_windows_inside(
                        WINDOW, 2, tile, source, index, g.channels, left, right, filled, weight, factor, g.pitch
                    )
            tile_store_first(tile, out, target + c, step, columns - start, filled)


@inlined_helper
def correlate_inner(column, columns, base, first, end, windows, source, weight, bias, out, line, step, g):
    """At least OUTPUTS outputs from ``column`` to ``columns``, whose windows lie within the image's columns.

    The last tile reaches back over outputs that are done, and the last vector over channels.
    """
    lanes = lanes_of(source)
    for start in range(column, columns, OUTPUTS):
        first_output = min(start, columns - OUTPUTS)
        place, target = base + first_output * g.stride_x * g.channels, line + first_output * step
        for channel in range(0, g.channels, lanes):
            c = min(channel, g.channels - lanes)
            tile = tile_repeat(OUTPUTS, 1, bias, c)
            for w in range(first, end):
                index, factor = place + windows[w, START] + c, windows[w, PLACE] + c
                if windows[w, TAPS] == 1:
                    tile = tile_add_windows(1, g.stride_x, tile, source, index, g.channels, weight, factor, g.pitch)
                elif g.stride_x == 1:
                    tile = tile_add_windows(WINDOW, 1, tile, source, index, g.channels, weight, factor, g.pitch)
                else:
                    tile = tile_add_windows(WINDOW, 2, tile, source, index, g.channels, weight, factor, g.pitch)
            tile_scatter(tile, out, target + c, step)


@inlined_helper
def windows_inside(row, first, end, windows, g):
    """Which of the windows ``first`` ... ``end``, from top to bottom, see the image from a row of outputs."""
    while first < end and row * g.stride_y + windows[first, ROW] < 0:
        first += 1
    while first < end and row * g.stride_y + windows[end - 1, ROW] >= g.height:
        end -= 1
    return first, end


@inlined_helper
def columns_inside(first, last, columns, g):
    """The outputs of a row whose taps, in the columns ``first`` to ``last``, all lie within the image."""
    left = max(0, -(first // g.stride_x))  # -first / stride, rounded up
    return left, min(columns, (g.width - 1 - last) // g.stride_x + 1)


@inlined_helper
def correlate_row(image, row, p, source, weight, bias, out, phases, windows, bounds, g):
    """A row of outputs of phase p."""
    base = (image * g.height + row * g.stride_y) * g.width * g.channels
    first, end = windows_inside(row, bounds[p], bounds[p + 1], windows, g)
    line = (image * g.out_height + phases[p, ORIGIN_Y] + row * g.out_stride_y) * g.out_width + phases[p, ORIGIN_X]
    line, step, columns = line * g.channels, g.out_stride_x * g.channels, phases[p, COLUMNS]
    left, right = columns_inside(phases[p, LEFT], phases[p, RIGHT], columns, g)
    if right - left < OUTPUTS or g.channels < lanes_of(source):
        left = right = columns
    correlate_inner(left, right, base, first, end, windows, source, weight, bias, out, line, step, g)
    correlate_edge(0, left, base, first, end, windows, source, weight, bias, out, line, step, g)
    correlate_edge(right, columns, base, first, end, windows, source, weight, bias, out, line, step, g)


@kernel
def correlate_channels(job, jobs, source, weight, bias, out, phases, windows, bounds, g):
    """A share of ``out`` (N, height, width, C) from ``source`` (N, height, width, C), flat. ``weight``: (taps, C).

    The windows of phase p are those from bounds[p] to bounds[p + 1].
    """
    blocks = g.images * g.blocks
    for number in range(blocks * job // jobs, blocks * (job + 1) // jobs):
        image, block = divmod(number, g.blocks)
        for row in range(block * g.rows, min((block + 1) * g.rows, g.most_rows)):
            for p in range(phases.shape[0]):
                if row < phases[p, ROWS]:
                    correlate_row(image, row, p, source, weight, bias, out, phases, windows, bounds, g)


@functools.lru_cache(maxsize=1024)
def maps_of(source: Shape4, out: Shape4, dtype: Any, taps: Taps, blocks: int) -> Maps:
    """The maps of a convolution of a source (N, H, W, C) to ``out`` (N, H', W', C), in ``blocks`` blocks or more."""
    lanes = host().lanes(dtype)
    rows = int(taps.phases[:, ROWS].max())
    block_rows = equal_parts(rows, min(BLOCK_ROWS, -(-rows * source[0] // blocks)))
    return Maps(
        images=source[0],
        height=source[1],
        width=source[2],
        out_height=out[1],
        out_width=out[2],
        channels=source[3],
        pitch=max(source[3], lanes),
        stride_y=taps.in_stride[0],
        stride_x=taps.in_stride[1],
        out_stride_y=taps.out_stride[0],
        out_stride_x=taps.out_stride[1],
        most_rows=rows,
        rows=block_rows,
        blocks=-(-rows // block_rows),
    )


@functools.lru_cache(maxsize=1024)
def windows_of(taps: Taps, g: Maps) -> tuple[Array, Array]:
    """The windows of all phases, from top to bottom; and the first of each phase, with the end."""
    most = WINDOW if g.stride_x <= 2 else 1
    windows, bounds, tap = [], [0], 0
    for first, end, *_ in taps.phases:
        for y, x, length in taps.runs[first:end]:
            for size in [most] * (length // most) + [1] * (length % most):
                windows.append((y, x, (y * g.width + x) * g.channels, tap * g.pitch, size))
                x, tap = x + size, tap + size
        bounds.append(len(windows))
    return np.array(windows, np.int64).reshape(-1, 5), np.array(bounds, np.int64)


def repeated(images: FloatArray, multiplier: int) -> FloatArray:
    """``images`` (N, H, W, C), with each channel so many times."""
    return images if multiplier == 1 else np.repeat(images, multiplier, axis=3)


def run_forward(source: FloatArray, weight: FloatArray, bias: FloatArray | None, out: FloatArray, taps: Taps) -> None:
    """Fill ``out`` (N, OH, OW, K) from ``source`` (N, H, W, C) and the weight (K, 1, R, S)."""
    outputs = weight.shape[0]
    images = repeated(source, outputs // source.shape[3])
    jobs = BLOCKS * get_num_threads()
    g = maps_of(images.shape, out.shape, source.dtype, taps, jobs)
    rows = aligned((taps.kernel_rows.size, g.pitch), source.dtype)
    rows[:, outputs:] = 0  # a vector of fewer channels is filled up
    rows[:, :outputs] = weight[:, 0, taps.kernel_rows, taps.kernel_columns].T
    start = np.zeros(g.pitch, source.dtype)
    if bias is not None:
        start[:outputs] = bias
    arrays = flat(images), flat(rows), start, flat(out)
    launch(correlate_channels, min(jobs, g.images * g.blocks), *arrays, taps.phases, *windows_of(taps, g), g)


def run_input_gradient(
    dy: FloatArray, weight: FloatArray, bias: FloatArray | None, out: FloatArray, taps: Taps
) -> None:
    """Fill ``out`` (N, H, W, C) from dy (N, OH, OW, K), the weight (K, 1, R, S) and a bias (C,)."""
    outputs, channels = weight.shape[0], out.shape[3]
    multiplier = outputs // channels
    each = out if multiplier == 1 else pool.empty((*out.shape[:3], outputs), out.dtype)
    run_forward(dy, weight, bias if multiplier == 1 else None, each, taps)
    if multiplier > 1:
        each.reshape(*out.shape, multiplier).sum(axis=4, out=out)
        if bias is not None:
            out += bias
