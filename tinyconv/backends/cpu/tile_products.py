"""Register tiles that add products lane by lane: what grouped convolution does instead of rank-1 updates.

    tile[i, :] += line[index + i lanes : ... + lanes] * b[b_index : b_index + lanes]

Here every lane is an output channel with an input of its own, and the rows are pixels, or the terms of a sum.
"""

# ruff: noqa: ARG001 (an intrinsic states its parameters for the caller; their values arrive in `args`)
from __future__ import annotations

from llvmlite import ir
from numba import types

from tinyconv.backends.cpu.register_tile import (
    INT64,
    Tile,
    address,
    broadcast,
    first_lanes,
    intrinsic,
    load_vector,
    masked_load,
    masked_store,
    multiply_add,
    store_vector,
)


def _factors(context, builder, tile, array_type, array, index, count):
    """The vector of ``b`` that all rows are multiplied by."""
    return masked_load(builder, tile, address(context, builder, array_type, array, index), count)


def _row(builder, sums, m):
    """The sums of row m of a tile, one vector a row."""
    return builder.extract_value(sums, m)


@intrinsic
def tile_outer_rows(typingctx, tile, a, a_index, rows, index):
    """The tile plus, in row i and vector v, a[a_index + i] rows[v][index : index + lanes]."""

    def codegen(context, builder, signature, args):
        sums, a_value, a_index_value, pointers, index_value = args
        first = address(context, builder, signature.args[1], a_value, a_index_value)
        vectors = []
        for v in range(tile.vectors):
            pointer = builder.gep(builder.extract_value(pointers, v), [index_value])
            vectors.append(load_vector(builder, tile, pointer))
        for m in range(tile.rows):
            factor = broadcast(builder, tile, builder.load(builder.gep(first, [INT64(m)])))
            for v in range(tile.vectors):
                place = m * tile.vectors + v
                update = multiply_add(builder, tile, factor, vectors[v], builder.extract_value(sums, place))
                sums = builder.insert_value(sums, update, place)
        return sums

    return tile(tile, a, types.intp, rows, types.intp), codegen


@intrinsic
def tile_add(typingctx, tile, array, index):
    """The tile plus ``array[index : index + width]`` in every row."""

    def codegen(context, builder, signature, args):
        sums, first = args[0], address(context, builder, signature.args[1], args[1], args[2])
        others = [load_vector(builder, tile, first, v) for v in range(tile.vectors)]
        for place, _, v in tile.positions():
            sums = builder.insert_value(sums, builder.fadd(builder.extract_value(sums, place), others[v]), place)
        return sums

    return tile(tile, array, types.intp), codegen


@intrinsic
def tile_scatter(typingctx, tile, out, index, step):
    """Write row i of a tile, one vector a row, to ``out[index + i step : ... + lanes]``."""

    def codegen(context, builder, signature, args):
        sums, out_, index_, step_ = args
        for m in range(tile.rows):
            place = builder.add(index_, builder.mul(step_, INT64(m)))
            pointer = address(context, builder, signature.args[1], out_, place)
            store_vector(builder, tile, builder.extract_value(sums, m), pointer)
        return context.get_dummy_value()

    return types.void(tile, out, types.intp, types.intp), codegen


@intrinsic
def tile_store_first(typingctx, tile, out, index, step, rows, count):
    """As ``tile_scatter``, but only the first ``rows`` rows, and their first ``count`` numbers."""

    def codegen(context, builder, signature, args):
        sums, out_, index_, step_, rows_, count_ = args
        for m in range(tile.rows):
            stored = builder.icmp_signed(">", rows_, INT64(m))
            mask = first_lanes(builder, tile, builder.select(stored, count_, INT64(0)))
            place = builder.add(index_, builder.mul(step_, INT64(m)))
            pointer = address(context, builder, signature.args[1], out_, place)
            masked_store(builder, tile, builder.extract_value(sums, m), pointer, mask)
        return context.get_dummy_value()

    number = types.intp
    return types.void(tile, out, number, number, number, number), codegen


@intrinsic
def tile_add_line(typingctx, tile, line, index, b, b_index, count):
    """The tile plus, in row i, ``line[index + i lanes + l] b[b_index + l]``; b is 0 from lane ``count`` on."""

    def codegen(context, builder, signature, args):
        sums, line_, index_, b_, b_index_, count_ = args
        mask = first_lanes(builder, tile, count_)
        factor = _factors(context, builder, tile, signature.args[3], b_, b_index_, mask)
        first = address(context, builder, signature.args[1], line_, index_)
        for m in range(tile.rows):
            update = multiply_add(builder, tile, load_vector(builder, tile, first, m), factor, _row(builder, sums, m))
            sums = builder.insert_value(sums, update, m)
        return sums

    return tile(tile, line, types.intp, b, types.intp, types.intp), codegen


@intrinsic(prefer_literal=True)
def tile_add_windows_of_line(typingctx, taps, tile, line, index, b, b_index, pitch):
    """The tile plus, in row i, the sum over t < ``taps`` of line[index + (i + t) lanes + l] b[b_index + t pitch + l].

    A vector of the line is loaded once for all rows that see it.
    """
    count = taps.literal_value

    def codegen(context, builder, signature, args):
        _, sums, line_, index_, b_, b_index_, pitch_ = args
        first = address(context, builder, signature.args[2], line_, index_)
        factors = []
        for t in range(count):
            place = builder.add(b_index_, builder.mul(pitch_, INT64(t)))
            factors.append(load_vector(builder, tile, address(context, builder, signature.args[4], b_, place)))
        for vector in range(tile.rows + count - 1):
            seen = load_vector(builder, tile, first, vector)
            for t in range(count):
                if 0 <= vector - t < tile.rows:
                    update = multiply_add(builder, tile, seen, factors[t], _row(builder, sums, vector - t))
                    sums = builder.insert_value(sums, update, vector - t)
        return sums

    number = types.intp
    return tile(taps, tile, line, number, b, number, number), codegen


@intrinsic
def tile_add_part_of_line(typingctx, tile, begin, end, line, index, b, b_index, count):
    """``tile_add_line`` in the rows ``begin`` <= i < ``end``."""

    def codegen(context, builder, signature, args):
        sums, begin_, end_, line_, index_, b_, b_index_, count_ = args
        mask = first_lanes(builder, tile, count_)
        factor = _factors(context, builder, tile, signature.args[5], b_, b_index_, mask)
        first = address(context, builder, signature.args[3], line_, index_)
        for m in range(tile.rows):
            before, number = _row(builder, sums, m), INT64(m)
            update = multiply_add(builder, tile, load_vector(builder, tile, first, m), factor, before)
            added = builder.and_(builder.icmp_signed("<=", begin_, number), builder.icmp_signed(">", end_, number))
            # Chosen, not multiplied by 0: the factor may be infinite.
            sums = builder.insert_value(sums, builder.select(added, update, before), m)
        return sums

    number = types.intp
    return tile(tile, number, number, line, number, b, number, number), codegen


@intrinsic(prefer_literal=True)
def tile_spread(typingctx, groups, source, index, step, bound, width, last):
    """One vector: source[index] in the lanes below ``bound``, source[index + step] in the next ``width``, and so on.

    The number of steps ends with ``last``; they are at most ``groups`` - 1.
    """
    tile = Tile(1, 1, source.dtype)

    def codegen(context, builder, signature, args):
        _, source_, index_, step_, bound_, width_, last_ = args
        first = address(context, builder, signature.args[1], source_, index_)
        vector = broadcast(builder, tile, builder.load(first))
        for group in range(1, groups.literal_value):
            number = INT64(group)
            steps = builder.select(builder.icmp_signed("<", last_, number), last_, number)
            value = builder.load(builder.gep(first, [builder.mul(steps, step_)]))
            limit = builder.add(bound_, builder.mul(width_, INT64(group - 1)))
            vector = builder.select(first_lanes(builder, tile, limit), vector, broadcast(builder, tile, value))
        return builder.insert_value(ir.Constant(tile.aggregate, ir.Undefined), vector, 0)

    number = types.intp
    return tile(groups, source, number, number, number, number, number), codegen
