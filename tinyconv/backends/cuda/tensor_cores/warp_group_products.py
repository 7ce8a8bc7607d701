"""Products of two tiles by four warps at a time: the instructions ``wgmma``, of compute capability 9.0 alone.

The tensor cores fetch ``b`` from shared memory themselves, so it must have been rounded to TF32 before: they cut off
what they do not read. Of ``a`` every warp has 16 rows in registers, where it rounds them.

    sum[row, column] += sum over k of a[row, k] b[column, k]
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tinyconv.backends.cuda.compiler import helper
from tinyconv.backends.cuda.tensor_cores.instructions import (
    FLOAT,
    LOAD_MATRICES,
    LONG,
    ROUND_TO_TF32,
    WORD,
    announce_to_tensor_cores,
)
from tinyconv.backends.cuda.tensor_cores.products import DEPTH, ROW_BYTES, Product, adding
from tinyconv.backends.cuda.tensor_cores.results import Results
from tinyconv.backends.cuda.tensor_cores.tiles import RUN, Tile

STEPS = DEPTH // 8

ATOM_BYTES = 8 * ROW_BYTES
"""8 rows of a tile, after which the pattern of swapped pieces begins again; a tile begins at a multiple of it."""

DESCRIPTOR = 1 << 62 | (ATOM_BYTES >> 4) << 32 | 1 << 16
"""How a tile lies: pieces swapped within 128 bytes, the next 8 rows ``ATOM_BYTES`` further. Its address comes in
addition, all in units of 16 bytes."""

ADDRESS_BITS = 0x3FFFF


def warp_group_product(tile: Tile) -> Product:
    """By tensor cores that read shared memory: one product of numbers rounded to TF32."""
    columns = tile.columns
    results = Results((0, 8), tuple(32 * i + half for i in range(columns // 32) for half in (0, 16)))

    @helper
    def places(lane):
        return lane >> 2, 4 * (lane & 3)

    @helper
    def sources(lane):
        return lane & 15, (lane >> 4) ^ (lane & 7), lane & 0, lane & 0

    @helper
    def placed(column):
        # A thread gets columns 2 t, 2 t + 1 of every 8 that lie side by side: they are 16 apart in the result, and the
        # same of the next 8 their neighbours.
        row = (column & ~31) + 8 * (column & 3) + 2 * ((column >> 2) & 3) + ((column >> 4) & 1)
        return row, row & 7

    order = [
        results.index(half, 2 * (j // 4) + run, j % 4) for j in range(columns // 8) for half in (0, 1) for run in (0, 1)
    ]
    """Where in the sums the registers of the product lie."""

    def generate(context, builder, signature, values):  # noqa: ARG001
        sums = [builder.extract_value(values[0], place) for place in order]
        a, piece_of_a, b = values[1:4]
        left = []
        for step in range(STEPS):
            at = builder.add(a, builder.xor(piece_of_a, ir.Constant(WORD, 32 * step)))
            found = LOAD_MATRICES.emit(builder, at)
            left += [builder.bitcast(ROUND_TO_TF32.emit(builder, number)[0], WORD) for number in found]
        address = builder.zext(builder.and_(b, ir.Constant(WORD, ADDRESS_BITS)), LONG)
        descriptor = builder.or_(builder.lshr(address, ir.Constant(LONG, 4)), ir.Constant(LONG, DESCRIPTOR))
        made = builder.call(_code(columns), [*sums, *left, descriptor])
        parts = [builder.extract_value(made, i) for i in range(len(sums))]
        return context.make_tuple(builder, results.kind, [parts[order.index(i)] for i in range(results.count)])

    return Product(
        "wgmma_tf32",
        results,
        places,
        sources,
        adding(results, generate),
        1,
        placed,
        announce_to_tensor_cores,
        ATOM_BYTES,
    )


def _code(columns: int) -> Any:
    """wgmma for every 8 of the depth, begun together and waited for."""
    count = columns * RUN // 8
    sums = ", ".join(f"${i}" for i in range(count))
    lines = [
        "{ .reg .pred added; .reg .b64 place; setp.eq.s32 added, 0, 0;",
        f"mov.b64 place, ${2 * count + 4 * STEPS};",
        "wgmma.fence.sync.aligned;",
    ]
    for step in range(STEPS):
        first = 2 * count + 4 * step
        left = ", ".join(f"${first + i}" for i in range(4))
        lines.append(
            f"wgmma.mma_async.sync.aligned.m64n{columns}k8.f32.tf32.tf32 {{{sums}}}, {{{left}}}, place, added, 1, 1;"
        )
        lines.append("add.s64 place, place, 2;")
    lines.append("wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; }")
    constraints = ["=f"] * count + [str(i) for i in range(count)] + ["r"] * 4 * STEPS + ["l", "~{memory}"]
    function = ir.FunctionType(ir.LiteralStructType([FLOAT] * count), [*[FLOAT] * count, *[WORD] * 4 * STEPS, LONG])
    return ir.InlineAsm(function, "\n".join(lines), ",".join(constraints), side_effect=True)
