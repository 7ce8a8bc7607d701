"""Winograd convolution F(m x m, r x r), stride 1: forward, and the input gradient as a forward with turned weights.

The output is cut into tiles of m x m pixels, each computed from SIZE x SIZE inputs. For every tile t, channel c and
output channel k (``winograd_matrices.py`` has the matrices, and why):

    V[t, c] = Bᵀ d[t, c] B        U[c, k] = G g[k, c] Gᵀ        Y[t, k] = Aᵀ (sum over c of U[c, k] ⊙ V[t, c]) A

The sum over c is a matrix product for each of the SIZE² elements ("frequencies"), on the register tile. F(4x4, 3x3)
multiplies 4 times less than the sum itself, F(2x2, 5x5) 2.8 times.

Two orders of work, by what there is more of:

- many tiles: U is made first. A job takes tiles, a batch at a time: their V, then panel after panel of outputs.
- much weight: V is made first. A job takes panels of outputs and makes their part of U as it goes, in its own cache.

A batch is small enough for V, U and the products to stay in the second-level cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import Shape
from tinyconv.backends.cpu.packing import Memo, Weight, aligned, kept
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.backends.cpu.register_tile import tile_load, tile_rank1, tile_repeat, tile_rows, tile_save, tile_width
from tinyconv.backends.cpu.simd import lanes_of
from tinyconv.backends.cpu.winograd_matrices import SIZE, make_product, powers, transposed
from tinyconv.backends.cpu.winograd_transforms import (
    FREQUENCIES,
    LANES,
    MOST_ROWS,
    NARROW,
    WIDE,
    WIDE_PANEL,
    Tiling,
    filters_to_frequencies,
    make_filter_helper,
    panel_width,
    place_of_tile,
    seen_from,
    tiling,
    transform_input,
    transform_inputs,
)
from tinyconv.core.arrays import FloatArray, Pair

CONSTANT = SIZE + 1
"""The frequency (1, 1): its products reach every output with factor 1, so a bias is added there."""

SCRATCH_BYTES = 1536 * 1024
"""V and the products of a batch of tiles: half of a second-level cache; the other half is for U."""

BATCH = (48, 192)
"""Least and most tiles of a batch: U is read once for each batch."""

MOST_TILES_BY_PANELS, MUCH_WEIGHT = 256, 128 * 128

DEPTH = 64
"""Inputs for which U is made at a time, where it is made on the way."""


class Work(NamedTuple):
    """How the work is divided."""

    batch: int
    """tiles at a time"""
    panels: int
    width: int
    """outputs of a panel"""
    depth: int
    """inputs at a time"""
    by_panels: int
    """1 if a job takes panels of outputs, 0 if it takes tiles"""
    v_pitch: int
    """numbers of V for one frequency"""
    products_pitch: int
    rectify: int


def make_multiply(shape: Shape):
    """The products of one panel, for one shape of register tile."""
    TILE_ROWS, TILE_VECTORS = shape

    @helper
    def multiply(v, c, tiles, offsets, depth, u, u_pitch, bias, start, products, w):
        """products[f, t, k] += sum over channels c ... c + depth - 1 of v[f, t, c] u[f, c, k].

        The sums begin with 0, those of the constant frequency with bias[k].
        """
        for f in range(FREQUENCIES):
            first = start + (w.panels * w.width if f == CONSTANT else 0)
            for t in range(0, tiles, TILE_ROWS):
                inputs = tile_rows(TILE_ROWS, v, offsets, t)
                place = f * w.products_pitch + t * w.width
                if c == 0:
                    sums = tile_repeat(TILE_ROWS, TILE_VECTORS, bias, first)
                else:
                    sums = tile_load(TILE_ROWS, TILE_VECTORS, products, place)
                index = f * u_pitch
                for channel in range(f * w.v_pitch + c, f * w.v_pitch + c + depth):
                    sums = tile_rank1(sums, inputs, channel, u, index)
                    index += tile_width(sums)
                tile_save(sums, products, place)

    return multiply


multiply_wide, multiply_narrow = make_multiply(WIDE), make_multiply(NARROW)


def make_kernel(side: int, taps: int):
    """The kernel for tiles of ``side`` x ``side`` outputs and weights of ``taps`` x ``taps``."""
    transform_products = make_product(transposed(powers(side)))
    transform_filters = make_filter_helper(taps)

    @helper
    def transform_output(products, place, tile, panel, g, w, out, work):
        """Aᵀ products A for one tile and one panel, written to the pixels of ``out``."""
        lanes = lanes_of(out)
        image, y, x = place_of_tile(tile, g)
        _, rows = seen_from(y, g.out_height, g.dilation_y, side)
        _, columns = seen_from(x, g.out_width, g.dilation_x, side)
        pitch, rectify = w.products_pitch, w.rectify != 0
        start = ((image * g.out_height + y) * g.out_width + x) * g.out_channels + panel * w.width
        line, step = g.dilation_y * g.out_width * g.out_channels, g.dilation_x * g.out_channels
        filled = min(w.width, g.out_channels - panel * w.width)
        for k in range(0, filled, lanes):
            for j in range(SIZE):
                transform_products(
                    products, j * pitch + place + k, SIZE * pitch, 0, SIZE, lanes,
                    work, j * lanes, SIZE * lanes, side, lanes, False,
                )  # fmt: skip
            for i in range(rows):
                target = start + i * line + k
                if columns == side and k + lanes <= filled:  # the usual case: nothing to check
                    transform_products(
                        work, i * SIZE * lanes, lanes, 0, SIZE, lanes, out, target, step, side, lanes, rectify
                    )
                else:
                    transform_products(
                        work, i * SIZE * lanes, lanes, 0, SIZE, lanes,
                        out, target, step, columns, filled - k, rectify,
                    )  # fmt: skip

    @helper
    def convolve_panel(panel, batch, tiles, v, offsets, numbers, strides, turned, u, bias, out, products, work, g, w):
        """All channels of one panel of outputs, for a batch of tiles whose V is made."""
        for c in range(0, g.channels, w.depth):
            depth = min(w.depth, g.channels - c)
            made, pitch = u, depth * w.width
            if w.by_panels:
                transform_filters(numbers, strides, turned, panel, w.width, c, depth, u, pitch, work)
            else:
                made = u[panel * FREQUENCIES * pitch :]
            start = panel * w.width
            if w.width == WIDE_PANEL:
                multiply_wide(v, c, tiles, offsets, depth, made, pitch, bias, start, products, w)
            else:
                multiply_narrow(v, c, tiles, offsets, depth, made, pitch, bias, start, products, w)
        for t in range(tiles):
            transform_output(products, t * w.width, batch + t, panel, g, w, out, work)

    @helper
    def convolve_job(job, jobs, x, v, numbers, strides, turned, u, bias, out, products, g, w):
        """A share of the tiles with all panels, or of the panels with all tiles."""
        work = np.empty((taps + SIZE) * SIZE * LANES * LANES, x.dtype)
        row = -(-g.channels // LANES) * LANES
        offsets = np.empty(w.batch + MOST_ROWS, np.int64)
        first_panel, end_panel, first_tile, end_tile = 0, w.panels, 0, g.tiles
        if w.by_panels:
            first_panel, end_panel = w.panels * job // jobs, w.panels * (job + 1) // jobs
        else:
            first_tile, end_tile = g.tiles * job // jobs, g.tiles * (job + 1) // jobs
        for batch in range(first_tile, end_tile, w.batch):
            tiles = min(w.batch, end_tile - batch)
            start = batch * row if w.by_panels else 0
            for t in range(tiles + MOST_ROWS):
                offsets[t] = start + min(t, tiles - 1) * row
            if not w.by_panels:
                for t in range(tiles):
                    transform_input(x, batch + t, g, v, t * row, w.v_pitch, row, 0, work)
            for panel in range(first_panel, end_panel):
                convolve_panel(
                    panel, batch, tiles, v, offsets, numbers, strides, turned, u, bias, out, products, work, g, w
                )

    @kernel
    def convolve(job, jobs, x, v, numbers, strides, turned, u, bias, out, products, g, w):
        """Fill ``out``. ``products``, and of ``u`` and ``v`` what is made on the way, have a row for each job."""
        own_v = 0 if w.by_panels else job
        own_u = job if w.by_panels else 0
        convolve_job(job, jobs, x, v[own_v], numbers, strides, turned, u[own_u], bias, out, products[job], g, w)

    return convolve


KERNELS = {3: (4, make_kernel(4, 3)), 5: (2, make_kernel(2, 5))}
"""For weights of 3 x 3 and 5 x 5: the side of a tile, and the kernel."""


def run_winograd(
    source: FloatArray,
    weight: Weight,
    bias: FloatArray | None,
    out: FloatArray,
    taps: int,
    padding: Pair,
    dilation: Pair = (1, 1),
    turned: bool = False,
    relu: bool = False,
    memo: Memo = None,
) -> None:
    """Fill ``out`` (N, OH, OW, K) from ``source`` (N, H, W, C) with ``taps`` x ``taps`` weights at stride 1.

    ``turned``: the weights are turned by 180 degrees, as the input gradient has it. ``memo``: where U is kept.
    """
    run = prepare_winograd(source.shape, weight, bias, out.shape, taps, padding, dilation, turned, relu, memo)
    run(source.reshape(-1), out.reshape(-1))


def prepare_winograd(
    source: tuple[int, ...],
    weight: Weight,
    bias: FloatArray | None,
    out: tuple[int, ...],
    taps: int,
    padding: Pair,
    dilation: Pair = (1, 1),
    turned: bool = False,
    relu: bool = False,
    memo: Memo = None,
) -> Callable[[FloatArray, FloatArray], None]:
    """``run_winograd`` for flat arrays of these shapes, with all that depends on the shapes done."""
    side, convolve = KERNELS[taps]
    g = tiling(source, out, side, padding, dilation)
    numbers = weight.numbers if weight.numbers.flags.writeable else weight.numbers.copy()
    dtype = numbers.dtype
    w = divide(g, relu)
    jobs = min(get_num_threads(), w.panels if w.by_panels else g.tiles)
    start = np.zeros(2 * w.panels * w.width, dtype)
    if bias is not None:
        start[w.panels * w.width :][: g.out_channels] = bias
    made = None
    if not w.by_panels:
        made = kept(memo, ("winograd", turned), lambda: filters_to_frequencies(numbers, weight, taps, turned))[None]
    strides = (*weight.strides[1:], g.out_channels, g.channels)

    def run(source: FloatArray, out: FloatArray) -> None:
        v = aligned((1 if w.by_panels else jobs, FREQUENCIES * w.v_pitch), dtype)
        u = aligned((jobs, FREQUENCIES * w.depth * w.width), dtype) if made is None else made
        if w.by_panels:
            launch(transform_inputs, g.tiles, source, g, v[0], w.v_pitch)
        products = aligned((jobs, FREQUENCIES * w.products_pitch), dtype)
        launch(convolve, jobs, source, v, numbers, strides, turned, u, start, out, products, g, w)

    return run


def divide(g: Tiling, relu: bool) -> Work:
    """How a layer's work is divided. The first order of work needs tiles enough to repay writing U to memory."""
    by_panels = g.tiles <= MOST_TILES_BY_PANELS and g.channels * g.out_channels >= MUCH_WEIGHT
    width = panel_width(g.out_channels)
    row = -(-g.channels // LANES) * LANES
    if by_panels:
        batch = min(g.tiles, MOST_TILES_BY_PANELS)
    else:
        fitting = SCRATCH_BYTES // (4 * FREQUENCIES * (row + width)) // MOST_ROWS * MOST_ROWS
        batch = min(-(-g.tiles // get_num_threads()), max(BATCH[0], min(BATCH[1], fitting)))
    return Work(
        batch=batch,
        panels=-(-g.out_channels // width),
        width=width,
        depth=min(DEPTH, g.channels) if by_panels else g.channels,
        by_panels=int(by_panels),
        v_pitch=(g.tiles if by_panels else batch) * row + LANES,
        products_pitch=(batch + MOST_ROWS) * width + LANES,
        rectify=int(relu),
    )
