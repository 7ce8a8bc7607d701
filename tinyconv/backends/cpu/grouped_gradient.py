"""The weight gradient of grouped convolution with few channels in a group.

    dW[k, t, c]  =  sum over images n, output pixels i of  dy[n, i, k] x[n, i stride + offset(t), group(k) C + c]

As in ``grouped.py``, SIMD runs over the outputs k of several groups, for which the rows of x are spread first. They
are held with the inputs of a pixel beside each other, so the terms (tap, input) of taps side by side are one line of
vectors:

    held[y mod depth, x, c, lane]

The rows of a register tile are the next TERMS of that line; all are multiplied by the same vector of dy. At the edge of
the image only those terms are added whose tap lies inside.

Blocks of rows of a strip are shared out over a number of *partial sums* that depends on the shape alone; each adds its
blocks in order, and at the end the partial sums are added in order: the same bits for any number of threads.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinyconv.backends.cpu.blocks import Shape4, equal_parts, flat, sight
from tinyconv.backends.cpu.compilation import inlined_helper, kernel
from tinyconv.backends.cpu.grouped import ask_for_row, hold_row
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.packing import Weight, aligned, aligned_buffer
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.backends.cpu.register_tile import tile_load, tile_save
from tinyconv.backends.cpu.simd import lanes_of
from tinyconv.backends.cpu.strips import Strips, strips_of
from tinyconv.backends.cpu.taps import Taps
from tinyconv.backends.cpu.tile_products import tile_add_line, tile_add_part_of_line
from tinyconv.core.arrays import FloatArray

TERMS = 12
"""Rows of a tile."""

HELD_BYTES = 32 * 1024
"""Of the rows that a strip holds: they are read once for each tile, and should stay in the first-level cache."""

LEAST_COLUMNS = 8

PARTIAL_BYTES = 2 * 1024 * 1024
"""All partial sums together."""

MOST_PARTIALS = 64


@inlined_helper
def add_row(sums, place, held, start, x, length, dy, pixel, columns, filled, g):
    """sums[place ...] += the products of one row of dy, ``columns`` pixels from ``pixel`` on, and a run of taps.

    ``start``: where the first tap of the run lies for the first pixel; ``x``: its column in the image.
    """
    lanes = lanes_of(held)
    terms, step = length * g.inputs, g.stride_x * g.column_pitch
    for first in range(0, terms, TERMS):
        # The last tap of the tile sees the image from a smaller column on, and up to a smaller one, than its first.
        begin, end_of_first = sight(x + first // g.inputs, g.stride_x, g.width, columns)
        begin_of_last, end = sight(x + (min(first + TERMS, terms) - 1) // g.inputs, g.stride_x, g.width, columns)
        begin, begin_of_last = min(begin, columns), min(begin_of_last, columns)
        end, end_of_first = min(end, columns), min(end_of_first, columns)
        tile = tile_load(TERMS, 1, sums, place)
        line, factor = start + first * lanes + begin * step, pixel + begin * g.out_channels
        for _ in range(begin, end):
            tile = tile_add_line(tile, held, line, dy, factor, filled)
            line += step
            factor += g.out_channels
        middle = max(begin, end)
        for number in range(begin - begin_of_last + end_of_first - middle):
            column = begin_of_last + number
            if column >= begin:
                column += middle - begin
            seen = x + column * g.stride_x
            from_, to = max(0, -seen) * g.inputs - first, (g.width - seen) * g.inputs - first
            line, factor = start + first * lanes + column * step, pixel + column * g.out_channels
            tile = tile_add_part_of_line(tile, from_, to, held, line, dy, factor, filled)
        tile_save(tile, sums, place)
        place += TERMS * lanes


@inlined_helper
def add_block(number, x, dy, sums, held, holds, runs, g):
    """The products of a block of rows of a strip, for one vector of outputs."""
    lanes = lanes_of(x)
    rest, vector = divmod(number, g.vectors)
    rest, strip = divmod(rest, g.strips)
    image, block = divmod(rest, g.blocks)
    column = strip * g.columns
    columns, filled = min(g.columns, g.out_width - column), g.out_channels - vector * lanes
    holds[:] = -1
    for row in range(block * g.rows, min((block + 1) * g.rows, g.out_height)):
        ask_for_row(number + g.vectors, row - block * g.rows, x, dy, g)
        pixel = ((image * g.out_height + row) * g.out_width + column) * g.out_channels + vector * lanes
        place = 0
        for run in range(runs.shape[0]):
            y, length = row * g.stride_y + runs[run, 0], runs[run, 2]
            if 0 <= y < g.height:
                slot = y % g.depth
                if holds[slot] != y:
                    hold_row(x, image, y, column * g.stride_x + g.left, vector, held, slot * g.row_pitch, g)
                    holds[slot] = y
                start = slot * g.row_pitch + (runs[run, 1] - g.left) * g.column_pitch
                first_column = column * g.stride_x + runs[run, 1]
                add_row(sums, place, held, start, first_column, length, dy, pixel, columns, filled, g)
            place += -(-length * g.inputs // TERMS) * TERMS * lanes


@kernel
def correlate_group_pixels(job, x, dy, sums, partial_sums, chunks, runs, g):
    """Fill ``sums``, flat (partial sums, vectors, terms, lanes), for one partial sum and one chunk of the vectors."""
    partial, chunk = divmod(job, chunks)
    size = sums.size // (partial_sums * g.vectors)
    first_vector, end_vector = g.vectors * chunk // chunks, g.vectors * (chunk + 1) // chunks
    blocks = g.images * g.blocks * g.strips
    held, holds = aligned_buffer(g.depth * g.row_pitch + TERMS * lanes_of(x), x), np.empty(g.depth, np.int64)
    held[:] = 0
    sums[(partial * g.vectors + first_vector) * size : (partial * g.vectors + end_vector) * size] = 0
    for block in range(blocks * partial // partial_sums, blocks * (partial + 1) // partial_sums):
        for vector in range(first_vector, end_vector):
            place = (partial * g.vectors + vector) * size
            add_block(block * g.vectors + vector, x, dy, sums[place : place + size], held, holds, runs, g)


@functools.lru_cache(maxsize=1024)
def gradient_strips(x: Shape4, dy: Shape4, dtype: Any, groups: int, taps: Taps) -> Strips:
    """The geometry for x of shape (N, H, W, C) and dy of shape (N, OH, OW, K)."""
    g = strips_of(x, dy, dtype, groups, taps)
    column_pitch = g.inputs * host().lanes(dtype)
    reach = g.seen - (g.columns - 1) * g.stride_x
    columns_held = HELD_BYTES // (g.depth * column_pitch * dtype.itemsize)
    columns = equal_parts(g.out_width, max(LEAST_COLUMNS, (columns_held - reach) // g.stride_x + 1))
    seen = (columns - 1) * g.stride_x + reach
    return g._replace(
        columns=columns,
        strips=-(-g.out_width // columns),
        seen=seen,
        parities=1,
        row_pitch=seen * column_pitch,
        input_pitch=host().lanes(dtype),
        parity_pitch=0,
        column_pitch=column_pitch,
    )


def run_grouped_gradient(x: FloatArray, dy: FloatArray, out: Weight, taps: Taps) -> None:
    """Fill ``out`` from x (N, H, W, C) and dy (N, OH, OW, K), both C-contiguous.

    Its numbers must lie as those of an array (output channels, taps, input channels of a group).
    """
    groups, outputs, inputs = out.shape
    g = gradient_strips(x.shape, dy.shape, x.dtype, groups, taps)
    lanes = host().lanes(x.dtype)
    lengths = taps.runs[:, 2] * inputs
    padded = -(-lengths // TERMS) * TERMS
    blocks, size = g.images * g.blocks * g.strips, g.vectors * int(padded.sum()) * lanes
    partial_sums = max(1, min(blocks, MOST_PARTIALS, PARTIAL_BYTES // (size * x.dtype.itemsize)))
    # The number of chunks may depend on that of threads: a vector belongs to one chunk alone.
    chunks = min(g.vectors, max(1, -(-4 * get_num_threads() // partial_sums)))
    sums = aligned((partial_sums * size,), x.dtype)
    launch(correlate_group_pixels, partial_sums * chunks, flat(x), flat(dy), sums, partial_sums, chunks, taps.runs, g)
    total = sums.reshape(partial_sums, -1).sum(axis=0).reshape(g.vectors, -1, lanes)
    starts = np.cumsum(padded) - padded
    terms = np.concatenate([np.arange(start, start + n) for start, n in zip(starts, lengths, strict=True)])
    gradient = total[:, terms].transpose(0, 2, 1).reshape(g.vectors * lanes, -1)
    out.numbers.reshape(groups * outputs, -1)[...] = gradient[: groups * outputs]
