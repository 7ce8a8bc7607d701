"""The dense kernel: forward convolution, the input gradient and the matrix product are all this sum over taps.

    out[n, origin + out_stride i, k]  =  bias[k] + sum over taps t, channels c of
                                         in[n, i in_stride + offset(t), c] W[t, c, k]          (in = 0 outside)

(``taps.py`` says which taps.) A job computes one block of output pixels, for a range of *panels*: as many output
channels as a register tile is wide. Within a panel it runs over the pixels, a tile's rows at a time. Every sum has one
order, tap by tap and channel by channel, whatever the number of threads; a block takes it in one of two ways.

- *At once*, where the block sees nothing but the image: a tile sums over all taps before it is stored. With few
  channels, at the edge of the image too; then what the block sees is first copied with its zero padding.
- *Tap by tap*, at the edge of an image of many channels: each tap is added to the pixels for which it lies inside the
  image. Nothing is copied, and nothing is multiplied by the zeros outside: on small maps they are a sixth of the work.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyconv.backends.cpu.blocks import (
    TILES,
    Shape4,
    chunks_for,
    flat,
    geometry,
    pixel_offsets,
    read_window,
)
from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.few_pixels import reads_in_place, run_in_place
from tinyconv.backends.cpu.host import VECTOR_BYTES, Shape
from tinyconv.backends.cpu.packing import Memo, Weight, aligned_buffer, kept, pack, pack_taps
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import (
    small_code,
    tile_rank1,
    tile_repeat,
    tile_rows,
    tile_store,
    tile_width,
)
from tinyconv.backends.cpu.simd import tile_at_least, tile_fetch
from tinyconv.backends.cpu.tap_by_tap import begin_with_bias, is_mostly_edge, rectify_pixels, see_through_tap
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

BLOCK_PIXELS = (256, 1024)

SLAB_BYTES = 16 * 1024
"""Of a panel of weights, what all pixels of a block are multiplied by before the next: it stays in the first-level
cache, beside the pixels of a tile."""

MANY_INPUTS = 48
"""From so many channels on, a tile may be saved and read again for each tap."""


def make_multiply_panel(shape: Shape):
    """The inner loops, for one shape of register tile: its numbers must be constants of the compiled function."""
    TILE_ROWS, TILE_VECTORS = shape
    SLAB = max(1, SLAB_BYTES // (TILE_VECTORS * VECTOR_BYTES))

    @helper
    def multiply_panel(values, sources, pixels, runs, weight, w, bias, b, begins, least, out, targets, columns):
        """out[targets[p] + k] += sum over the runs of values[sources[p] + ...] weight[w + ...], and at ``least`` that.

        Where the sum ``begins``, bias[b + k] stands for what was in ``out``. ``runs``: (first, end) of each.
        """
        first_run, first, place = 0, runs[0, 0] if runs.shape[0] else 0, w
        while pixels > 0 and (first_run < runs.shape[0] or begins):
            for p in range(0, pixels, TILE_ROWS):
                inputs = tile_rows(TILE_ROWS, values, sources, p)
                outputs = tile_rows(TILE_ROWS, out, targets, p)
                if begins:
                    sums = tile_repeat(TILE_ROWS, TILE_VECTORS, bias, b)
                else:
                    sums = tile_fetch(TILE_VECTORS, outputs, 0, columns)
                run, start, place, left = first_run, first, w, SLAB
                while run < runs.shape[0] and left > 0:
                    end = runs[run, 1]
                    if end - start > left + SLAB // 4:  # a little more is better than a run in two parts
                        end = start + left
                    for index in range(start, end):
                        sums = tile_rank1(sums, inputs, index, weight, place)
                        place += tile_width(sums)
                    left -= end - start
                    start = end
                    if end == runs[run, 1]:
                        run += 1
                        start = runs[run, 0] if run < runs.shape[0] else 0
                if run == runs.shape[0]:
                    sums = tile_at_least(sums, least)
                tile_store(sums, outputs, columns)
            first_run, first, w, begins = run, start, place, False

    return multiply_panel


multiply_wide, multiply_middle, multiply_narrow = (make_multiply_panel(tile) for tile in TILES)


@kernel
def correlate(
    job, source, weight, strides, kernel_rows, kernel_columns, bias, out, phases, runs, chunks, packs, relu, g
):
    """One block of outputs of one phase and group, for one chunk of the panels.

    Jobs are numbered with the phase running fastest: phases differ in work, and every thread gets some of each.
    """
    small_code()
    rest, p = divmod(job, phases.shape[0])
    rest, chunk = divmod(rest, chunks)
    rest, across = divmod(rest, g.blocks_across)
    rest, down = divmod(rest, g.blocks_down)
    deep, group = divmod(rest, g.groups)
    first_run, end_run, tap = phases[p, FIRST_RUN], phases[p, END_RUN], phases[p, FIRST_TAP]
    top, bottom, left, right = phases[p, TOP], phases[p, BOTTOM], phases[p, LEFT], phases[p, RIGHT]
    image, row, column = deep * g.block_images, down * g.block_rows, across * g.block_columns
    images = min(g.block_images, g.images - image)
    rows = min(g.block_rows, phases[p, ROWS] - row)
    columns = min(g.block_columns, phases[p, COLUMNS] - column)
    if rows <= 0 or columns <= 0:
        return
    first_panel, end_panel = g.panels * chunk // chunks, g.panels * (chunk + 1) // chunks

    y, x = phases[p, ORIGIN_Y] + row * g.out_stride_y, phases[p, ORIGIN_X] + column * g.out_stride_x
    target = ((image * g.out_height + y) * g.out_width + x) * g.out_channels
    target += group * g.outputs + first_panel * g.panel_width
    line = g.out_width * g.out_channels
    steps = (g.out_height * line, g.out_stride_y * line, g.out_stride_x * g.out_channels)
    targets = pixel_offsets(images, rows, columns, target, steps)
    pixels = images * rows * columns

    y, x = row * g.stride_y + top, column * g.stride_x + left
    seen_rows = (rows - 1) * g.stride_y + bottom - top + 1
    seen_columns = (columns - 1) * g.stride_x + right - left + 1
    tap_by_tap = g.inputs >= MANY_INPUTS and is_mostly_edge(y, x, seen_rows, seen_columns, g)
    if tap_by_tap:
        values, sources, seeing = source, np.empty(targets.size, np.int64), np.empty(targets.size, np.int64)
        rounds, taps, numbers = end_run - first_run, 1, np.empty((1, 2), np.int64)
        numbers[0, 0], numbers[0, 1] = 0, g.inputs
        b = (group * g.panels + first_panel) * g.panel_width
        most = min(end_panel * g.panel_width, g.outputs) - first_panel * g.panel_width
        begin_with_bias(out, targets, pixels, most, bias, b)
        least = source.dtype.type(-np.inf)  # known only when all taps are added
    else:
        values, start, pitches, pixel = read_window(source, g, group, image, y, x, images, seen_rows, seen_columns)
        sources = pixel_offsets(images, rows, columns, start, (pitches[0], g.stride_y * pitches[1], g.stride_x * pixel))
        rounds, taps, numbers, seeing = 1, 0, np.empty((end_run - first_run, 2), np.int64), targets
        for run in range(end_run - first_run):
            first = (runs[first_run + run, 0] - top) * pitches[1] + (runs[first_run + run, 1] - left) * pixel
            numbers[run, 0], numbers[run, 1] = first, first + runs[first_run + run, 2] * g.inputs
            taps += runs[first_run + run, 2]
        most, least = 0, source.dtype.type(0 if relu else -np.inf)
    # The weights of a panel are packed now if they were not before.
    buffer = aligned_buffer(packs * taps * g.inputs * g.panel_width, source)
    for run in range(rounds):
        for step in range(runs[first_run + run, 2] if tap_by_tap else 1):
            if tap_by_tap:
                tap_y, tap_x = y + runs[first_run + run, 0] - top, x + runs[first_run + run, 1] - left + step
                pixels = see_through_tap(
                    tap_y, tap_x, (group, image, images, rows, columns), targets, sources, seeing, g
                )
            for panel in range(first_panel, end_panel):
                b = (group * g.panels + panel) * g.panel_width
                w = (b * kernel_rows.size + tap * g.panel_width) * g.inputs
                panel_weight = weight
                if packs:
                    order = (strides, g.outputs, kernel_rows, kernel_columns)
                    pack_taps(
                        weight, order, tap, tap + taps, 0, g.inputs, g.inputs, g.panel_width, group, panel, buffer, 0
                    )
                    panel_weight, w = buffer, 0
                begins, filled = not tap_by_tap, min(g.panel_width, g.outputs - panel * g.panel_width)
                if g.tile == 0:
                    multiply_wide(
                        values, sources, pixels, numbers, panel_weight, w, bias, b, begins, least, out, seeing, filled
                    )
                elif g.tile == 1:
                    multiply_middle(
                        values, sources, pixels, numbers, panel_weight, w, bias, b, begins, least, out, seeing, filled
                    )
                else:
                    multiply_narrow(
                        values, sources, pixels, numbers, panel_weight, w, bias, b, begins, least, out, seeing, filled
                    )
                for place in range(seeing.size):
                    seeing[place] += g.panel_width
            tap += 1
    if tap_by_tap and relu:
        rectify_pixels(out, targets, images * rows * columns, most)


def run_correlation(
    source: FloatArray,
    weight: Weight,
    bias: FloatArray | None,
    out: FloatArray,
    taps: Taps,
    relu: bool = False,
    memo: Memo = None,
) -> None:
    """Fill ``out`` (N, height, width, K) from ``source`` (N, height, width, C), both C-contiguous.

    ``weight`` has the direction of this sum: for an input gradient it is the transposed one. ``relu``: max(out, 0).
    ``memo``: where the packed weight of a forward convolution is kept.
    """
    g = geometry(source.shape, out.shape, source.dtype, weight.shape[0], taps, BLOCK_PIXELS, BLOCK_BYTES)
    if memo is None and not relu and reads_in_place(weight, out.size // out.shape[3], g):
        run_in_place(source, weight, bias, out, taps, g)
    else:
        prepare_correlation(source.shape, weight, bias, out.shape, taps, relu, memo)(flat(source), flat(out))


def prepare_correlation(
    source: Shape4,
    weight: Weight,
    bias: FloatArray | None,
    out: Shape4,
    taps: Taps,
    relu: bool = False,
    memo: Memo = None,
) -> Callable[[FloatArray, FloatArray], None]:
    """``run_correlation`` for flat arrays of these shapes, with all that depends on the shapes done."""
    groups, outputs, _ = weight.shape
    dtype = weight.numbers.dtype
    g = geometry(source, out, dtype, groups, taps, BLOCK_PIXELS, BLOCK_BYTES)
    packed_bias = np.zeros((groups, g.panels * g.panel_width), dtype)
    if bias is not None:
        packed_bias[:, :outputs] = bias.reshape(groups, outputs)
    blocks = g.blocks_deep * g.blocks_down * g.blocks_across
    jobs = blocks * groups * len(taps.phases)
    chunks = chunks_for(jobs, g.panels)
    # Where one block holds all pixels, a panel is read by one job alone, which packs it on the way.
    packs = blocks == 1 and weight.strides[2] == 1 and memo is None
    numbers = weight.numbers
    if not packs:
        numbers = kept(memo, ("direct", groups, g.panel_width), lambda: pack(weight, taps, g.panel_width))
    before = (numbers, weight.strides, taps.kernel_rows, taps.kernel_columns, flat(packed_bias))
    after = (taps.phases, taps.runs, chunks, int(packs), int(relu), g)
    return lambda source, out: launch(correlate, jobs * chunks, source, *before, out, *after)
