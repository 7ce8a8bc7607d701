"""The dense kernel: forward convolution, the input gradient and the matrix product are all this sum over taps.

    out[n, origin + out_stride i, k]  =  bias[k] + sum over taps t, channels c of
                                         in[n, i in_stride + offset(t), c] W[t, c, k]          (in = 0 outside)

(``taps.py`` says which taps.) A job computes one block of output pixels. It copies the part of the input
that the block sees, with its zero padding, into a buffer of its own, unless that part lies inside the image and can be
read in place. Then, for each *panel* of as many output channels as a register tile is wide, it runs over the pixels,
a tile's rows at a time; each tile sums over all taps and channels before it is stored, once. Every sum has one order,
whatever the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinyconv.backends.cpu.blocks import chunks_for, flat, geometry, pixel_offsets, read_window
from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import Shape, host
from tinyconv.backends.cpu.packing import Weight, pack
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import tile_rank1, tile_repeat, tile_rows, tile_store, tile_width
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
from tinyconv.core.arrays import FloatArray

BLOCK_BYTES = 256 * 1024
"""Input seen by one job: with a panel of weights beside it, it should stay in the second-level cache."""

BLOCK_PIXELS = (64, 1024)


def make_multiply_panel(shape: Shape):
    """The inner loops, for one shape of register tile: its numbers must be constants of the compiled function."""
    TILE_ROWS, TILE_VECTORS = shape

    @helper
    def multiply_panel(values, sources, pixels, run_starts, run_lengths, weight, w, bias, b, out, targets, columns):
        """out[targets[p] + k] = bias[b + k] + sum over the runs of values[sources[p] + ...] weight[w + ...]."""
        for p in range(0, pixels, TILE_ROWS):
            inputs = tile_rows(TILE_ROWS, values, sources, p)
            sums = tile_repeat(TILE_ROWS, TILE_VECTORS, bias, b)
            place = w
            for run in range(run_starts.size):
                for index in range(run_starts[run], run_starts[run] + run_lengths[run]):
                    sums = tile_rank1(sums, inputs, index, weight, place)
                    place += tile_width(sums)
            tile_store(sums, tile_rows(TILE_ROWS, out, targets, p), columns)

    return multiply_panel


multiply_wide_panel = make_multiply_panel(host().wide)
multiply_narrow_panel = make_multiply_panel(host().narrow)


@helper
def correlate_job(job, source, weight, bias, out, phases, runs, chunks, g):
    """One block of outputs of one phase and group, for one chunk of the panels.

    Jobs are numbered with the phase running fastest: phases differ in work, and every thread gets some of each.
    """
    rest, p = divmod(job, phases.shape[0])
    rest, chunk = divmod(rest, chunks)
    rest, across = divmod(rest, g.blocks_across)
    rest, down = divmod(rest, g.blocks_down)
    deep, group = divmod(rest, g.groups)
    first_run, end_run, first_tap = phases[p, FIRST_RUN], phases[p, END_RUN], phases[p, FIRST_TAP]
    origin_y, origin_x = phases[p, ORIGIN_Y], phases[p, ORIGIN_X]
    top, bottom, left, right = phases[p, TOP], phases[p, BOTTOM], phases[p, LEFT], phases[p, RIGHT]
    image, row, column = deep * g.block_images, down * g.block_rows, across * g.block_columns
    images = min(g.block_images, g.images - image)
    rows = min(g.block_rows, phases[p, ROWS] - row)
    columns = min(g.block_columns, phases[p, COLUMNS] - column)
    if rows <= 0 or columns <= 0:
        return

    y, x = row * g.stride_y + top, column * g.stride_x + left
    seen_rows = (rows - 1) * g.stride_y + bottom - top + 1
    seen_columns = (columns - 1) * g.stride_x + right - left + 1
    values, start, pitches = read_window(source, g, group, image, y, x, images, seen_rows, seen_columns)
    steps = (pitches[0], g.stride_y * pitches[1], g.stride_x * g.inputs)
    sources = pixel_offsets(images, rows, columns, start, steps)

    y, x = origin_y + row * g.out_stride_y, origin_x + column * g.out_stride_x
    target = ((image * g.out_height + y) * g.out_width + x) * g.out_channels + group * g.outputs
    line = g.out_width * g.out_channels
    steps = (g.out_height * line, g.out_stride_y * line, g.out_stride_x * g.out_channels)
    targets = pixel_offsets(images, rows, columns, target, steps)

    run_starts = np.empty(end_run - first_run, np.int64)
    run_lengths = np.empty(end_run - first_run, np.int64)
    for run in range(end_run - first_run):
        y, x = runs[first_run + run, 0] - top, runs[first_run + run, 1] - left
        run_starts[run] = y * pitches[1] + x * g.inputs
        run_lengths[run] = runs[first_run + run, 2] * g.inputs

    pixels = images * rows * columns
    panel_size = weight.size // (g.groups * g.panels)
    for panel in range(g.panels * chunk // chunks, g.panels * (chunk + 1) // chunks):
        w = (group * g.panels + panel) * panel_size + first_tap * g.inputs * g.panel_width
        b = (group * g.panels + panel) * g.panel_width
        outputs = out[panel * g.panel_width :]
        filled = min(g.panel_width, g.outputs - panel * g.panel_width)
        if g.is_wide:
            multiply_wide_panel(
                values, sources, pixels, run_starts, run_lengths, weight, w, bias, b, outputs, targets, filled
            )
        else:
            multiply_narrow_panel(
                values, sources, pixels, run_starts, run_lengths, weight, w, bias, b, outputs, targets, filled
            )


@kernel
def correlate(jobs, source, weight, bias, out, phases, runs, chunks, g):
    """Fill ``out``; all arrays of numbers are flat."""
    for job in prange(jobs):
        correlate_job(np.int64(job), source, weight, bias, out, phases, runs, chunks, g)


def run_correlation(source: FloatArray, weight: Weight, bias: FloatArray | None, out: FloatArray, taps: Taps) -> None:
    """Fill ``out`` (N, height, width, K) from ``source`` (N, height, width, C), both C-contiguous.

    ``weight`` has the direction of this sum: for an input gradient it is the transposed one.
    """
    groups, outputs, _ = weight.shape
    g = geometry(source, out, groups, taps, BLOCK_PIXELS, BLOCK_BYTES)
    packed_bias = np.zeros((groups, g.panels * g.panel_width), source.dtype)
    if bias is not None:
        packed_bias[:, :outputs] = bias.reshape(groups, outputs)
    packed = pack(weight, taps, g.panel_width)
    jobs = g.blocks_deep * groups * g.blocks_down * g.blocks_across * len(taps.phases)
    chunks = chunks_for(jobs, g.panels)
    launch(
        correlate,
        jobs * chunks,
        flat(source),
        flat(packed),
        flat(packed_bias),
        flat(out),
        taps.phases,
        taps.runs,
        chunks,
        g,
    )
