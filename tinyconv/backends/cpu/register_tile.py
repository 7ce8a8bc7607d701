"""The register tile: one multiply-add pattern, written as Numba intrinsics, that carries every dense kernel.

A ``Tile`` is m rows of v SIMD vectors that LLVM keeps in registers: a value, never memory. ``Rows`` are m pointers, one
for each row of the tile. The single hot operation is a rank-1 update,

    tile[i, :] += rows[i][index] * b[b_index : b_index + v lanes]          for i = 0 ... m - 1

Forward convolution, both its gradients and the matrix product are loops around it; they differ only in where the rows
point and what an index step means. Rows have a pointer each, not one stride, so a tile may run across the edge of an
image row, and may stop early by pointing several rows at the same place.

Why intrinsics and not plain loops: whether LLVM vectorises a loop, and over which variable, depends on its mood; this
does not. The numbers of rows and vectors must be constants where a tile is made: closure variables of a factory.
"""

# ruff: noqa: ARG001, ARG005 (an intrinsic states its parameters for the caller; their values arrive in `args`)
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, register_model

from tinyconv.backends.cpu.host import host

intrinsic: Any = numba_intrinsic  # compiled code calls an intrinsic without its first parameter, the typing context

INT32, INT64 = ir.IntType(32), ir.IntType(64)
ELEMENTS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}


class Tile(types.Type):
    """Numba's type of a register tile."""

    def __init__(self, rows, vectors, element):
        self.rows, self.vectors, self.element = rows, vectors, element
        self.lanes = host().vector_bytes // (element.bitwidth // 8)
        self.vector = ir.VectorType(ELEMENTS[element], self.lanes)
        self.aggregate = ir.ArrayType(self.vector, rows * vectors)
        super().__init__(name=f"Tile({rows} x {vectors} x {self.lanes} {element})")

    def positions(self):
        """(place in the aggregate, row, vector) of every vector of the tile."""
        return [(m * self.vectors + v, m, v) for m in range(self.rows) for v in range(self.vectors)]


@register_model(Tile)
class TileModel(models.PrimitiveModel):
    def __init__(self, manager, tile):
        super().__init__(manager, tile, tile.aggregate)


class Rows(types.Type):
    """Numba's type of the m pointers of a tile's rows."""

    def __init__(self, rows, element):
        self.rows, self.element = rows, element
        self.aggregate = ir.ArrayType(ELEMENTS[element].as_pointer(), rows)
        super().__init__(name=f"Rows({rows} x {element})")


@register_model(Rows)
class RowsModel(models.PrimitiveModel):
    def __init__(self, manager, rows):
        super().__init__(manager, rows, rows.aggregate)


def address(context, builder, array_type, array, index):
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def _vector_pointer(builder, tile, pointer, vector):
    return builder.bitcast(builder.gep(pointer, [INT64(vector * tile.lanes)]), tile.vector.as_pointer())


def load_vector(builder, tile, pointer, vector=0):
    load = builder.load(_vector_pointer(builder, tile, pointer, vector))
    load.align = tile.element.bitwidth // 8
    return load


def store_vector(builder, tile, value, pointer, vector=0):
    store = builder.store(value, _vector_pointer(builder, tile, pointer, vector))
    store.align = tile.element.bitwidth // 8


def broadcast(builder, tile, scalar):
    """A vector whose every lane is ``scalar``."""
    undefined = ir.Constant(tile.vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, INT32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, tile.lanes), [0] * tile.lanes))


def _suffix(tile):
    return f"v{tile.lanes}f{tile.element.bitwidth}"


def multiply_add(builder, tile, x, y, z):
    # `fmuladd` and not `fma`: fused where the processor can, and never a library call where it cannot.
    signature = ir.FunctionType(tile.vector, [tile.vector] * 3)
    return builder.call(
        cgutils.get_or_insert_function(builder.module, signature, f"llvm.fmuladd.{_suffix(tile)}"), [x, y, z]
    )


def first_lanes(builder, kind, count):
    """A mask of the first ``count`` lanes; ``kind`` is a Tile or another type with its ``lanes`` and ``vector``."""
    numbers = ir.VectorType(INT32, kind.lanes)
    undefined = ir.Constant(numbers, ir.Undefined)
    first = builder.insert_element(undefined, builder.trunc(count, INT32), INT32(0))
    limit = builder.shuffle_vector(first, undefined, ir.Constant(numbers, [0] * kind.lanes))
    return builder.icmp_signed("<", ir.Constant(numbers, list(range(kind.lanes))), limit)


def _mask_type(kind):
    return ir.VectorType(ir.IntType(1), kind.lanes)


def masked_load(builder, kind, pointer, mask, vector=0):
    """The lanes of ``mask`` of vector number ``vector`` behind ``pointer``, 0 in the others, which are not read."""
    signature = ir.FunctionType(kind.vector, [kind.vector.as_pointer(), INT32, _mask_type(kind), kind.vector])
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.masked.load.{_suffix(kind)}.p0")
    alignment = INT32(kind.element.bitwidth // 8)
    nothing = ir.Constant(kind.vector, None)
    return builder.call(function, [_vector_pointer(builder, kind, pointer, vector), alignment, mask, nothing])


def masked_store(builder, kind, value, pointer, mask, vector=0):
    """Write the lanes of ``mask`` to vector number ``vector`` behind ``pointer``."""
    signature = ir.FunctionType(ir.VoidType(), [kind.vector, kind.vector.as_pointer(), INT32, _mask_type(kind)])
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.masked.store.{_suffix(kind)}.p0")
    alignment = INT32(kind.element.bitwidth // 8)
    builder.call(function, [value, _vector_pointer(builder, kind, pointer, vector), alignment, mask])


@intrinsic(prefer_literal=True)
def tile_rows(typingctx, rows, array, offsets, first):
    """Pointers to ``array[offsets[first + i]]`` for i = 0 ... rows - 1."""
    result = Rows(rows.literal_value, array.dtype)

    def codegen(context, builder, signature, args):
        _, array_value, offsets_value, first_value = args
        offset_pointer = address(context, builder, signature.args[2], offsets_value, first_value)
        pointers = ir.Constant(result.aggregate, ir.Undefined)
        for m in range(result.rows):
            offset = builder.load(builder.gep(offset_pointer, [INT64(m)]))
            pointer = address(context, builder, signature.args[1], array_value, offset)
            pointers = builder.insert_value(pointers, pointer, m)
        return pointers

    return result(rows, array, offsets, types.intp), codegen


@intrinsic(prefer_literal=True)
def tile_repeat(typingctx, rows, vectors, array, index):
    """A tile whose every row is ``array[index : index + vectors lanes]``."""
    tile = Tile(rows.literal_value, vectors.literal_value, array.dtype)

    def codegen(context, builder, signature, args):
        pointer = address(context, builder, signature.args[2], args[2], args[3])
        row = [load_vector(builder, tile, pointer, v) for v in range(tile.vectors)]
        result = ir.Constant(tile.aggregate, ir.Undefined)
        for place, _, v in tile.positions():
            result = builder.insert_value(result, row[v], place)
        return result

    return tile(rows, vectors, array, types.intp), codegen


@intrinsic(prefer_literal=True)
def tile_load(typingctx, rows, vectors, array, index):
    """The tile that ``tile_save`` wrote at ``array[index]``: row after row, without gaps."""
    tile = Tile(rows.literal_value, vectors.literal_value, array.dtype)

    def codegen(context, builder, signature, args):
        pointer = address(context, builder, signature.args[2], args[2], args[3])
        result = ir.Constant(tile.aggregate, ir.Undefined)
        for place, _, _ in tile.positions():
            result = builder.insert_value(result, load_vector(builder, tile, pointer, place), place)
        return result

    return tile(rows, vectors, array, types.intp), codegen


@intrinsic
def tile_save(typingctx, tile, array, index):
    """Write a tile at ``array[index]``, row after row, without gaps."""

    def codegen(context, builder, signature, args):
        pointer = address(context, builder, signature.args[1], args[1], args[2])
        for place, _, _ in tile.positions():
            store_vector(builder, tile, builder.extract_value(args[0], place), pointer, place)
        return context.get_dummy_value()

    return types.void(tile, array, types.intp), codegen


@intrinsic
def tile_width(typingctx, tile):
    """The number of columns of a tile, a constant to LLVM."""
    return types.intp(tile), lambda context, builder, signature, args: INT64(tile.vectors * tile.lanes)


@intrinsic
def tile_rank1(typingctx, tile, rows, index, b, b_index):
    """The tile plus the outer product of ``rows[i][index]`` and ``b[b_index : b_index + width]``."""

    def codegen(context, builder, signature, args):
        sums, pointers, index_value, b_value, b_index_value = args
        b_pointer = address(context, builder, signature.args[3], b_value, b_index_value)
        row_of_b = [load_vector(builder, tile, b_pointer, v) for v in range(tile.vectors)]
        for m in range(tile.rows):
            scalar = builder.load(builder.gep(builder.extract_value(pointers, m), [index_value]))
            factor = broadcast(builder, tile, scalar)
            for v in range(tile.vectors):
                place = m * tile.vectors + v
                update = multiply_add(builder, tile, factor, row_of_b[v], builder.extract_value(sums, place))
                sums = builder.insert_value(sums, update, place)
        return sums

    return tile(tile, rows, types.intp, b, types.intp), codegen


@intrinsic
def tile_outer(typingctx, tile, a, a_index, b, b_index):
    """The tile plus the outer product of ``a[a_index : a_index + rows]`` and ``b[b_index : b_index + width]``."""

    def codegen(context, builder, signature, args):
        sums, a_value, a_index_value, b_value, b_index_value = args
        a_pointer = address(context, builder, signature.args[1], a_value, a_index_value)
        b_pointer = address(context, builder, signature.args[3], b_value, b_index_value)
        row_of_b = [load_vector(builder, tile, b_pointer, v) for v in range(tile.vectors)]
        for m in range(tile.rows):
            factor = broadcast(builder, tile, builder.load(builder.gep(a_pointer, [INT64(m)])))
            for v in range(tile.vectors):
                place = m * tile.vectors + v
                update = multiply_add(builder, tile, factor, row_of_b[v], builder.extract_value(sums, place))
                sums = builder.insert_value(sums, update, place)
        return sums

    return tile(tile, a, types.intp, b, types.intp), codegen


@intrinsic
def tile_store(typingctx, tile, rows, columns):
    """Write row i of a tile to ``rows[i][0 : columns]``: its first ``columns`` numbers, however few."""

    def codegen(context, builder, signature, args):
        sums, pointers, columns_value = args
        for v in range(tile.vectors):
            mask = first_lanes(builder, tile, builder.sub(columns_value, INT64(v * tile.lanes)))
            for m in range(tile.rows):
                value = builder.extract_value(sums, m * tile.vectors + v)
                masked_store(builder, tile, value, builder.extract_value(pointers, m), mask, v)
        return context.get_dummy_value()

    return types.void(tile, rows, types.intp), codegen


@intrinsic
def transpose_square(typingctx, source, index, step, target, place, pitch):
    """target[place + j pitch + i] = source[index + i step + j] for i, j below the number of lanes of a vector.

    Each of log2(lanes) rounds interleaves row i with row i + lanes / 2; together they turn the bits of the row number
    into those of the lane number.
    """
    tile = Tile(host().vector_bytes // (source.dtype.bitwidth // 8), 1, source.dtype)

    def codegen(context, builder, signature, args):
        source_value, index_value, step_value, target_value, place_value, pitch_value = args
        lanes = tile.lanes
        first = address(context, builder, signature.args[0], source_value, index_value)
        last = address(context, builder, signature.args[3], target_value, place_value)
        square = [
            load_vector(builder, tile, builder.gep(first, [builder.mul(step_value, INT64(i))]), 0) for i in range(lanes)
        ]
        halves = [
            ir.Constant(
                ir.VectorType(INT32, lanes),
                [lane // 2 + lanes * (lane % 2) + half * lanes // 2 for lane in range(lanes)],
            )
            for half in range(2)
        ]
        for _ in range(lanes.bit_length() - 1):
            square = [
                builder.shuffle_vector(square[i], square[i + lanes // 2], half)
                for i in range(lanes // 2)
                for half in halves
            ]
        for j in range(lanes):
            store_vector(builder, tile, square[j], builder.gep(last, [builder.mul(pitch_value, INT64(j))]), 0)
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target, types.intp, types.intp), codegen


@intrinsic
def small_code(typingctx):
    """Ask the compiler for short code of the function that says this, once, and not a copy in each caller.

    For bookkeeping around the inner loops: vectorised and unrolled, it would take most of a kernel's compilation.
    """

    def codegen(context, builder, signature, args):
        for attribute in ("optsize", "minsize", "noinline"):
            builder.function.attributes.add(attribute)
        return context.get_dummy_value()

    return types.void(), codegen
