"""The weight gradient of depthwise convolution: the rows of a register tile are taps, which share dy.

    dW[t, c]  =  sum over images n, output pixels i of  x[n, i stride + offset(t), c] dy[n, i, c]

The rows of all images are shared out over a number of partial sums that depends on the shape alone, and is added in
order: the same bits for any number of threads.
"""

from __future__ import annotations

import numpy as np

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.depthwise import maps_of, repeated
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import tile_load, tile_rows, tile_save
from tinyconv.backends.cpu.simd import lanes_of
from tinyconv.backends.cpu.taps import Taps
from tinyconv.backends.cpu.tile_products import tile_add_products, tile_add_products_where
from tinyconv.core.arrays import FloatArray

TAPS = 9
"""Taps of a tile: those of a 3 x 3 kernel."""

MOST_PARTIALS = 64


@helper
def see_taps(row, first, row_taps, column_taps, edges, offsets, rows_inside, inside, g):
    """What the taps ``first`` ... of a tile see from a row of outputs: whether anything, and all of them.

    ``offsets``: where each reads; one whose row is outside reads another tap's, and what it sums is not kept.
    ``inside``: for each output of the ``edges``, which taps see the image.
    """
    anchor, count = -1, 0
    for t in range(TAPS):
        tap = min(first + t, row_taps.size - 1)
        rows_inside[t] = 0 <= row * g.stride_y + row_taps[tap] < g.height
        count += rows_inside[t]
        anchor = tap if rows_inside[t] else anchor
    for t in range(TAPS):
        tap = min(first + t, row_taps.size - 1)
        offsets[t] = (row_taps[tap if rows_inside[t] else anchor] * g.width + column_taps[tap]) * g.channels
        for edge in range(edges.size):
            inside[edge * TAPS + t] = rows_inside[t] and 0 <= edges[edge] * g.stride_x + column_taps[tap] < g.width
    return anchor >= 0, count == TAPS


@kernel
def correlate_channel_pixels(job, jobs, lines, x, dy, partials, column_taps, row_taps, begin, end, edges, g):
    """One partial sum, of flat (partial sums, groups of taps, channels in vectors, TAPS, lanes): a share of the rows

    of dy of all images, ``lines`` in all, in order. Outputs ``begin`` ... ``end`` of a row see it through all taps.
    """
    lanes = lanes_of(x)
    taps, size = row_taps.size, partials.size // jobs
    offsets, rows_inside = np.empty(TAPS, np.int64), np.empty(TAPS, np.int64)
    inside = np.empty(TAPS * edges.size, np.int64)
    sums = np.empty(TAPS * lanes, x.dtype)
    for place in range(job * size, (job + 1) * size):
        partials[place] = 0
    for line in range(lines * job // jobs, lines * (job + 1) // jobs):
        image, row = divmod(line, g.out_height)
        for first in range(0, taps, TAPS):
            any_inside, all_inside = see_taps(row, first, row_taps, column_taps, edges, offsets, rows_inside, inside, g)
            pixels = tile_rows(TAPS, x, offsets, 0)
            for c in range(0, g.channels if any_inside else 0, lanes):
                count, place = g.channels - c, job * size + first * g.pitch + c * TAPS
                start = (image * g.height + row * g.stride_y) * g.width * g.channels + c
                target = line * g.out_width * g.channels + c
                tile = tile_load(TAPS, 1, partials, place)
                index = start + begin * g.stride_x * g.channels
                for at in range(target + begin * g.channels, target + end * g.channels, g.channels):
                    tile = tile_add_products(tile, pixels, index, dy, at, count)
                    index += g.stride_x * g.channels
                for edge in range(edges.size):
                    index, at = start + edges[edge] * g.stride_x * g.channels, target + edges[edge] * g.channels
                    tile = tile_add_products_where(tile, inside, edge * TAPS, pixels, index, dy, at, count)
                if all_inside:
                    tile_save(tile, partials, place)
                else:
                    tile_save(tile, sums, 0)
                    for t in range(TAPS):
                        if rows_inside[t]:
                            tile_save(tile_load(1, 1, sums, t * lanes), partials, place + t * lanes)


def run_weight_gradient(x: FloatArray, dy: FloatArray, out: FloatArray, taps: Taps) -> None:
    """Fill ``out``, a logical (K, 1, R, S), from x (N, H, W, C) and dy (N, OH, OW, K)."""
    outputs = dy.shape[3]
    images = repeated(x, outputs // x.shape[3])
    g = maps_of(images, dy, taps)
    count, lines = taps.kernel_rows.size, dy.shape[0] * dy.shape[1]
    offsets = [(y, first + step) for y, first, length in taps.runs for step in range(length)]
    row_taps, column_taps = (np.array(values, np.int64) for values in zip(*offsets, strict=True))
    lanes = host().lanes(x.dtype)
    groups, vectors = -(-count // TAPS), -(-outputs // lanes)
    partials = np.empty((min(MOST_PARTIALS, lines), groups * vectors * TAPS * lanes), x.dtype)
    arrays = images.reshape(-1), dy.reshape(-1), partials.reshape(-1)
    begin = max(0, -(column_taps.min() // g.stride_x))
    end = max(begin, min(g.out_width, (g.width - 1 - column_taps.max()) // g.stride_x + 1))
    edges = np.array([column for column in range(g.out_width) if not begin <= column < end], np.int64)
    launch(correlate_channel_pixels, len(partials), lines, *arrays, column_taps, row_taps, begin, end, edges, g)
    sums = partials.sum(axis=0).reshape(groups, vectors, TAPS, lanes).transpose(0, 2, 1, 3)
    out[:, 0] = sums.reshape(groups * TAPS, vectors * lanes)[:count, :outputs].T.reshape(outputs, *out.shape[2:])
