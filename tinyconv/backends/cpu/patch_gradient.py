"""The weight gradient for few input channels: taps and channels together are the rows of the tile.

Beside ``weight_gradient.py``, where channels are its columns and a few would leave them empty. Pixels are summed over.

    dW[t, c, k]  =  sum over images n, output pixels i of  x[n, i stride + offset(t), c] dy[n, i, k]

The pixels are shared out over a number of *partial sums* that depends on the shape alone; each adds its blocks of
pixels in order, and at the end the partial sums are added in order: the same bits for any number of threads. Within a
block of pixels a tile is loaded, updated once per pixel, and saved, while the block stays in the core's own cache.
"""

from __future__ import annotations

import math

import numpy as np

from tinyconv.backends.cpu.blocks import TILES, chunks_for, copy_block, flat, geometry, read_window
from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import VECTOR_BYTES, Shape
from tinyconv.backends.cpu.packing import Weight, aligned
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import small_code, tile_load, tile_rank1, tile_repeat, tile_rows, tile_save
from tinyconv.backends.cpu.taps import BOTTOM, LEFT, RIGHT, TOP, Taps
from tinyconv.backends.cpu.tile_products import tile_add
from tinyconv.core.arrays import FloatArray

BLOCK_BYTES = 128 * 1024
"""Input seen by one block of pixels: it is read again for every tile, so it should stay in the second-level cache."""

BLOCK_PIXELS = (512, 512)

FEW_INPUTS = 24
"""Fewer channels than this, seen through several taps, fill a tile better as its rows."""

FEW_TILES = 8
"""With so few tiles, reading dy in place costs less than a copy that many tiles would share."""

PARTIAL_BYTES = 2 * 1024 * 1024
"""All partial sums together: they are written and read once more than the gradient itself."""

MOST_PARTIALS = 64


def make_add_outer_products(shape: Shape):
    """The inner loops, for one shape of register tile."""
    TILE_ROWS, TILE_VECTORS = shape

    @helper
    def add_outer_products(
        values, x_start, offsets, tiles, pixels, x_steps, dy, dy_start, dy_steps, panel_width, sums, place
    ):
        """Add x dy^T over a block of ``pixels`` (images, rows, columns) to the tiles from ``sums[place]`` on.

        ``x_steps`` and ``dy_steps`` lead to the next image, row and column.
        """
        images, rows, columns = pixels
        if tiles > FEW_TILES:
            # From a copy, a tile reads dy from end to end. In place its pixels lie many channels apart, often by a
            # power of two, and would push each other out of the first-level cache.
            packed = np.empty(images * rows * columns * panel_width, dy.dtype)
            end = 0
            for n in range(images):
                for i in range(rows):
                    for j in range(columns):
                        index = dy_start + n * dy_steps[0] + i * dy_steps[1] + j * dy_steps[2]
                        tile_save(tile_repeat(1, TILE_VECTORS, dy, index), packed, end)
                        end += panel_width
            dy, dy_start = packed, 0
            dy_steps = (rows * columns * panel_width, columns * panel_width, panel_width)
        for tile in range(tiles):
            inputs = tile_rows(TILE_ROWS, values, offsets, tile * TILE_ROWS)
            products = tile_load(TILE_ROWS, TILE_VECTORS, sums, place)
            for n in range(images):
                for i in range(rows):
                    x_index = x_start + n * x_steps[0] + i * x_steps[1]
                    dy_index = dy_start + n * dy_steps[0] + i * dy_steps[1]
                    for _ in range(columns):
                        products = tile_rank1(products, inputs, x_index, dy, dy_index)
                        x_index += x_steps[2]
                        dy_index += dy_steps[2]
            tile_save(products, sums, place)
            place += TILE_ROWS * panel_width

    return add_outer_products


add_wide, add_middle, add_narrow = (make_add_outer_products(tile) for tile in TILES)


@helper
def set_tap_offsets(offsets, runs, top, left, pitch, g):
    """Where the input of each (tap, channel) lies, seen from a pixel; the last is repeated to fill a tile's rows."""
    small_code()
    place = 0
    for run in range(runs.shape[0]):
        first = (runs[run, 0] - top) * pitch + (runs[run, 1] - left) * g.inputs
        for index in range(runs[run, 2] * g.inputs):
            offsets[place] = first + index
            place += 1
    for rest in range(place, offsets.size):
        offsets[rest] = offsets[place - 1]


@kernel
def correlate_patches(job, x, dy, partials, partial_sums, phases, runs, chunks, tiles, g):
    """One partial sum of one group, for one chunk of the panels."""
    rest, chunk = divmod(job, chunks)
    partial, group = divmod(rest, g.groups)
    first_panel, end_panel = g.panels * chunk // chunks, g.panels * (chunk + 1) // chunks
    panel_size = tiles * g.tile_rows * g.panel_width
    first_sum = ((partial * g.groups + group) * g.panels + first_panel) * panel_size
    for place in range(first_sum, first_sum + (end_panel - first_panel) * panel_size):
        partials[place] = 0

    top, bottom, left, right = phases[0, TOP], phases[0, BOTTOM], phases[0, LEFT], phases[0, RIGHT]
    size = (g.out_height, g.out_width, g.out_channels)
    offsets, known_pitch = np.empty(tiles * g.tile_rows, np.int64), 0
    blocks = g.blocks_deep * g.blocks_down * g.blocks_across
    for block in range(blocks * partial // partial_sums, blocks * (partial + 1) // partial_sums):
        rest, across = divmod(block, g.blocks_across)
        deep, down = divmod(rest, g.blocks_down)
        image, row, column = deep * g.block_images, down * g.block_rows, across * g.block_columns
        images = min(g.block_images, g.images - image)
        rows, columns = min(g.block_rows, g.out_height - row), min(g.block_columns, g.out_width - column)

        seen_y, seen_x = row * g.stride_y + top, column * g.stride_x + left
        seen_rows = (rows - 1) * g.stride_y + bottom - top + 1
        seen_columns = (columns - 1) * g.stride_x + right - left + 1
        values, first, pitches, pixel = read_window(x, g, group, image, seen_y, seen_x, images, seen_rows, seen_columns)
        if pitches[1] != known_pitch:
            known_pitch = pitches[1]
            set_tap_offsets(offsets, runs, top, left, known_pitch, g)
        x_steps = (pitches[0], g.stride_y * pitches[1], g.stride_x * pixel)

        pixels = (images, rows, columns)
        for panel in range(first_panel, end_panel):
            channel = group * g.outputs + panel * g.panel_width
            line = g.out_width * g.out_channels
            if channel + g.panel_width <= g.out_channels:
                cotangent = dy
                start = (image * g.out_height + row) * line + column * g.out_channels + channel
                steps = (g.out_height * line, line, g.out_channels)
            else:  # a tile must not read past the last channel of the last pixel: zeros stand in for what is missing
                cotangent = copy_block(dy, size, image, row, column, channel, images, rows, columns, g.panel_width)
                start = 0
                steps = (rows * columns * g.panel_width, columns * g.panel_width, g.panel_width)
            sums = first_sum + (panel - first_panel) * panel_size
            width = g.panel_width
            if g.tile == 0:
                add_wide(values, first, offsets, tiles, pixels, x_steps, cotangent, start, steps, width, partials, sums)
            elif g.tile == 1:
                add_middle(
                    values, first, offsets, tiles, pixels, x_steps, cotangent, start, steps, width, partials, sums
                )
            else:
                add_narrow(
                    values, first, offsets, tiles, pixels, x_steps, cotangent, start, steps, width, partials, sums
                )


@kernel
def add_patch_partials(job, partials, partial_sums, rows, pitch, gradient, strides, g):
    """One row of the gradient, from flat partial sums (partial sums, groups, panels, pitch, panel width).

    They are added in order, side by side, in place of the first. ``pitch``: rows of all tiles of a panel, of which the
    first ``rows`` count.
    """
    group, row = divmod(job, rows)
    size, lanes = g.groups * g.panels * pitch * g.panel_width, VECTOR_BYTES // partials.itemsize
    for panel in range(g.panels):
        first = ((group * g.panels + panel) * pitch + row) * g.panel_width
        for place in range(first, first + g.panel_width, lanes):
            sums = tile_repeat(1, 1, partials, place)
            for partial in range(1, partial_sums):
                sums = tile_add(sums, partials, place + partial * size)
            tile_save(sums, partials, place)
        for k in range(min(g.panel_width, g.outputs - panel * g.panel_width)):
            place = group * strides[0] + (panel * g.panel_width + k) * strides[1] + row * strides[2]
            gradient[place] = partials[first + k]


def run_patch_gradient(x: FloatArray, dy: FloatArray, out: Weight, taps: Taps) -> None:
    """Fill ``out`` from x (N, H, W, C) and dy (N, OH, OW, K), both C-contiguous.

    Its numbers for one output must lie ``out.strides[2]`` apart, tap after tap and within a tap channel after channel.
    """
    groups, _, inputs = out.shape
    g = geometry(x.shape, dy.shape, x.dtype, groups, taps, BLOCK_PIXELS, BLOCK_BYTES)
    rows = taps.kernel_rows.size * inputs
    tiles = -(-rows // g.tile_rows)
    blocks = g.blocks_deep * g.blocks_down * g.blocks_across
    shape = (groups, g.panels, tiles * g.tile_rows, g.panel_width)
    bytes_of_one = math.prod(shape) * x.dtype.itemsize
    partial_sums = max(1, min(blocks, MOST_PARTIALS, PARTIAL_BYTES // bytes_of_one))
    partials = aligned((partial_sums, *shape), x.dtype)
    jobs = partial_sums * groups
    chunks = chunks_for(jobs, g.panels)
    launch(
        correlate_patches,
        jobs * chunks,
        flat(x),
        flat(dy),
        flat(partials),
        partial_sums,
        taps.phases,
        taps.runs,
        chunks,
        tiles,
        g,
    )
    pitch = tiles * g.tile_rows
    launch(add_patch_partials, groups * rows, flat(partials), partial_sums, rows, pitch, out.numbers, out.strides, g)
