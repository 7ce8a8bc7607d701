"""Products of two tiles in shared memory that lie along the depth, added to what threads hold in registers.

    sum[row, column] += sum over k of a[row, k] b[column, k]

A row of either tile is 32 numbers, 128 bytes, which is every bank of shared memory once. Its 8 pieces of 16 bytes are
swapped about by a key (piece k lies where k xor key would) that differs between the 8 rows that are read together, so
that these come from different banks. Of ``a`` those are 8 neighbouring rows. Of ``b`` they lie in the order of the
threads' columns, 4 apart; hence two keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import types

from tinyconv.backends.cuda.compiler import helper
from tinyconv.backends.cuda.tensor_cores.instructions import (
    FLOAT,
    LOAD_MATRICES,
    LOAD_SHARED_4,
    MULTIPLY_ADD,
    ROUND_TO_TF32,
    WORD,
    intrinsic,
)
from tinyconv.backends.cuda.tensor_cores.results import Results
from tinyconv.backends.cuda.tensor_cores.tiles import RUN, Tile

DEPTH = 32
"""Numbers in a row of a tile."""

ROW_BYTES = 4 * DEPTH
PIECES = DEPTH // 4


class Product(NamedTuple):
    """How a warp multiplies its part of two tiles."""

    name: str
    results: Results
    places: Callable[..., Any]
    """lane: (row, column) of its first result, in the warp's part of the tile."""
    sources: Callable[..., Any]
    """lane: (row of a, piece of it, row of b, piece) that it reads first; the pieces swapped by the row's key."""
    multiply: Callable[..., Any]
    """(sums, a, piece of a, b, piece of b): the sums with the products of a part of the depth added; a and b are the
    addresses of the rows, the pieces are in bytes."""
    parts: int
    """of the depth, so that a program is not longer than it need be."""
    placed: Callable[..., Any]
    """column: (row of the tile that it lies in, the key that its pieces are swapped by)."""
    arrived: Callable[..., Any] | None = None
    """What a thread does when its copies have arrived, for readers that are no threads."""
    alignment: int = 16
    """Bytes of whose multiples a tile begins at one."""


@helper
def key_of_row(row):
    """What the pieces of a row of ``a`` are swapped by."""
    return row & 7


@helper
def placed_in_order(column):
    """Where a column's numbers lie in ``b``, and what their pieces are swapped by."""
    return column, (column >> 2) & 7


# -- Tensor cores ------------------------------------------------------------------------------------------------------


def tensor_core_product(tile: Tile, products: int) -> Product:
    """By tensor cores: one product of numbers rounded to TF32, or three of numbers split in two."""
    tile_rows, tile_columns = tile.warp_rows // 16, tile.warp_columns // 8
    results = Results(
        tuple(16 * i + half for i in range(tile_rows) for half in (0, 8)),
        tuple(32 * i + half for i in range(tile_columns // 4) for half in (0, 16)),
    )
    add = add_product if products == 1 else add_three_products

    @helper
    def places(lane):
        return lane >> 2, 4 * (lane & 3)

    @helper
    def sources(lane):
        # Matrices 0 to 3 of a: rows 0-7 and 8-15 of the first 4 numbers, then of the next 4. Of b: the first 4 and the
        # next 4 numbers of 8 columns, then those of the columns beside them.
        eighth = lane & 7
        column = 4 * (eighth >> 1) + 16 * (eighth & 1) + (lane >> 4)
        return lane & 15, (lane >> 4) ^ (lane & 7), column, ((lane >> 3) & 1) ^ ((column >> 2) & 7)

    def generate(context, builder, signature, values):  # noqa: ARG001
        sums = [builder.extract_value(values[0], i) for i in range(results.count)]
        a, piece_of_a, b, piece_of_b = values[1:]

        def load(step):
            """The terms of both tiles for 8 of the depth: 4 numbers for 16 rows, 2 for 8 columns, as they are."""
            at_a, at_b = (
                builder.add(row, builder.xor(piece, ir.Constant(WORD, 32 * step)))
                for row, piece in ((a, piece_of_a), (b, piece_of_b))
            )
            rows = [
                LOAD_MATRICES.emit(builder, builder.add(at_a, ir.Constant(WORD, 16 * i * ROW_BYTES)))
                for i in range(tile_rows)
            ]
            columns = []
            for j in range(0, tile_columns, 2):
                beside = 32 * (j // 4) + j % 4
                pair = LOAD_MATRICES.emit(builder, builder.add(at_b, ir.Constant(WORD, beside * ROW_BYTES)))
                columns += [pair[:2], pair[2:]]
            return rows, columns

        for step in range(tile.depth // 8):
            rows, columns = load(step)
            add_tiles(builder, results, sums, rows, columns, add)
        return context.make_tuple(builder, results.kind, sums)

    return Product(
        "tf32" if products == 1 else "3xtf32", results, places, sources, adding(results, generate), 1, placed_in_order
    )


def add_tiles(builder: Any, results: Results, sums: list[Any], rows: Any, columns: Any, add: Any) -> None:
    """Add the products of all 16 x 8 tiles of a warp to ``sums``."""
    rows, columns = ([split(builder, each, add) for each in terms] for terms in (rows, columns))
    for i, left in enumerate(rows):
        for j, right in enumerate(columns):
            places = [results.index(2 * i + half, 2 * (j // 4) + run, j % 4) for half in (0, 1) for run in (0, 1)]
            made = add(builder, left, right, [sums[place] for place in places])
            for place, number in zip(places, made, strict=True):
                sums[place] = number


def split(builder: Any, numbers: list[Any], add: Any) -> tuple[list[Any], list[Any]]:
    """x = high + low: high has the first 11 bits of x, low the others, of which tensor cores read 11."""
    high = [ROUND_TO_TF32.emit(builder, number)[0] for number in numbers]
    low = [builder.fsub(number, part) for number, part in zip(numbers, high, strict=True)]
    return high, low if add is add_three_products else []


def add_product(builder: Any, a: Any, b: Any, sums: list[Any]) -> list[Any]:
    """sums + a b, of numbers rounded to TF32."""
    return MULTIPLY_ADD.emit(builder, *a[0], *b[0], *sums)


def add_three_products(builder: Any, a: Any, b: Any, sums: list[Any]) -> list[Any]:
    """sums + (low high + high low + high high), without low low, which is 2^-22 of it.

    Tensor cores cut off what they add up. Only the 24 products of 8 terms are added up by them, the smallest first;
    they are added to the sums by an addition that rounds.
    """
    made = [ir.Constant(FLOAT, 0.0)] * 4
    for left, right in ((a[1], b[0]), (a[0], b[1]), (a[0], b[0])):
        made = MULTIPLY_ADD.emit(builder, *left, *right, *made)
    return [builder.fadd(old, new) for old, new in zip(sums, made, strict=True)]


# -- Ordinary arithmetic -----------------------------------------------------------------------------------------------


def plain_product(tile: Tile) -> Product:
    """By multiplications and additions in float32, 4 terms of the depth at a time."""
    results = Results(
        tuple(range(0, tile.warp_rows, 4)),
        tuple(range(0, tile.warp_columns, 32)),
    )

    @helper
    def places(lane):
        return lane >> 3, 4 * (lane & 7)

    @helper
    def sources(lane):
        return lane >> 3, lane >> 3, 4 * (lane & 7), lane & 7

    def generate(context, builder, signature, values):  # noqa: ARG001
        sums = [builder.extract_value(values[0], i) for i in range(results.count)]
        a, piece_of_a, b, piece_of_b = values[1:]

        def load(row, piece, beside, swap):
            place = builder.add(row, builder.xor(piece, ir.Constant(WORD, 16 * swap)))
            return LOAD_SHARED_4.emit(builder, builder.add(place, ir.Constant(WORD, beside * ROW_BYTES)))

        for piece in range(2):
            rows = [load(a, piece_of_a, row, piece ^ (row & 7)) for row in results.rows]
            for run, first in enumerate(results.runs):
                for place in range(RUN):
                    column = load(b, piece_of_b, first + place, piece)
                    for k in range(4):
                        for i, row in enumerate(rows):
                            at = results.index(i, run, place)
                            sums[at] = builder.fma(row[k], column[k], sums[at])
        return context.make_tuple(builder, results.kind, sums)

    return Product("float32", results, places, sources, adding(results, generate), PIECES // 2, placed_in_order)


def adding(results: Results, generate: Callable[..., Any]) -> Any:
    """The function of (sums, a, piece of a, b, piece of b) whose code ``generate`` writes."""

    @intrinsic
    def multiply(context, sums, a, piece_of_a, b, piece_of_b):  # noqa: ARG001
        return results.kind(results.kind, *(types.uint32,) * 4), generate

    return multiply
