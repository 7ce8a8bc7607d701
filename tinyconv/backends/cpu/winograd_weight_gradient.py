"""The weight gradient of a convolution at stride 1, through Winograd's frequencies.

With V = Bᵀ d B of every tile of the input, as forward, and dM = A dY Aᵀ of every tile of the cotangent
(``winograd_matrices.py``), tiles t, channels c and output channels k:

    dU[k, c] = sum over t of dM[t, k] ⊙ V[t, c]         dW[k, c] = Gᵀ dU[k, c] G

For each frequency the sum is a matrix product over tiles, on the register tile: outputs k are its rows, channels its
columns. Tiles are taken in chunks. There are two orders of work, by what there is more of:

- many channels: V and dM of a chunk are made first. A job then adds the chunk to one block of (k, c).
- many tiles: they are dealt out to *partial sums*, as many as the shape says. A job makes V and dM of a small chunk in
  its own cache and adds them to a partial dU, all of it. At the end the partial sums are added in order.

Either way the order of every sum depends on the shape alone: the same bits for any number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import Shape
from tinyconv.backends.cpu.packing import Weight, aligned
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.backends.cpu.register_tile import tile_load, tile_rank1, tile_repeat, tile_rows, tile_save
from tinyconv.backends.cpu.simd import lanes_of
from tinyconv.backends.cpu.winograd_matrices import SIZE, filter_matrix, make_product, powers, transposed
from tinyconv.backends.cpu.winograd_transforms import (
    FREQUENCIES,
    LANES,
    MOST_ROWS,
    NARROW,
    WIDE,
    WIDE_PANEL,
    Tiling,
    panel_width,
    place_of_tile,
    seen_from,
    tiling,
    transform_input,
)
from tinyconv.core.arrays import FloatArray, Pair

CHUNK_BYTES = 8 * 1024 * 1024
"""V and dM of a chunk of tiles that all threads share."""

OWN_BYTES = 768 * 1024
"""V and dM of a chunk of tiles that one thread has for itself, beside a partial dU."""

PARTIAL_BYTES = 3 * 1024 * 1024
"""A partial dU, at most."""

ALL_PARTIAL_BYTES = 12 * 1024 * 1024

LEAST_CHUNK, TILES_OF_PARTIAL, MOST_PARTIALS = 24, 48, 16

RUN = 128
"""Tiles that are added to a register tile between loading and saving it."""

BLOCK_ROWS = 48
"""Outputs of a block: a multiple of every register tile's rows."""


class Work(NamedTuple):
    """How the work is divided."""

    chunk: int
    """tiles at a time"""
    width: int
    """channels of a panel"""
    panels: int
    """panels of channels"""
    v_pitch: int
    """numbers of V for one frequency"""
    cotangent_pitch: int
    block_rows: int
    """outputs of a block"""
    blocks: int
    """blocks of outputs"""
    partials: int
    """partial sums, or 0 where jobs share V and dM"""


def make_multiply(shape: Shape):
    """The sums over tiles for one panel of channels, for one shape of register tile."""
    TILE_ROWS, TILE_VECTORS = shape

    @helper
    def multiply(first, v, cotangents, offsets, rows, tiles, zeros, sums, w):
        """sums[f, k, c] += sum over tiles t of cotangents[f, t, k] v[f, t, c]; ``first`` begins at 0."""
        for f in range(FREQUENCIES):
            for run in range(0, tiles, RUN):
                end = min(run + RUN, tiles)
                for k in range(0, rows, TILE_ROWS):
                    place = (f * w.block_rows + k) * w.width
                    factors = tile_rows(TILE_ROWS, cotangents, offsets, k)
                    if first and run == 0:
                        products = tile_repeat(TILE_ROWS, TILE_VECTORS, zeros, 0)
                    else:
                        products = tile_load(TILE_ROWS, TILE_VECTORS, sums, place)
                    row, column = f * w.cotangent_pitch + run * LANES, f * w.v_pitch + run * w.width
                    for _ in range(run, end):
                        products = tile_rank1(products, factors, row, v, column)
                        row += LANES
                        column += w.width
                    tile_save(products, sums, place)

    return multiply


multiply_wide, multiply_narrow = make_multiply(WIDE), make_multiply(NARROW)


def make_kernels(side: int, taps: int):
    """The two kernels for tiles of ``side`` x ``side`` outputs and weights of ``taps`` x ``taps``."""
    transform_pixels = make_product(powers(side))
    transform_sums = make_product(transposed(filter_matrix(taps)))

    @helper
    def transform_cotangent(dy, tile, g, target, place, pitch, panel_pitch, work):
        """target[f pitch + place + ...] = (A dY Aᵀ)[f] of one tile, in panels of one vector of outputs."""
        lanes = lanes_of(dy)
        image, y, x = place_of_tile(tile, g)
        _, rows = seen_from(y, g.out_height, g.dilation_y, side)
        _, columns = seen_from(x, g.out_width, g.dilation_x, side)
        start = ((image * g.out_height + y) * g.out_width + x) * g.out_channels
        line, step = g.dilation_y * g.out_width * g.out_channels, g.dilation_x * g.out_channels
        for k in range(0, g.out_channels, lanes):
            for j in range(side):
                seen = rows if j < columns else 0
                transform_pixels(
                    dy, start + j * step + k, line, 0, seen, g.out_channels - k,
                    work, j * lanes, side * lanes, SIZE, lanes, False,
                )  # fmt: skip
            for i in range(SIZE):
                transform_pixels(
                    work, i * side * lanes, lanes, 0, side, lanes,
                    target, i * SIZE * pitch + place + k // lanes * panel_pitch, pitch, SIZE, lanes, False,
                )  # fmt: skip

    @helper
    def transform_tile(tile, t, x, dy, g, v, cotangents, w):
        """V and dM of ``tile``, as number t of its chunk: flat (frequency, panel, tile, channels of the panel)."""
        work = np.empty(FREQUENCIES * LANES, x.dtype)
        transform_input(x, tile, g, v, t * w.width, w.v_pitch, w.width, w.chunk * w.width, work)
        transform_cotangent(dy, tile, g, cotangents, t * LANES, w.cotangent_pitch, w.chunk * LANES, work)

    @kernel
    def transform_chunk(tile, first, x, dy, g, v, cotangents, w):
        """V and dM of a chunk of tiles."""
        transform_tile(first + tile, tile, x, dy, g, v, cotangents, w)

    @helper
    def finish_block(sums, block, panel, gradient, strides, g, w):
        """gradient[k, c] = Gᵀ dU[k, c] G for the outputs and channels of one block."""
        lanes = lanes_of(sums)
        work = np.empty(taps * SIZE * LANES, sums.dtype)
        pitch = w.block_rows * w.width
        for k in range(min(w.block_rows, g.out_channels - block * w.block_rows)):
            for c in range(0, min(w.width, g.channels - panel * w.width), lanes):
                for j in range(SIZE):
                    transform_sums(
                        sums, j * pitch + k * w.width + c, SIZE * pitch, 0, SIZE, lanes,
                        work, j * lanes, SIZE * lanes, taps, lanes, False,
                    )  # fmt: skip
                channel = panel * w.width + c
                target = (block * w.block_rows + k) * strides[0] + channel
                for i in range(taps):
                    transform_sums(
                        work, i * SIZE * lanes, lanes, 0, SIZE, lanes,
                        gradient, target + i * strides[1], strides[2], taps, g.channels - channel, False,
                    )  # fmt: skip

    @helper
    def add_block(job, first, tiles, v, cotangents, sums, g, w):
        """The sums of one block over a chunk."""
        panel, block = divmod(job, w.blocks)
        rows = min(w.block_rows, g.out_channels - block * w.block_rows)
        offsets = np.empty(w.block_rows, np.int64)
        for k in range(w.block_rows):
            output = block * w.block_rows + min(k, rows - 1)
            offsets[k] = output // LANES * w.chunk * LANES + output % LANES
        zeros = np.zeros(w.width, v.dtype)
        panel_of_v = v[panel * w.chunk * w.width :]
        if w.width == WIDE_PANEL:
            multiply_wide(first, panel_of_v, cotangents, offsets, rows, tiles, zeros, sums, w)
        else:
            multiply_narrow(first, panel_of_v, cotangents, offsets, rows, tiles, zeros, sums, w)

    @helper
    def add_blocks(job, jobs, first, last, tiles, v, cotangents, sums, gradient, strides, g, w):
        """A share of the blocks."""
        blocks = w.panels * w.blocks
        for block in range(blocks * job // jobs, blocks * (job + 1) // jobs):
            # A block that is begun and finished at once needs its sums no longer than that: they stay in the cache.
            own = sums[job if first and last else block]
            add_block(block, first, tiles, v, cotangents, own, g, w)
            if last:
                finish_block(own, block % w.blocks, block // w.blocks, gradient, strides, g, w)

    @kernel
    def add_chunk(job, jobs, first, last, tiles, v, cotangents, sums, gradient, strides, g, w):
        """Add a chunk to ``sums``, a row for each block, or for each job if it is the only chunk; the ``last`` fills
        ``gradient``.
        """
        add_blocks(job, jobs, first, last, tiles, v, cotangents, sums, gradient, strides, g, w)

    @helper
    def add_tiles(first, end, x, dy, v, cotangents, sums, g, w):
        """One partial sum: the tiles [first, end), a chunk at a time."""
        for chunk in range(first, end, w.chunk):
            tiles = min(w.chunk, end - chunk)
            for t in range(tiles):
                transform_tile(chunk + t, t, x, dy, g, v, cotangents, w)
            for block in range(w.panels * w.blocks):
                add_block(block, chunk == first, tiles, v, cotangents, sums[block], g, w)

    @kernel
    def add_partials(job, jobs, x, dy, v, cotangents, sums, g, w):
        """Fill ``sums`` (partial, block, ...); ``v`` and ``cotangents`` have a row for each job."""
        for partial in range(w.partials * job // jobs, w.partials * (job + 1) // jobs):
            first, end = g.tiles * partial // w.partials, g.tiles * (partial + 1) // w.partials
            add_tiles(first, end, x, dy, v[job], cotangents[job], sums[partial], g, w)

    @kernel
    def finish(block, sums, gradient, strides, g, w):
        """The gradient of a block, from its partial sums added in order."""
        total = sums[0, block]
        for partial in range(1, w.partials):
            for place in range(total.size):
                total[place] += sums[partial, block, place]
        finish_block(total, block % w.blocks, block // w.blocks, gradient, strides, g, w)

    return transform_chunk, add_chunk, add_partials, finish


KERNELS = {3: (4, *make_kernels(4, 3)), 5: (2, *make_kernels(2, 5))}
"""For weights of 3 x 3 and 5 x 5: the side of a tile, and the kernels."""


def run_weight_gradient(x: FloatArray, dy: FloatArray, out: Weight, taps: int, padding: Pair, dilation: Pair) -> None:
    """Fill ``out`` from x (N, H, W, C) and dy (N, OH, OW, K); channels must lie side by side in it."""
    side, transform_chunk, add_chunk, add_partials, finish = KERNELS[taps]
    g = tiling(x.shape, dy.shape, side, padding, dilation)
    w = divide(g)
    chunks = (max(1, min(get_num_threads(), w.partials)),)
    v = aligned((*chunks, FREQUENCIES * w.v_pitch), x.dtype)
    cotangents = aligned((*chunks, FREQUENCIES * w.cotangent_pitch), x.dtype)
    blocks = w.panels * w.blocks
    jobs = min(get_num_threads(), blocks)
    rows = jobs if w.chunk >= g.tiles and not w.partials else blocks
    sums = aligned((max(1, w.partials), rows, FREQUENCIES * w.block_rows * w.width), x.dtype)
    flat_x, flat_dy = x.reshape(-1), dy.reshape(-1)
    strides = out.strides[1], out.strides[3], out.strides[4]
    if w.partials:
        launch(add_partials, chunks[0], flat_x, flat_dy, v, cotangents, sums, g, w)
        launch(finish, blocks, sums, out.numbers, strides, g, w)
        return
    for first in range(0, g.tiles, w.chunk):
        tiles = min(w.chunk, g.tiles - first)
        launch(transform_chunk, tiles, first, flat_x, flat_dy, g, v[0], cotangents[0], w)
        last = first + tiles == g.tiles
        launch(add_chunk, jobs, first == 0, last, tiles, v[0], cotangents[0], sums[0], out.numbers, strides, g, w)


def divide(g: Tiling) -> Work:
    """How a layer's work is divided."""
    width = panel_width(g.channels)
    panels = -(-g.channels // width)
    outputs = -(-g.out_channels // LANES) * LANES
    tile_bytes = 4 * FREQUENCIES * (panels * width + outputs)
    block_rows = min(BLOCK_ROWS, -(-g.out_channels // MOST_ROWS) * MOST_ROWS)
    blocks = -(-g.out_channels // block_rows)
    partial_bytes = 4 * FREQUENCIES * panels * width * blocks * block_rows
    partials = min(MOST_PARTIALS, g.tiles // TILES_OF_PARTIAL, max(2, ALL_PARTIAL_BYTES // partial_bytes))
    if partials > 1 and partial_bytes <= PARTIAL_BYTES:
        chunk = max(LEAST_CHUNK, OWN_BYTES // tile_bytes)
    else:
        partials = 0
        chunk = max(RUN, CHUNK_BYTES // tile_bytes // RUN * RUN)
    chunk = min(g.tiles, chunk)
    return Work(
        chunk=chunk,
        width=width,
        panels=panels,
        v_pitch=chunk * panels * width + LANES,
        cotangent_pitch=chunk * outputs + LANES,
        block_rows=block_rows,
        blocks=blocks,
        partials=partials,
    )
