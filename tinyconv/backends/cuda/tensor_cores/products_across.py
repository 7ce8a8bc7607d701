"""Products of two tiles in shared memory that lie across the depth, added to what threads hold in registers.

    sum[row, column] += sum over k of a[k, row] b[k, column]

A row of a tile has the same pixel's numbers side by side, and 8 floats more, so that 4 rows read together, 32 bytes of
each at a time, lie in different banks. A thread reads 4 neighbours at once: they are 4 rows (or columns) of its
results. Tensor cores do not care which row of the result a row of theirs is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import types

from tinyconv.backends.cuda.compiler import helper
from tinyconv.backends.cuda.tensor_cores.instructions import LOAD_SHARED_4, WORD, intrinsic
from tinyconv.backends.cuda.tensor_cores.products import add_product, add_three_products, add_tiles
from tinyconv.backends.cuda.tensor_cores.results import Results
from tinyconv.backends.cuda.tensor_cores.tiles import RUN, Tile

BETWEEN = 8
"""Floats between the rows of a tile in shared memory."""


class ProductAcross(NamedTuple):
    """How a warp multiplies its part of two tiles."""

    name: str
    results: Results
    places: Callable[..., Any]
    """lane: (row, column) of its first result, in the warp's part of the tile."""
    depth: Callable[..., Any]
    """lane: the row of both tiles that it reads first."""
    reads: Callable[..., Any]
    """lane: (row, column) of the results whose factors it reads first, in the warp's part of the tile."""
    multiply: Callable[..., Any]
    """(sums, a, b): the sums with all products of the warp added; a and b are the addresses of what it reads first."""


def pitch(numbers: int) -> int:
    """Bytes from one row of a tile to the next."""
    return 4 * (numbers + BETWEEN)


def tensor_core_product_across(tile: Tile, products: int) -> ProductAcross:
    """By tensor cores: one product of numbers rounded to TF32, or three of numbers split in two."""
    quads_down, quads_across = tile.warp_rows // 32, tile.warp_columns // 32
    results = Results(
        tuple(32 * i + row for i in range(quads_down) for row in range(4)),
        tuple(32 * i + half for i in range(quads_across) for half in (0, 4)),
    )
    add = add_product if products == 1 else add_three_products

    @helper
    def places(lane):
        return 4 * (lane >> 2), 8 * (lane & 3)

    @helper
    def depth(lane):
        return lane & 3

    @helper
    def reads(lane):
        return 4 * (lane >> 2), 4 * (lane >> 2)

    def generate(context, builder, signature, values):  # noqa: ARG001
        sums = [builder.extract_value(values[0], i) for i in range(results.count)]

        def load(step):
            """The terms of both tiles for 8 of the depth: 4 numbers for 16 rows, 2 for 8 columns, as they are."""
            rows, columns = [], []
            for i in range(quads_down):
                first, second = (_load(builder, values[1], step + k, 32 * i, tile.rows) for k in (0, 4))
                rows += [[first[j], first[j + 1], second[j], second[j + 1]] for j in (0, 2)]
            for i in range(quads_across):
                first, second = (_load(builder, values[2], step + k, 32 * i, tile.columns) for k in (0, 4))
                columns += [[first[j], second[j]] for j in range(RUN)]
            return rows, columns

        ahead = load(0)
        for step in range(0, tile.depth, 8):
            rows, columns = ahead
            if step + 8 < tile.depth:
                ahead = load(step + 8)
            add_tiles(builder, results, sums, rows, columns, add)
        return context.make_tuple(builder, results.kind, sums)

    name = "tf32" if products == 1 else "3xtf32"
    return ProductAcross(name, results, places, depth, reads, _adding(results, generate))


def plain_product_across(tile: Tile) -> ProductAcross:
    """By multiplications and additions in float32."""
    results = Results(
        tuple(16 * i + row for i in range(tile.warp_rows // 16) for row in range(4)),
        tuple(range(0, tile.warp_columns, 32)),
    )

    @helper
    def places(lane):
        return 4 * (lane >> 3), 4 * (lane & 7)

    @helper
    def depth(lane):
        return lane & 0

    def generate(context, builder, signature, values):  # noqa: ARG001
        sums = [builder.extract_value(values[0], i) for i in range(results.count)]
        for k in range(tile.depth):
            quads = [_load(builder, values[1], k, row, tile.rows) for row in results.rows[::4]]
            rows = [number for quad in quads for number in quad]
            for run, first in enumerate(results.runs):
                columns = _load(builder, values[2], k, first, tile.columns)
                for i, row in enumerate(rows):
                    for j, column in enumerate(columns):
                        at = results.index(i, run, j)
                        sums[at] = builder.fma(row, column, sums[at])
        return context.make_tuple(builder, results.kind, sums)

    return ProductAcross("float32", results, places, depth, places, _adding(results, generate))


def _load(builder: Any, address: Any, k: int, beside: int, numbers: int) -> list[Any]:
    """4 neighbours of row ``k`` of a tile with rows of so many ``numbers``."""
    return LOAD_SHARED_4.emit(builder, builder.add(address, ir.Constant(WORD, k * pitch(numbers) + 4 * beside)))


def _adding(results: Results, generate: Callable[..., Any]) -> Any:
    """The function of (sums, a, b) whose code ``generate`` writes."""

    @intrinsic
    def multiply(context, sums, a, b):  # noqa: ARG001
        return results.kind(results.kind, types.uint32, types.uint32), generate

    return multiply
