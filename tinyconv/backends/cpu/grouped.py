"""Grouped convolution with few channels in a group: SIMD runs over the outputs of several groups at once.

    out[n, origin + out_stride i, k]  =  bias[k] + sum over taps t, inputs c of a group of
                                         in[n, i in_stride + offset(t), group(k) C + c] W[t, c, k]     (in = 0 outside)

The outputs of a vector belong to several groups, of which each reads an input of its own. So the input is *spread*
first: input c of a pixel becomes a vector, whose lane k holds input c of k's group. What remains is a depthwise
convolution with taps x inputs terms, in vectors without an empty lane; a spread vector serves all taps that see it.

A job takes one vector of outputs of one *strip*, as many columns as a register tile has rows, and walks down a block of
rows. It holds the spread rows of the source that a row of outputs sees, so that they stay in the first-level cache:

    held[y mod depth, c, x mod in_stride, x / in_stride, lane]

in which neighbouring outputs read neighbouring vectors, whatever the stride.
"""

from __future__ import annotations

import numpy as np

from tinyconv.backends.cpu.blocks import MOST_LANES, flat
from tinyconv.backends.cpu.compilation import inlined_helper, kernel
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.packing import Weight, aligned_buffer
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.backends.cpu.register_tile import tile_repeat, tile_save
from tinyconv.backends.cpu.simd import lanes_of, prefetch
from tinyconv.backends.cpu.strips import STRIPS, places_across, strips_of
from tinyconv.backends.cpu.taps import (
    COLUMNS,
    END_RUN,
    FIRST_RUN,
    FIRST_TAP,
    ORIGIN_X,
    ORIGIN_Y,
    ROWS,
    Taps,
)
from tinyconv.backends.cpu.tile_products import (
    tile_add_line,
    tile_add_windows_of_line,
    tile_spread,
    tile_store_first,
)
from tinyconv.core.arrays import FloatArray

WINDOW = 3
"""Taps side by side for which neighbouring outputs share what they see."""

JOBS = 4
"""Shares of the jobs for each thread."""


def make_spread_row(groups: int):
    """The spreading of a row of the source into vectors that see at most so many groups."""

    @inlined_helper
    def spread_row(source, line, first, end, bound, last, held, place, g):
        for parity in range(g.parities):
            begin = first + (parity - first) % g.parities
            to = place + parity * g.parity_pitch + begin // g.parities * g.column_pitch
            for column in range(begin, end, g.parities):
                pixel = line + column * g.channels
                for c in range(g.inputs):
                    vector = tile_spread(groups, source, pixel + c, g.inputs, bound, g.outputs, last)
                    tile_save(vector, held, to + c * g.input_pitch)
                to += g.column_pitch

    return spread_row


spread_two, spread_four, spread_many = make_spread_row(2), make_spread_row(4), make_spread_row(MOST_LANES)


@inlined_helper
def hold_row(source, image, y, x, vector, held, place, g):
    """Spread what a strip sees of row ``y`` from column ``x`` on, for one vector of outputs, and ask for the next."""
    lanes = lanes_of(source)
    group = vector * lanes // g.outputs
    last = min(g.out_channels - 1, (vector + 1) * lanes - 1) // g.outputs - group
    bound = (group + 1) * g.outputs - vector * lanes
    first, end = max(0, -x), min(g.seen, g.width - x)
    line = ((image * g.height + y) * g.width + x) * g.channels + group * g.inputs
    if last < 2:
        spread_two(source, line, first, end, bound, last, held, place, g)
    elif last < 4:
        spread_four(source, line, first, end, bound, last, held, place, g)
    else:
        spread_many(source, line, first, end, bound, last, held, place, g)


def make_correlate_tile(outputs: int):
    """The inner loops, for one number of outputs beside each other."""

    @inlined_helper
    def correlate_tile(held, lines, count, across, weight, w, bias, b, out, target, step, columns, filled, g):
        """``lines``: for each run of taps that lies inside the image, (place of its row, first tap, end of taps)."""
        lanes = lanes_of(held)
        tile = tile_repeat(outputs, 1, bias, b)
        for line in range(count):
            if g.parities == 1 and lines[line, 2] - lines[line, 1] == WINDOW:
                tap = lines[line, 1]
                place, factor, pitch = lines[line, 0] + across[tap], w + tap * g.inputs * lanes, g.inputs * lanes
                for _ in range(g.inputs):
                    tile = tile_add_windows_of_line(WINDOW, tile, held, place, weight, factor, pitch)
                    place += g.input_pitch
                    factor += lanes
                continue
            for tap in range(lines[line, 1], lines[line, 2]):
                place, factor = lines[line, 0] + across[tap], w + tap * g.inputs * lanes
                for _ in range(g.inputs):
                    tile = tile_add_line(tile, held, place, weight, factor, lanes)
                    place += g.input_pitch
                    factor += lanes
        tile_store_first(tile, out, target, step, columns, filled)

    return correlate_tile


correlate_wide, correlate_narrow = (make_correlate_tile(outputs) for outputs in STRIPS)


@inlined_helper
def ask_for_pixels(array, first, end, channels, part, parts):
    """Ask for one of so many parts of neighbouring pixels."""
    start, size = first * channels, max(0, end - first) * channels
    for index in range(start + size * part // parts, start + size * (part + 1) // parts, lanes_of(array)):
        prefetch(array, index)


@inlined_helper
def ask_for_row(number, row, source, out, g):
    """Ask for a part of what row ``row`` of a strip reads and writes. All vectors of the strip before it do so."""
    rest, vector = divmod(number, g.vectors)
    rest, strip = divmod(rest, g.strips)
    image, block = divmod(rest, g.blocks)
    x, x_out = strip * g.columns * g.stride_x + g.left, strip * g.columns * g.out_stride_x
    row += block * g.rows
    if image < g.images:
        for y in range(row * g.stride_y, min((row + 1) * g.stride_y, g.height)):
            line = (image * g.height + y) * g.width
            ask_for_pixels(source, line + max(0, x), line + min(g.width, x + g.seen), g.channels, vector, g.vectors)
        for y in range(row * g.out_stride_y, min((row + 1) * g.out_stride_y, g.out_height)):
            line = (image * g.out_height + y) * g.out_width
            end = min(g.out_width, x_out + g.columns * g.out_stride_x)
            ask_for_pixels(out, line + x_out, line + end, g.out_channels, vector, g.vectors)


@inlined_helper
def correlate_strip(number, source, weight, bias, out, phases, runs, across, held, holds, lines, g):
    """One vector of outputs of one strip of a block of rows. ``holds``: which row of the source each held row is;

    ``across``: where each tap lies in a held row.
    """
    lanes = lanes_of(source)
    rest, vector = divmod(number, g.vectors)
    rest, strip = divmod(rest, g.strips)
    image, block = divmod(rest, g.blocks)
    column = strip * g.columns
    x = column * g.stride_x + g.left
    w = vector * across.size * g.inputs * lanes
    filled = g.out_channels - vector * lanes
    holds[:] = -1
    held[:] = 0  # columns outside the image stay so
    for row in range(block * g.rows, min((block + 1) * g.rows, g.most_rows)):
        ask_for_row(number + g.vectors, row - block * g.rows, source, out, g)
        for p in range(phases.shape[0]):
            if row >= phases[p, ROWS] or column >= phases[p, COLUMNS]:
                continue
            count, tap = 0, phases[p, FIRST_TAP]
            for run in range(phases[p, FIRST_RUN], phases[p, END_RUN]):
                y = row * g.stride_y + runs[run, 0]
                if 0 <= y < g.height:
                    slot = y % g.depth
                    if holds[slot] != y:
                        hold_row(source, image, y, x, vector, held, slot * g.row_pitch, g)
                        holds[slot] = y
                    lines[count, 0], lines[count, 1], lines[count, 2] = slot * g.row_pitch, tap, tap + runs[run, 2]
                    count += 1
                tap += runs[run, 2]
            y_out, x_out = phases[p, ORIGIN_Y] + row * g.out_stride_y, phases[p, ORIGIN_X] + column * g.out_stride_x
            target = ((image * g.out_height + y_out) * g.out_width + x_out) * g.out_channels + vector * lanes
            step, columns = g.out_stride_x * g.out_channels, phases[p, COLUMNS] - column
            b = vector * lanes
            if g.columns == STRIPS[0]:
                correlate_wide(held, lines, count, across, weight, w, bias, b, out, target, step, columns, filled, g)
            else:
                correlate_narrow(held, lines, count, across, weight, w, bias, b, out, target, step, columns, filled, g)


@kernel
def correlate_groups(job, jobs, source, weight, bias, out, phases, runs, across, g):
    """Fill ``out``; all arrays of numbers are flat. ``weight``: (vectors, taps, inputs, lanes)."""
    strips = g.images * g.blocks * g.strips * g.vectors
    held = aligned_buffer(g.depth * g.row_pitch, source)
    holds, lines = np.empty(g.depth, np.int64), np.empty((runs.shape[0], 3), np.int64)
    for number in range(strips * job // jobs, strips * (job + 1) // jobs):
        correlate_strip(number, source, weight, bias, out, phases, runs, across, held, holds, lines, g)


def _in_vectors(weight: Weight, taps: Taps, vectors: int, lanes: int) -> FloatArray:
    """The weight as (vectors of outputs, taps, inputs, lanes), flat, with 0 after the last output."""
    groups, outputs, inputs = weight.shape
    numbers = weight.numbers
    size = (int(taps.kernel_rows.max(initial=0)) + 1, int(taps.kernel_columns.max(initial=0)) + 1)
    strides = tuple(numbers.itemsize * step for step in weight.strides)
    stored = np.lib.stride_tricks.as_strided(numbers, (groups, outputs, inputs, *size), strides)
    rows = np.zeros((vectors * lanes, inputs, taps.kernel_rows.size), numbers.dtype)
    rows[: groups * outputs] = stored[..., taps.kernel_rows, taps.kernel_columns].reshape(
        groups * outputs, *rows.shape[1:]
    )
    ordered = rows.reshape(vectors, lanes, *rows.shape[1:]).transpose(0, 3, 2, 1)
    return np.ascontiguousarray(ordered).reshape(-1)


def run_grouped(source: FloatArray, weight: Weight, bias: FloatArray | None, out: FloatArray, taps: Taps) -> None:
    """Fill ``out`` (N, height, width, K) from ``source`` (N, height, width, C), both C-contiguous.

    ``weight`` has the direction of this sum: for an input gradient it is the transposed one.
    """
    g = strips_of(source.shape, out.shape, source.dtype, weight.shape[0], taps)
    lanes = host().lanes(source.dtype)
    packed_bias = np.zeros(g.vectors * lanes, source.dtype)
    if bias is not None:
        packed_bias[: bias.size] = bias
    packed = _in_vectors(weight, taps, g.vectors, lanes)
    jobs = min(JOBS * get_num_threads(), g.images * g.blocks * g.strips * g.vectors)
    across = places_across(taps, g)
    launch(
        correlate_groups, jobs, flat(source), packed, packed_bias, flat(out), taps.phases, taps.runs, across, g
    )  # fmt: skip
