"""The weight gradient on the register tile: output channels are the rows, and pixels are what is summed over.

    dW[k, t, c]  =  sum over images n, output pixels i of  dy[n, i, k] x[n, i stride + offset(t), c]

The columns of a tile are input channels, so a row of it lies in dW as it does in the tile. For each tap only those
pixels are summed that see the image through it: no copy with padding, no product with the zeros outside. (Few channels
would leave a tile almost empty: ``patch_gradient.py`` takes them.)

The pixels are shared out over a number of *partial sums* that depends on the shape alone; each adds its blocks of
pixels in order, and at the end the partial sums are added in order: the same bits for any number of threads. Within a
block of pixels a tile is read, updated once per pixel, and stored, while the block stays in the core's own cache.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinyconv.backends.cpu.blocks import MOST_LANES, TILES, Geometry, chunks_for, flat, geometry, pixel_offsets, sight
from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import VECTOR_BYTES, Shape, host
from tinyconv.backends.cpu.packing import Weight, aligned, aligned_buffer
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.patch_gradient import FEW_INPUTS, run_patch_gradient
from tinyconv.backends.cpu.register_tile import (
    small_code,
    tile_outer,
    tile_repeat,
    tile_rows,
    tile_save,
    tile_store,
)
from tinyconv.backends.cpu.simd import prefetch, tile_fetch, tile_part
from tinyconv.backends.cpu.taps import BOTTOM, LEFT, RIGHT, TOP, Taps
from tinyconv.backends.cpu.tile_products import tile_add
from tinyconv.core.arrays import FloatArray

BLOCK_BYTES = 256 * 1024
"""Input seen by one block of pixels: it is read again for every tile, so it should stay in the second-level cache."""

BLOCK_PIXELS = (256, 256)

PARTIAL_BYTES = 2 * 1024 * 1024
"""All partial sums together: they are written and read once more than the gradient itself."""

MOST_PARTIALS = 64

SUMS_AT_ONCE = 8
"""Vectors of the gradient to which all partial sums are added before the next: each begins another line of memory."""


@helper
def pack_rows(dy, pixel_starts, pixels, first, rows, tile_rows, packed, pitch):
    """packed[tile pitch + p tile_rows + m] = dy[pixel_starts[p] + first + tile tile_rows + m].

    Of the rows from ``first`` on; the last is repeated to fill a tile.
    """
    lanes = VECTOR_BYTES // dy.itemsize
    copied = -(-tile_rows // lanes) * lanes
    tiles = -(-(rows - first) // tile_rows)
    for p in range(pixels if tiles > 0 else 0):
        place, source = p * tile_rows, pixel_starts[p] + first
        if source + tiles * tile_rows + copied <= dy.size:
            # Whole vectors: what is copied beyond a tile's rows, the next pixel overwrites.
            for _ in range(tiles):
                for index in range(0, copied, lanes):
                    tile_save(tile_repeat(1, 1, dy, source + index), packed, place + index)
                place += pitch
                source += tile_rows
        else:
            for row in range(rows - first):
                packed[p * tile_rows + row // tile_rows * pitch + row % tile_rows] = dy[source + row]
        for row in range(rows - first, tiles * tile_rows):
            repeated = dy[pixel_starts[p] + rows - 1]
            packed[p * tile_rows + (tiles - 1) * pitch + row % tile_rows] = repeated


def make_add_outer_products(shape: Shape):
    """The inner loop, for one shape of register tile."""
    TILE_ROWS, TILE_VECTORS = shape

    @helper
    def add_outer_products(factors, pitch, x, first_value, steps, zeros, begins, sums, targets, columns, soon):
        """sums[targets[row] + c] += the products of dy and x over pixels, for c below ``columns``.

        ``factors``: dy, of which every tile's rows are ``pitch`` from those of the one before. ``steps``: where each
        pixel lies in them, and in ``x`` from ``first_value`` on. ``soon``: where the next block lies in memory,
        (images, place, end) of both; it is fetched meanwhile.
        """
        images, x_next, x_end, dy, dy_next, dy_end = soon
        line = 64 // x.itemsize
        for row in range(0, targets.size, TILE_ROWS):
            first = row // TILE_ROWS * pitch
            outputs = tile_rows(TILE_ROWS, sums, targets, row)
            if begins:
                products = tile_repeat(TILE_ROWS, TILE_VECTORS, zeros, 0)
            else:
                products = tile_fetch(TILE_VECTORS, outputs, 0, columns)
            for p in range(steps.shape[0]):
                prefetch(images, x_next)
                prefetch(dy, dy_next)
                x_next, dy_next = min(x_next + line, x_end), min(dy_next + line, dy_end)
                products = tile_outer(products, factors, first + steps[p, 0], x, first_value + steps[p, 1])
            tile_store(products, outputs, columns)
        return images, x_next, x_end, dy, dy_next, dy_end

    return add_outer_products


add_wide, add_middle, add_narrow = (make_add_outer_products(tile) for tile in TILES)


@helper
def add_products(tile, factors, pitch, x, first_value, steps, zeros, begins, sums, targets, columns, soon):
    """``add_outer_products`` with the tile of that number."""
    small_code()
    if tile == 0:
        return add_wide(factors, pitch, x, first_value, steps, zeros, begins, sums, targets, columns, soon)
    if tile == 1:
        return add_middle(factors, pitch, x, first_value, steps, zeros, begins, sums, targets, columns, soon)
    return add_narrow(factors, pitch, x, first_value, steps, zeros, begins, sums, targets, columns, soon)


@helper
def copy_panels(x, first_channel, image, images, first_row, end_row, first_column, end_column, values, pitch, g):
    """values[panel pitch + pixel width + c] = x[pixel, first_channel + panel width + c] for the pixels of a window.

    All panels of a pixel after each other, as they lie in memory; zeros up to the width of the last.
    """
    lanes = VECTOR_BYTES // x.itemsize
    place = 0
    for n in range(image, image + images):
        for i in range(first_row, end_row):
            source = ((n * g.height + i) * g.width + first_column) * g.channels + first_channel
            for _ in range(first_column, end_column):
                target = place
                for begin in range(0, g.inputs, g.panel_width):
                    for c in range(begin, begin + g.panel_width, lanes):
                        tile_save(tile_part(x, source + c, g.inputs - c), values, target)
                        target += lanes
                    target += pitch - g.panel_width
                source += g.channels
                place += g.panel_width


@kernel
def correlate_pixels(job, x, dy, sums, partial_sums, phases, runs, chunks, g):
    """One partial sum of one group, for one chunk of its output channels."""
    small_code()
    rest, chunk = divmod(job, chunks)
    partial, group = divmod(rest, g.groups)
    tiles = -(-g.outputs // g.tile_rows)
    first_row = tiles * chunk // chunks * g.tile_rows
    end_row = min(g.outputs, tiles * (chunk + 1) // chunks * g.tile_rows)
    row_count = end_row - first_row
    tiles = -(-row_count // g.tile_rows)
    taps = runs[:, 2].sum()
    size_of_row = taps * g.inputs
    targets = np.empty(tiles * g.tile_rows, np.int64)
    for row in range(targets.size):
        k = group * g.outputs + min(first_row + row, end_row - 1)
        targets[row] = (partial * g.groups * g.outputs + k) * size_of_row

    top, bottom, left, right = phases[0, TOP], phases[0, BOTTOM], phases[0, LEFT], phases[0, RIGHT]
    most_pixels = g.block_images * g.block_rows * g.block_columns
    # To copy dy in the order of tiles pays where several taps share the copy; else it is for the last rows alone.
    in_place = row_count // g.tile_rows * g.tile_rows if taps == 1 else 0
    packed_pitch = most_pixels * g.tile_rows + MOST_LANES
    packed = aligned_buffer((tiles - in_place // g.tile_rows) * packed_pitch, x)
    zeros = np.zeros(g.panel_width, x.dtype)
    steps, steps_in_place = np.empty((taps, most_pixels, 2), np.int64), np.empty((most_pixels, 2), np.int64)
    counts = np.empty(taps, np.int64)
    seen_rows = (g.block_rows - 1) * g.stride_y + bottom - top + 1
    seen = g.block_images * seen_rows * ((g.block_columns - 1) * g.stride_x + right - left + 1)
    # Whole panels are read where they lie, others from copies with zeros up to a panel's width.
    fills_panels = g.inputs % g.panel_width == 0
    values, values_pitch, pixel_pitch, channel = x, g.panel_width, g.channels, group * g.inputs
    if not fills_panels:
        values_pitch, pixel_pitch, channel = seen * g.panel_width, g.panel_width, 0
        values = aligned_buffer(g.panels * values_pitch, x)

    blocks = g.blocks_deep * g.blocks_down * g.blocks_across
    first_block, end_block = blocks * partial // partial_sums, blocks * (partial + 1) // partial_sums
    for index in range(first_block, end_block):
        rest, across = divmod(index, g.blocks_across)
        deep, down = divmod(rest, g.blocks_down)
        image, row, column = deep * g.block_images, down * g.block_rows, across * g.block_columns
        images = min(g.block_images, g.images - image)
        rows, columns = min(g.block_rows, g.out_height - row), min(g.block_columns, g.out_width - column)
        pixels = images * rows * columns
        line = g.out_width * g.out_channels
        start = (image * g.out_height + row) * line + column * g.out_channels + group * g.outputs + first_row
        pixel_starts = pixel_offsets(images, rows, columns, start, (g.out_height * line, line, g.out_channels))
        pack_rows(dy, pixel_starts, pixels, in_place, row_count, g.tile_rows, packed, packed_pitch)
        y, x_ = row * g.stride_y + top, column * g.stride_x + left
        seen_rows = (rows - 1) * g.stride_y + bottom - top + 1
        seen_columns = (columns - 1) * g.stride_x + right - left + 1
        first_y, end_y = max(0, y), max(0, min(g.height, y + seen_rows))
        first_x, end_x = max(0, x_), max(0, min(g.width, x_ + seen_columns))
        start_x, pitches = 0, ((end_y - first_y) * (end_x - first_x), end_x - first_x)
        if fills_panels:
            start_x, pitches = (image * g.height + first_y) * g.width + first_x, (g.height * g.width, g.width)
        tap = 0
        for run in range(runs.shape[0]):
            tap_y = y + runs[run, 0] - top
            top_row, end_of_rows = sight(tap_y, g.stride_y, g.height, rows)
            for step in range(runs[run, 2]):
                tap_x = x_ + runs[run, 1] - left + step
                left_column, end_column = sight(tap_x, g.stride_x, g.width, columns)
                p = 0
                for n in range(images):
                    for i in range(top_row, end_of_rows):
                        source = start_x + n * pitches[0] + (tap_y + i * g.stride_y - first_y) * pitches[1]
                        source += tap_x - first_x
                        for j in range(left_column, end_column):
                            steps[tap, p, 0] = ((n * rows + i) * columns + j) * g.tile_rows
                            steps[tap, p, 1] = (source + j * g.stride_x) * pixel_pitch + channel
                            if taps == 1:
                                steps_in_place[p, 0] = pixel_starts[steps[tap, p, 0] // g.tile_rows]
                                steps_in_place[p, 1] = steps[tap, p, 1]
                            p += 1
                counts[tap] = p
                tap += 1

        if not fills_panels:
            copy_panels(x, group * g.inputs, image, images, first_y, end_y, first_x, end_x, values, values_pitch, g)
        next_x = (((image + images - 1) * g.height + end_y - 1) * g.width + end_x) * g.channels
        next_dy = start + pixels * g.out_channels
        last_x, last_dy = min(x.size, next_x + seen * g.channels), min(dy.size, next_dy + pixels * g.out_channels)
        soon = (x, next_x, last_x, dy, next_dy, last_dy)
        for panel in range(g.panels):
            filled, first_value = min(g.panel_width, g.inputs - panel * g.panel_width), panel * values_pitch
            for tap in range(taps):
                out = sums[tap * g.inputs + panel * g.panel_width :]
                begins, seen_by = index == first_block, steps[tap, : counts[tap]]
                soon = add_products(
                    g.tile, dy, g.tile_rows, values, first_value, steps_in_place[: counts[tap]], zeros, begins, out,
                    targets[:in_place], filled, soon,
                )  # fmt: skip
                soon = add_products(
                    g.tile, packed, packed_pitch, values, first_value, seen_by, zeros, begins, out,
                    targets[in_place:], filled, soon,
                )  # fmt: skip


@kernel
def add_partials(job, jobs, partials, gradient):
    """The gradient, flat, from flat partial sums (partial sums, numbers) added in order."""
    width = SUMS_AT_ONCE * (VECTOR_BYTES // gradient.itemsize)
    pieces = -(-gradient.size // width)
    first, end = pieces * job // jobs * width, min(gradient.size, pieces * (job + 1) // jobs * width)
    whole = first + (end - first) // width * width
    for place in range(first, whole, width):
        sums = tile_repeat(1, SUMS_AT_ONCE, partials, place)
        for other in range(place + gradient.size, partials.size, gradient.size):
            sums = tile_add(sums, partials, other)
        tile_save(sums, gradient, place)
    for place in range(whole, end):
        total = partials[place]
        for other in range(place + gradient.size, partials.size, gradient.size):
            total += partials[other]
        gradient[place] = total


@functools.lru_cache(maxsize=1024)
def weight_geometry(x: Any, dy: Any, dtype: Any, groups: int, taps: Taps) -> Geometry:
    """The blocks of pixels, with the tile for (output channels, input channels)."""
    g = geometry(x, dy, dtype, groups, taps, BLOCK_PIXELS, BLOCK_BYTES)
    tile = host().tile(g.inputs, dtype, g.outputs)
    width = tile.vectors * host().lanes(dtype)
    panels = -(-g.inputs // width)
    return g._replace(tile=TILES.index(tile), tile_rows=tile.rows, panel_width=width, panels=panels)


def run_weight_gradient(x: FloatArray, dy: FloatArray, out: Weight, taps: Taps) -> None:
    """Fill ``out`` from x (N, H, W, C) and dy (N, OH, OW, K), both C-contiguous.

    Its numbers must lie as those of an array (output channels, taps, input channels of a group).
    """
    if out.shape[2] < FEW_INPUTS and taps.kernel_rows.size > 1:
        run_patch_gradient(x, dy, out, taps)
        return
    g = weight_geometry(x.shape, dy.shape, x.dtype, out.shape[0], taps)
    blocks = g.blocks_deep * g.blocks_down * g.blocks_across
    size = out.numbers.size
    partial_sums = max(1, min(blocks, MOST_PARTIALS, PARTIAL_BYTES // (size * x.dtype.itemsize)))
    sums = aligned((partial_sums * size,), x.dtype) if partial_sums > 1 else out.numbers
    chunks = chunks_for(partial_sums * g.groups, -(-g.outputs // g.tile_rows))  # a tile's rows belong to one alone
    jobs = partial_sums * g.groups * chunks
    launch(correlate_pixels, jobs, flat(x), flat(dy), sums, partial_sums, taps.phases, taps.runs, chunks, g)
    if partial_sums > 1:
        launch(add_partials, 1 + size // 16384, sums, out.numbers)
