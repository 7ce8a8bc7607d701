"""Register tiles that add products lane by lane: what depthwise convolution does instead of rank-1 updates.

    tile[i, :] += rows[i][index : index + lanes] * b[b_index : b_index + lanes]

Here every lane is a channel by itself, and the rows are pixels, or the taps of a kernel.
"""

# ruff: noqa: ARG001 (an intrinsic states its parameters for the caller; their values arrive in `args`)
from __future__ import annotations

from llvmlite import ir
from numba import types

from tinyconv.backends.cpu.register_tile import (
    INT64,
    address,
    first_lanes,
    intrinsic,
    load_vector,
    masked_load,
    multiply_add,
    store_vector,
)


def _factors(context, builder, tile, array_type, array, index, count):
    """The vector of ``b`` that all rows are multiplied by."""
    return masked_load(builder, tile, address(context, builder, array_type, array, index), count)


@intrinsic
def tile_add_products(typingctx, tile, rows, index, b, b_index, count):
    """The tile, one vector a row, plus ``rows[i][index + l] b[b_index + l]`` in the lanes l < ``count``."""

    def codegen(context, builder, signature, args):
        sums, pointers, index_value, b_value, b_index_value, count_value = args
        mask = first_lanes(builder, tile, count_value)
        factor = _factors(context, builder, tile, signature.args[3], b_value, b_index_value, mask)
        for m in range(tile.rows):
            pointer = builder.gep(builder.extract_value(pointers, m), [index_value])
            value = masked_load(builder, tile, pointer, mask)
            update = multiply_add(builder, tile, value, factor, builder.extract_value(sums, m))
            sums = builder.insert_value(sums, update, m)
        return sums

    return tile(tile, rows, types.intp, b, types.intp, types.intp), codegen


@intrinsic
def tile_add_products_where(typingctx, tile, inside, rows, index, b, b_index, count):
    """``tile_add_products`` in the rows i for which ``inside[i]`` is not 0; what the others point to is not read."""

    def codegen(context, builder, signature, args):
        sums, inside_value, pointers, index_value, b_value, b_index_value, count_value = args
        mask = first_lanes(builder, tile, count_value)
        factor = _factors(context, builder, tile, signature.args[4], b_value, b_index_value, mask)
        flags = address(context, builder, signature.args[1], inside_value, INT64(0))
        for m in range(tile.rows):
            flag = builder.load(builder.gep(flags, [INT64(m)]))
            counted = builder.icmp_signed("!=", flag, ir.Constant(flag.type, 0))
            seen = first_lanes(builder, tile, builder.select(counted, count_value, INT64(0)))
            pointer = builder.gep(builder.extract_value(pointers, m), [index_value])
            value = masked_load(builder, tile, pointer, seen)
            before = builder.extract_value(sums, m)
            # Chosen, not multiplied by 0: the factor may be infinite.
            update = builder.select(seen, multiply_add(builder, tile, value, factor, before), before)
            sums = builder.insert_value(sums, update, m)
        return sums

    return tile(tile, inside, rows, types.intp, b, types.intp, types.intp), codegen


@intrinsic(prefer_literal=True)
def tile_add_windows(typingctx, taps, stride, tile, source, index, pitch, weight, w_index, w_pitch):
    """The tile plus, in each row i, sum over t < ``taps`` of source[index + (i stride + t) pitch] weight[t w_pitch].

    Every row is an output and sees ``taps`` neighbouring pixels, ``stride`` further on for each row: a pixel is loaded
    once for all outputs that see it. Whole vectors of channels.
    """
    count, step = taps.literal_value, stride.literal_value

    def codegen(context, builder, signature, args):
        _, _, sums, source_, index_, pitch_, weight_, w_index_, w_pitch_ = args

        def vector_at(array_type, array, start, pitch_value, number):
            place = builder.add(start, builder.mul(pitch_value, INT64(number)))
            return load_vector(builder, tile, address(context, builder, array_type, array, place))

        factors = [vector_at(signature.args[6], weight_, w_index_, w_pitch_, t) for t in range(count)]
        for pixel in range((tile.rows - 1) * step + count):
            seen = None
            for m in range(tile.rows):
                t = pixel - m * step
                if 0 <= t < count:
                    if seen is None:
                        seen = vector_at(signature.args[3], source_, index_, pitch_, pixel)
                    update = multiply_add(builder, tile, seen, factors[t], builder.extract_value(sums, m))
                    sums = builder.insert_value(sums, update, m)
        return sums

    number = types.intp
    return tile(taps, stride, tile, source, number, number, weight, number, number), codegen


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
