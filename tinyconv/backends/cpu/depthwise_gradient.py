"""The weight gradient of depthwise convolution: the rows of a register tile are the taps of a window, which share dy.

    dW[t, c]  =  sum over images n, output pixels i of  x[n, i stride + offset(t), c] dy[n, i, c]

The rows of all images are shared out over a number of partial sums that depends on the shape alone, and is added in
order: the same bits for any number of threads.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from tinyconv.backends.cpu.blocks import Shape4, flat
from tinyconv.backends.cpu.compilation import helper, inlined_helper, kernel
from tinyconv.backends.cpu.depthwise import (
    COLUMN,
    OUTPUTS,
    PLACE,
    START,
    TAPS,
    WINDOW,
    Maps,
    columns_inside,
    maps_of,
    repeated,
    windows_inside,
    windows_of,
)
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.packing import aligned
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import tile_load, tile_save
from tinyconv.backends.cpu.simd import lanes_of
from tinyconv.backends.cpu.taps import LEFT, RIGHT, Taps
from tinyconv.backends.cpu.window_products import (
    tile_add_pixels,
    tile_add_pixels_inside,
    tile_pixels,
    tile_pixels_inside,
)
from tinyconv.core.arrays import Array, FloatArray

MOST_PARTIALS = 32
"""Partial sums: enough for many threads, few enough to be added in no time."""


@inlined_helper
def add_inner(column, columns, base, line, first, end, windows, x, dy, sums, g):
    """The products of the outputs from ``column`` to ``columns``, whole tiles, whose windows lie within the image."""
    lanes = lanes_of(x)
    for start in range(column, columns, OUTPUTS):
        for vector in range(-(-g.channels // lanes)):
            c = min(vector * lanes, g.channels - lanes)
            outputs = tile_pixels(OUTPUTS, dy, line + start * g.channels + c, g.channels)
            pixel = base + start * g.stride_x * g.channels + c
            for w in range(first, end):
                index, place = pixel + windows[w, START], windows[w, PLACE] + vector * WINDOW * lanes
                if windows[w, TAPS] == 1:
                    tile = tile_load(1, 1, sums, place)
                    tile_save(tile_add_pixels(g.stride_x, tile, x, index, g.channels, outputs), sums, place)
                elif g.stride_x == 1:
                    tile = tile_load(WINDOW, 1, sums, place)
                    tile_save(tile_add_pixels(1, tile, x, index, g.channels, outputs), sums, place)
                else:
                    tile = tile_load(WINDOW, 1, sums, place)
                    tile_save(tile_add_pixels(2, tile, x, index, g.channels, outputs), sums, place)


@helper
def add_edge(column, columns, base, line, first, end, windows, x, dy, sums, g):
    """The products of the outputs from ``column`` to ``columns``, whose windows may hang over the edge."""
    lanes, filled = lanes_of(x), min(lanes_of(x), g.channels)
    for start in range(column, columns, OUTPUTS):
        last = min(OUTPUTS, columns - start) - 1
        for vector in range(-(-g.channels // lanes)):
            c = max(0, min(vector * lanes, g.channels - lanes))
            at, pixel = line + start * g.channels + c, base + start * g.stride_x * g.channels + c
            outputs = tile_pixels_inside(OUTPUTS, dy, at, g.channels, last + 1, filled)
            for w in range(first, end):
                index, place = pixel + windows[w, START], windows[w, PLACE] + vector * WINDOW * lanes
                left = -(windows[w, COLUMN] + start * g.stride_x)
                right = left + g.width
                if windows[w, TAPS] == 1:
                    tile = tile_load(1, 1, sums, place)
                    tile = tile_add_pixels_inside(
                        g.stride_x, tile, x, index, g.channels, left, right, last, filled, outputs
                    )
                    tile_save(tile, sums, place)
                elif g.stride_x == 1:
                    tile = tile_load(WINDOW, 1, sums, place)
                    tile = tile_add_pixels_inside(1, tile, x, index, g.channels, left, right, last, filled, outputs)
                    tile_save(tile, sums, place)
                else:
                    tile = tile_load(WINDOW, 1, sums, place)
                    tile = tile_add_pixels_inside(2, tile, x, index, g.channels, left, right, last, filled, outputs)
                    tile_save(tile, sums, place)


@kernel
def correlate_channel_pixels(job, jobs, x, dy, partials, windows, leftmost, rightmost, g):
    """One partial sum, of flat (partial sums, windows, channels in vectors, WINDOW, lanes): a share of the rows of dy

    of all images, in order. All taps lie in the columns from ``leftmost`` to ``rightmost``, seen from output 0.
    """
    size, lines = partials.size // jobs, g.images * g.out_height
    sums = partials[job * size : (job + 1) * size]
    sums[:] = 0
    left, right = columns_inside(leftmost, rightmost, g.out_width, g)
    if right < left or g.channels < lanes_of(x):
        left = right = g.out_width
    right = left + (right - left) // OUTPUTS * OUTPUTS
    for number in range(lines * job // jobs, lines * (job + 1) // jobs):
        image, row = divmod(number, g.out_height)
        first, end = windows_inside(row, 0, windows.shape[0], windows, g)
        base = (image * g.height + row * g.stride_y) * g.width * g.channels
        line = number * g.out_width * g.channels
        add_inner(left, right, base, line, first, end, windows, x, dy, sums, g)
        add_edge(0, left, base, line, first, end, windows, x, dy, sums, g)
        add_edge(right, g.out_width, base, line, first, end, windows, x, dy, sums, g)


class Plan(NamedTuple):
    """What follows from the shapes alone."""

    maps: Maps
    windows: Array
    """as of ``depthwise.windows_of``, with the place of the gradient of each"""
    vectors: int
    terms: Array
    """where the gradient of each tap lies among those of all windows"""
    places: Array
    """where each channel lies in its vectors"""


@functools.lru_cache(maxsize=1024)
def plan_of(x: Shape4, dy: Shape4, dtype: Any, taps: Taps) -> Plan:
    """The plan for x (N, H, W, C) and dy (N, H', W', C)."""
    g, lanes, channels = maps_of(x, dy, dtype, taps, blocks=1), host().lanes(dtype), np.arange(dy[3])
    windows, vectors = windows_of(taps, g)[0].copy(), -(-dy[3] // lanes)
    windows[:, PLACE] = np.arange(len(windows)) * vectors * WINDOW * lanes
    terms = [w * WINDOW + t for w, count in enumerate(windows[:, TAPS]) for t in range(count)]
    starts = np.minimum(channels // lanes * lanes, max(0, dy[3] - lanes))  # the last vector reaches back
    return Plan(g, windows, vectors, np.array(terms), channels // lanes * lanes + channels - starts)


def run_weight_gradient(x: FloatArray, dy: FloatArray, out: FloatArray, taps: Taps) -> None:
    """Fill ``out``, a logical (K, 1, R, S), from x (N, H, W, C) and dy (N, OH, OW, K)."""
    outputs, lanes = dy.shape[3], host().lanes(x.dtype)
    images = repeated(x, outputs // x.shape[3])
    plan = plan_of(images.shape, dy.shape, x.dtype, taps)
    shape = len(plan.windows), plan.vectors, WINDOW, lanes
    partials = aligned((min(MOST_PARTIALS, dy.shape[0] * dy.shape[1]), math.prod(shape)), x.dtype)
    arrays = flat(images), flat(dy), flat(partials), plan.windows
    launch(
        correlate_channel_pixels, len(partials), *arrays, taps.phases[0, LEFT], taps.phases[0, RIGHT], plan.maps
    )  # fmt: skip
    sums = partials.sum(axis=0).reshape(shape).transpose(0, 2, 1, 3).reshape(-1, plan.vectors * lanes)
    out[:, 0] = sums[plan.terms][:, plan.places].T.reshape(outputs, *out.shape[2:])
