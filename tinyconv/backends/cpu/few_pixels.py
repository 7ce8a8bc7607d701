"""The dense sum over taps for few pixels and many weights, which are read where they lie.

    out[n, origin + out_stride i, k]  =  bias[k] + sum over taps t, channels c of  in[n, i + offset(t), c] W[t, c, k]

The deep layers of a network, at batch 1, have little work for each of their weights: to copy these in the order of the
tiles takes longer than the products. In an input gradient the outputs of this sum lie side by side in the weight, so a
tile can read them in place. All pixels are multiplied by the weights of a few inputs, which follow each other in
memory, before the next come; meanwhile their sums stay in the second-level cache.

The inputs are shared out over a number of *partial sums* that depends on the shape alone, and these are added in order:
the same bits for any number of threads.
"""

from __future__ import annotations

import numpy as np

from tinyconv.backends.cpu.blocks import TILES, Geometry, chunks_for, copy_block, flat, pixel_offsets
from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.packing import Weight, aligned
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import small_code, tile_rank1, tile_repeat, tile_rows, tile_store, tile_width
from tinyconv.backends.cpu.simd import lanes_of, prefetch, tile_fetch
from tinyconv.backends.cpu.taps import (
    BOTTOM,
    COLUMNS,
    END_RUN,
    FIRST_RUN,
    FIRST_TAP,
    LEFT,
    ORIGIN_X,
    ORIGIN_Y,
    RIGHT,
    ROWS,
    TOP,
    Taps,
)
from tinyconv.backends.cpu.weight_gradient import add_partials
from tinyconv.core.arrays import FloatArray

FEW_PIXELS = 256
"""So many do not repay a copy of the weights."""

MANY_WEIGHTS = 64 * 1024
"""Fewer are copied in no time."""

PART_INPUTS = 64
"""of a partial sum"""

MOST_PARTS = 8

SLAB_TERMS = 144
"""Terms of the sums, inputs times taps, between loading and storing a tile."""

TILE_ROWS, TILE_VECTORS = TILES[0]


@helper
def multiply_in_place(
    values, sources, pixels, steps, first, weight, places, stride, depth, ahead, start, sums, targets
):
    """sums[targets[p] + k] += sum over taps t, c < ``depth`` of values[sources[p] + steps[t] + first + c] W[t, c, k].

    W[t, c, k] = weight[places[t] + c stride + k]. ``start`` (tiles' beginnings, index): what the sums begin with; none
    begins if the index is negative. What lies ``ahead`` of the weights is fetched meanwhile, a line for each tile.
    """
    starts, begin = start
    lanes = lanes_of(weight)
    for p in range(0, pixels, TILE_ROWS):
        inputs, outputs = tile_rows(TILE_ROWS, values, sources, p), tile_rows(TILE_ROWS, sums, targets, p)
        if begin < 0:
            tile = tile_fetch(TILE_VECTORS, outputs, 0, TILE_VECTORS * lanes)
        else:
            tile = tile_repeat(TILE_ROWS, TILE_VECTORS, starts, begin)
        soon = ahead + p // TILE_ROWS % TILE_VECTORS * lanes
        for tap in range(steps.size):
            index, place = steps[tap] + first, places[tap]
            for _ in range(depth):
                prefetch(weight, place + soon)
                tile = tile_rank1(tile, inputs, index, weight, place)
                index += 1
                place += stride
        tile_store(tile, outputs, tile_width(tile))


@kernel
def correlate_in_place(job, source, weight, strides, kernel_rows, kernel_columns, starts, sums, phases, runs, cut, g):
    """One partial sum, of one chunk of the panels. ``cut``: (partial sums, chunks, inputs of a slab)."""
    small_code()
    parts, chunks, slab = cut
    part, chunk = divmod(job, chunks)
    first_input, end_input = g.inputs * part // parts, g.inputs * (part + 1) // parts
    first_panel, end_panel = g.panels * chunk // chunks, g.panels * (chunk + 1) // chunks
    size, line = (g.height, g.width, g.channels), g.out_width * g.out_channels
    for p in range(phases.shape[0]):
        first_run, end_run, tap = phases[p, FIRST_RUN], phases[p, END_RUN], phases[p, FIRST_TAP]
        top, bottom, left, right = phases[p, TOP], phases[p, BOTTOM], phases[p, LEFT], phases[p, RIGHT]
        rows, columns = phases[p, ROWS], phases[p, COLUMNS]
        pixels = g.images * rows * columns
        seen_rows, seen_columns, depth = rows + bottom - top, columns + right - left, end_input - first_input
        window = copy_block(source, size, 0, top, left, first_input, g.images, seen_rows, seen_columns, depth)
        pitch = seen_columns * depth
        sources = pixel_offsets(g.images, rows, columns, 0, (seen_rows * pitch, pitch, depth))
        target = (part * g.images * g.out_height + phases[p, ORIGIN_Y]) * line + phases[p, ORIGIN_X] * g.out_channels
        across = (g.out_height * line, g.out_stride_y * line, g.out_stride_x * g.out_channels)
        targets = pixel_offsets(g.images, rows, columns, target, across)
        taps = runs[first_run:end_run, 2].sum()
        steps, offsets, places = np.empty(taps, np.int64), np.empty(taps, np.int64), np.empty(taps, np.int64)
        t = 0
        for run in range(first_run, end_run):
            for step in range(runs[run, 2]):
                steps[t] = (runs[run, 0] - top) * pitch + (runs[run, 1] - left + step) * depth
                offsets[t] = kernel_rows[tap] * strides[3] + kernel_columns[tap] * strides[4]
                t += 1
                tap += 1
        for first in range(first_input, end_input, slab):
            for panel in range(first_panel, end_panel):
                column = panel * g.panel_width
                for t in range(taps):
                    places[t] = offsets[t] + first * strides[2] + column
                ahead = g.panel_width
                if panel + 1 == end_panel:
                    ahead = slab * strides[2] - (panel - first_panel) * g.panel_width
                begin = -1
                if first == first_input:
                    begin = min(part, 1) * g.panels * g.panel_width + column
                few = min(slab, end_input - first)
                multiply_in_place(
                    window,
                    sources,
                    pixels,
                    steps,
                    first - first_input,
                    weight,
                    places,
                    strides[2],
                    few,
                    ahead,
                    (starts, begin),
                    sums[column:],
                    targets,
                )


def reads_in_place(weight: Weight, pixels: int, g: Geometry) -> bool:
    """Whether the weight is read where it lies: outputs side by side, in whole panels."""
    groups, outputs, _ = weight.shape
    return (
        groups == 1
        and weight.strides[1] == 1
        and g.tile == 0
        and outputs % g.panel_width == 0
        and pixels < FEW_PIXELS
        and weight.numbers.size >= MANY_WEIGHTS
    )


def run_in_place(
    source: FloatArray, weight: Weight, bias: FloatArray | None, out: FloatArray, taps: Taps, g: Geometry
) -> None:
    """Fill ``out`` (N, height, width, K) from ``source`` (N, height, width, C), both C-contiguous."""
    _, outputs, inputs = weight.shape
    parts = max(1, min(MOST_PARTS, inputs // PART_INPUTS))
    slab = max(1, SLAB_TERMS // max(1, taps.kernel_rows.size // len(taps.phases)))
    starts = np.zeros((2, outputs), source.dtype)
    if bias is not None:
        starts[0] = bias
    sums = aligned((parts, out.size), source.dtype) if parts > 1 else out.reshape(1, -1)
    chunks = chunks_for(parts, g.panels)
    before = (weight.numbers, weight.strides, taps.kernel_rows, taps.kernel_columns, flat(starts))
    after = (taps.phases, taps.runs, (parts, chunks, slab), g)
    launch(correlate_in_place, parts * chunks, flat(source), *before, flat(sums), *after)
    if parts > 1:
        launch(add_partials, 1 + out.size // 16384, flat(sums), flat(out))
