"""Single SIMD vectors, and square tiles of them that are transposed, as Numba values.

A ``Vector`` lives in a register and holds neighbouring channels of one pixel or neighbouring outputs of one weight.
"""

# ruff: noqa: ARG001, ARG005 (an intrinsic states its parameters for the caller; their values arrive in `args`)
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model

from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.register_tile import (
    ELEMENTS,
    INT32,
    Tile,
    address,
    broadcast,
    first_lanes,
    intrinsic,
    masked_load,
)

BYTES = ir.IntType(8).as_pointer()


class Vector(types.Type):
    """Numba's type of a SIMD vector."""

    def __init__(self, element):
        self.element = element
        self.lanes = host().vector_bytes // (element.bitwidth // 8)
        self.vector = ir.VectorType(ELEMENTS[element], self.lanes)
        super().__init__(name=f"Vector({self.lanes} x {element})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, vector.vector)


@intrinsic
def lanes_of(typingctx, array):
    """How many elements of ``array`` a vector holds, a constant to LLVM."""
    lanes = Vector(array.dtype).lanes
    return types.intp(array), lambda context, builder, signature, args: context.get_constant(types.intp, lanes)


@intrinsic
def prefetch(typingctx, array, index):
    """Ask for the cache line of ``array[index]``, inside the array or not: nothing waits for it."""

    def codegen(context, builder, signature, args):
        pointer = builder.bitcast(address(context, builder, signature.args[0], args[0], args[1]), BYTES)
        kind = ir.FunctionType(ir.VoidType(), [BYTES, INT32, INT32, INT32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, INT32(0), INT32(2), INT32(1)])  # to read; into the second level; data
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic(prefer_literal=True)
def tile_fetch(typingctx, vectors, rows, index, count):
    """A tile of ``vectors`` vectors a row: ``rows[i][index : index + count]``, and 0 after them."""
    tile = Tile(rows.rows, vectors.literal_value, rows.element)

    def codegen(context, builder, signature, args):
        result = ir.Constant(tile.aggregate, ir.Undefined)
        for place, m, v in tile.positions():
            pointer = builder.gep(builder.extract_value(args[1], m), [args[2]])
            left = builder.sub(args[3], context.get_constant(types.intp, v * tile.lanes))
            value = masked_load(builder, tile, pointer, first_lanes(builder, tile, left), v)
            result = builder.insert_value(result, value, place)
        return result

    return tile(vectors, rows, types.intp, types.intp), codegen


@intrinsic
def tile_at_least(typingctx, tile, least):
    """max(tile, least), in which NaN passes; with ``least`` = -inf the tile as it is."""

    def codegen(context, builder, signature, args):
        sums, limit = args[0], broadcast(builder, tile, args[1])
        for place, _, _ in tile.positions():
            value = builder.extract_value(sums, place)
            bounded = builder.select(builder.fcmp_ordered("<", value, limit), limit, value)
            sums = builder.insert_value(sums, bounded, place)
        return sums

    return tile(tile, tile.element), codegen


@intrinsic
def tile_choose(typingctx, value, largest, this, other):
    """``this`` in the lanes where ``value`` exceeds ``largest`` or is NaN, else ``other``: tiles of one type."""

    def codegen(context, builder, signature, args):
        result = args[3]
        for place, _, _ in value.positions():
            new, old, chosen, kept = (builder.extract_value(tile, place) for tile in args)
            takes = builder.or_(builder.fcmp_ordered(">", new, old), builder.fcmp_unordered("uno", new, new))
            result = builder.insert_value(result, builder.select(takes, chosen, kept), place)
        return result

    return value(value, largest, this, other), codegen


@intrinsic
def tile_part(typingctx, array, index, count):
    """A tile of one vector: ``array[index : index + count]``, and 0 after them; more than fit are not read."""
    tile = Tile(1, 1, array.dtype)

    def codegen(context, builder, signature, args):
        pointer = address(context, builder, signature.args[0], args[0], args[1])
        value = masked_load(builder, tile, pointer, first_lanes(builder, tile, args[2]))
        return builder.insert_value(ir.Constant(tile.aggregate, ir.Undefined), value, 0)

    return tile(array, types.intp, types.intp), codegen


@intrinsic
def tile_transpose(typingctx, tile):
    """A square tile, one vector a row, with rows and lanes exchanged.

    Stage d = 1, 2, 4, ... exchanges, in every pair of rows i and i + d, the lanes whose bit d differs from the row's:
    after all stages every bit of the row's number has changed places with that of the lane's.
    """
    if tile.rows != tile.lanes or tile.vectors != 1:
        raise TypeError(f"only a square tile can be transposed, not {tile}")

    def codegen(context, builder, signature, args):
        lanes = tile.lanes
        rows = [builder.extract_value(args[0], m) for m in range(lanes)]
        distance = 1
        while distance < lanes:
            upper = [lane if not lane & distance else lanes + lane - distance for lane in range(lanes)]
            lower = [lane + distance if not lane & distance else lanes + lane for lane in range(lanes)]
            for m in range(lanes):
                if not m & distance:
                    pair = rows[m], rows[m + distance]
                    for row, order in ((m, upper), (m + distance, lower)):
                        picked = ir.Constant(ir.VectorType(INT32, lanes), order)
                        rows[row] = builder.shuffle_vector(*pair, picked)
            distance *= 2
        result = ir.Constant(tile.aggregate, ir.Undefined)
        for m in range(lanes):
            result = builder.insert_value(result, rows[m], m)
        return result

    return tile(tile), codegen
