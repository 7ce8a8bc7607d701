"""The matrix product on the register tile.

    c[i, j] = bias[j] + sum over k of a[i, k] b[k, j]

A job computes a block of rows of one panel of columns, as many as a register tile is wide. It takes k in slabs: the
slab's part of ``b``, whichever way it is stored, is copied beside each other into the core's first cache, all tiles of
the block add their products with it, and the next slab follows. Where ``b`` is a weight that stays as it is, its panels
are packed once and kept. BLAS is not used: its sums change order with the number of threads; here the order of every
sum is that of k.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import Shape, host
from tinyconv.backends.cpu.packing import Memo, Weight, kept, pack
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import (
    tile_load,
    tile_rank1,
    tile_repeat,
    tile_rows,
    tile_save,
    tile_store,
    tile_width,
)
from tinyconv.backends.cpu.simd import lanes_of, prefetch, tile_at_least, tile_fetch, tile_transpose
from tinyconv.backends.cpu.taps import forward_taps
from tinyconv.backends.cpu.tile_products import tile_scatter
from tinyconv.backends.cpu.weight_gradient import run_weight_gradient
from tinyconv.core import pool
from tinyconv.core.arrays import FloatArray

SLAB = 128
"""Terms of the sums between loading and saving a tile: a slab of a panel takes 32 KB with 512-bit vectors."""

BLOCK_ROWS = 192
"""Rows of a block: what a slab is copied for. A multiple of every tile's rows."""

MUCH_TO_TRANSPOSE = 128 * 1024
"""Numbers of a matrix stored by columns that are too many to be copied by rows first, unless the result has more."""

ONE_TAP = forward_taps((1, 1), (1, 1), (0, 0), (1, 1), (1, 1))

WIDE = host().wide
NARROW = host().middle if host().middle != WIDE else host().narrow
MOST_ROWS = max(WIDE.rows, NARROW.rows)


class Product(NamedTuple):
    """The numbers that the kernel needs beside its arrays."""

    rows: int
    inner: int
    columns: int
    width: int
    """columns of a panel"""
    blocks: int
    """blocks of rows"""
    is_wide: int
    stored: int
    """how b is: BY_COLUMNS, BY_ROWS or PACKED"""
    relu: int


USES = "products"
"""Where a memo counts the products with its matrix, up to one."""

BY_COLUMNS, BY_ROWS, PACKED = range(3)
"""PACKED: panel after panel, each by rows."""


@helper
def fetch_ahead(b, part, column, first, g):
    """Ask for one of the parts of the slab from ``first`` on: its lines lie too far apart to be foreseen."""
    lanes, (this, parts) = lanes_of(b), part
    end = min(first + SLAB, g.inner)
    if g.stored == BY_COLUMNS:
        for j in range(column + g.width * this // parts, min(column + g.width * (this + 1) // parts, g.columns)):
            for k in range(first, end, lanes):
                prefetch(b, j * g.inner + k)
    else:
        for k in range(first + SLAB * this // parts, min(first + SLAB * (this + 1) // parts, end)):
            for j in range(column, min(column + g.width, g.columns), lanes):
                prefetch(b, k * g.columns + j)


def make_multiply(shape: Shape):
    """The products of one block with one slab, for one shape of register tile."""
    TILE_ROWS, TILE_VECTORS = shape

    @helper
    def multiply(a, offsets, first, depth, rows, slab, start, b, bias, column, sums, c, targets, filled, g):
        """sums[i, j] += sum over k in [first, first + depth) of a[i, k] slab[k - first, j]; the last go into c.

        The slab begins at slab[start], the panel in ``column``. Meanwhile the next slab comes from memory.
        """
        least = a.dtype.type(0 if g.relu else -np.inf)
        for i in range(0, rows, TILE_ROWS):
            if g.stored != PACKED:
                fetch_ahead(b, (i // TILE_ROWS, -(-rows // TILE_ROWS)), column, first + depth, g)
            inputs = tile_rows(TILE_ROWS, a, offsets, i)
            place = i * g.width
            if first == 0:
                tile = tile_repeat(TILE_ROWS, TILE_VECTORS, bias, column)
            else:
                tile = tile_load(TILE_ROWS, TILE_VECTORS, sums, place)
            index = start
            for k in range(first, first + depth):
                tile = tile_rank1(tile, inputs, k, slab, index)
                index += tile_width(tile)
            if first + depth < g.inner:
                tile_save(tile, sums, place)
            else:
                tile_store(tile_at_least(tile, least), tile_rows(TILE_ROWS, c, targets, i), filled)

    return multiply


multiply_wide, multiply_narrow = make_multiply(WIDE), make_multiply(NARROW)


def make_kernel(lanes: int):
    """The kernel for vectors of ``lanes`` numbers."""

    @helper
    def copy_slab(b, start, first, depth, places, slab, g):
        """slab[k, j] = b[first + k, start + j], of a panel that starts at column ``start``; square by square."""
        for j in range(0, g.width, lanes):
            column = start + j
            present = max(0, min(lanes, g.columns - column))
            for k in range(0, depth, lanes):
                deep = min(lanes, depth - k)
                for m in range(lanes):
                    if g.stored == BY_ROWS:
                        places[m] = (first + k + min(m, deep - 1)) * g.columns + min(column, g.columns - 1)
                    else:
                        places[m] = min(column + m, g.columns - 1) * g.inner + first + k
                rows = tile_rows(lanes, b, places, 0)
                if g.stored == BY_ROWS:
                    tile_scatter(tile_fetch(1, rows, 0, present), slab, k * g.width + j, g.width)
                else:
                    tile_scatter(tile_transpose(tile_fetch(1, rows, 0, deep)), slab, k * g.width + j, g.width)

    @kernel
    def multiply_matrices(job, a, b, bias, c, g):
        """One block of rows of one panel."""
        panel, block = divmod(job, g.blocks)
        first_row = g.rows * block // g.blocks
        rows = g.rows * (block + 1) // g.blocks - first_row
        start = panel * g.width
        filled = min(g.width, g.columns - start)
        offsets, targets = np.empty(rows + MOST_ROWS, np.int64), np.empty(rows + MOST_ROWS, np.int64)
        for i in range(rows + MOST_ROWS):
            row = first_row + min(i, rows - 1)
            offsets[i] = row * g.inner
            targets[i] = row * g.columns + start
        places = np.empty(lanes, np.int64)
        sums = np.empty((rows + MOST_ROWS) * g.width, a.dtype)
        slab, index = b, panel * g.inner * g.width
        if g.stored != PACKED:
            slab, index = np.empty((min(SLAB, g.inner) + lanes) * g.width, a.dtype), 0
        for first in range(0, g.inner, SLAB):
            depth = min(SLAB, g.inner - first)
            if g.stored != PACKED:
                copy_slab(b, start, first, depth, places, slab, g)
            if g.is_wide:
                multiply_wide(a, offsets, first, depth, rows, slab, index, b, bias, start, sums, c, targets, filled, g)
            else:
                multiply_narrow(
                    a, offsets, first, depth, rows, slab, index, b, bias, start, sums, c, targets, filled, g
                )
            if g.stored == PACKED:
                index += depth * g.width

    return multiply_matrices


KERNELS = {np.dtype(kind): make_kernel(host().lanes(np.dtype(kind))) for kind in (np.float32, np.float64)}


def matmul(
    a: FloatArray, b: FloatArray, bias: FloatArray | None = None, relu: bool = False, memo: Memo = None
) -> FloatArray:
    """a (M, K) times b (K, N), of any strides, plus bias (N,): (M, N). The same bits for any number of threads.

    ``relu``: max(c, 0), in which NaN passes. ``memo``: where the packed ``b`` is kept, as long as it does not change,
    from the second use on: what is trained would be packed in vain.
    """
    rows, inner = a.shape
    columns = b.shape[1]
    c: FloatArray = pool.empty((rows, columns), a.dtype)
    if c.size == 0 or inner == 0:
        c[...] = 0 if bias is None else bias
        return np.maximum(c, 0) if relu else c
    plain = bias is None and not relu and memo is None
    much = a.size >= MUCH_TO_TRANSPOSE and a.size > c.size
    if plain and much and a.flags.f_contiguous and rows > 1 and a.flags.writeable:
        # Read as it is stored, k by k: the weight gradient of a 1 x 1 convolution whose pixels are the terms.
        taps = forward_taps((1, 1), (1, 1), (0, 0), (1, 1), (1, inner))
        out = Weight(c.reshape(-1), (1, rows, columns), (0, columns, 1, 0, 0))
        source = np.require(b, requirements=["C", "W"])
        run_weight_gradient(source[None, None], a.T[None, None], out, taps)
        return c
    a = a if a.flags.c_contiguous and a.flags.writeable else np.array(a, order="C")
    if memo is not None and memo.setdefault(USES, 0) == 0:
        memo[USES], memo = 1, None
    prepare_product(rows, b, bias, relu, memo)(a.reshape(-1), c.reshape(-1))
    return c


def prepare_product(
    rows: int, b: FloatArray, bias: FloatArray | None = None, relu: bool = False, memo: Memo = None
) -> Callable[[FloatArray, FloatArray], None]:
    """``matmul`` of so many ``rows`` with ``b``, for flat arrays a and c."""
    inner, columns = b.shape
    by_rows = b.flags.c_contiguous
    if not (by_rows or b.flags.f_contiguous) or not b.flags.writeable:
        b, by_rows = np.array(b, order="C"), True
    lanes = host().lanes(b.dtype)
    shape = min((WIDE, NARROW), key=lambda tile: -(-columns // (tile.vectors * lanes)) * tile.vectors)
    width = shape.vectors * lanes
    panels, blocks = -(-columns // width), -(-rows // BLOCK_ROWS)
    numbers, stored = (b if by_rows else b.T).reshape(-1), BY_ROWS if by_rows else BY_COLUMNS
    if memo is not None:
        steps = (0, 1, columns, 0, 0) if by_rows else (0, inner, 1, 0, 0)
        weight = Weight(numbers, (1, columns, inner), steps)
        numbers, stored = kept(memo, ("matrix", width), lambda: pack(weight, ONE_TAP, width)), PACKED
    starts = np.zeros(panels * width, b.dtype)
    if bias is not None:
        starts[:columns] = bias
    g = Product(rows, inner, columns, width, blocks, int(shape == WIDE), stored, int(relu))
    multiply, jobs = KERNELS[b.dtype], panels * blocks
    return lambda a, c: launch(multiply, jobs, a, numbers, starts, c, g)
