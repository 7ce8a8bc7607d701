"""Register tiles of depthwise convolution: the rows are neighbouring outputs, or the taps through which they see.

A *window* is some taps side by side. Output i sees the pixels i stride + t through the taps t of a window, so that
neighbouring outputs share most of what they see: a pixel is loaded once for all of them. Pixels are vectors of
channels, ``pitch`` numbers apart. Each intrinsic has a twin ``..._inside`` for windows that hang over the edge of the
image: only the pixels begin <= p < end take part, with ``count`` channels each.
"""

# ruff: noqa: ARG001 (an intrinsic states its parameters for the caller; their values arrive in `args`)
from __future__ import annotations

from llvmlite import ir
from numba import types

from tinyconv.backends.cpu.register_tile import (
    INT64,
    Tile,
    address,
    first_lanes,
    intrinsic,
    load_vector,
    masked_load,
    multiply_add,
)

number = types.intp


def _pixels(builder, outputs, taps, stride_type, stride):
    """(number of a pixel, the pairs (output, tap) that see it), for all that ``outputs`` see through ``taps``.

    Only where the stride is a constant is it known which outputs share a pixel.
    """
    if not isinstance(stride_type, types.IntegerLiteral):
        for i in range(outputs):
            for t in range(taps):
                yield builder.add(builder.mul(stride, INT64(i)), INT64(t)), [(i, t)]
        return
    step = stride_type.literal_value
    for pixel in range((outputs - 1) * step + taps):
        pairs = [(i, pixel - i * step) for i in range(outputs) if 0 <= pixel - i * step < taps]
        if pairs:
            yield INT64(pixel), pairs


def _pointers(context, builder, array_type, array, index, pitch, count):
    """Where vectors lie that are ``pitch`` numbers apart."""
    places = [builder.add(index, builder.mul(pitch, INT64(i))) for i in range(count)]
    return [address(context, builder, array_type, array, place) for place in places]


def _replaced(builder, sums, rows):
    for i, row in rows.items():
        sums = builder.insert_value(sums, row, i)
    return sums


def _where(builder, condition, sums, rows, make):
    """``sums`` with what ``make`` gives for some rows, if the condition holds.

    A branch, because it goes the same way for all channels. And no product with 0: the other factor may be infinite.
    """
    old, before = {i: builder.extract_value(sums, i) for i in rows}, builder.block
    with builder.if_then(condition):
        new, inside = make(), builder.block
    chosen = {}
    for i in rows:
        chosen[i] = builder.phi(old[i].type)
        chosen[i].add_incoming(old[i], before)
        chosen[i].add_incoming(new[i], inside)
    return _replaced(builder, sums, chosen)


def _between(builder, begin, value, end):
    return builder.and_(builder.icmp_signed("<=", begin, value), builder.icmp_signed("<", value, end))


@intrinsic(prefer_literal=True)
def tile_add_windows(typingctx, taps, stride, tile, source, index, pitch, weight, w_index, w_pitch):
    """The tile plus, in row i, the sum over t < ``taps`` of source[index + (i stride + t) pitch] weight[t w_pitch]."""

    def codegen(context, builder, signature, args):
        _, stride_, sums, source_, index_, pitch_, weight_, w_index_, w_pitch_ = args
        places = _pointers(context, builder, signature.args[6], weight_, w_index_, w_pitch_, taps.literal_value)
        factors = [load_vector(builder, tile, place) for place in places]
        for pixel, pairs in _pixels(builder, tile.rows, taps.literal_value, stride, stride_):
            place = builder.add(index_, builder.mul(pitch_, pixel))
            seen = load_vector(builder, tile, address(context, builder, signature.args[3], source_, place))
            for i, t in pairs:
                update = multiply_add(builder, tile, seen, factors[t], builder.extract_value(sums, i))
                sums = builder.insert_value(sums, update, i)
        return sums

    return tile(taps, stride, tile, source, number, number, weight, number, number), codegen


@intrinsic(prefer_literal=True)
def tile_add_windows_inside(
    typingctx, taps, stride, tile, source, index, pitch, begin, end, count, weight, w_index, w_pitch
):
    """The twin of ``tile_add_windows`` at the edge."""

    def codegen(context, builder, signature, args):
        _, stride_, sums, source_, index_, pitch_, begin_, end_, count_, weight_, w_index_, w_pitch_ = args
        places = _pointers(context, builder, signature.args[9], weight_, w_index_, w_pitch_, taps.literal_value)
        factors = [load_vector(builder, tile, place) for place in places]
        mask = first_lanes(builder, tile, count_)
        for pixel, pairs in _pixels(builder, tile.rows, taps.literal_value, stride, stride_):
            place = builder.add(index_, builder.mul(pitch_, pixel))

            def products(place=place, pairs=pairs, sums=sums):
                pointer = address(context, builder, signature.args[3], source_, place)
                seen = masked_load(builder, tile, pointer, mask)
                return {
                    i: multiply_add(builder, tile, seen, factors[t], builder.extract_value(sums, i)) for i, t in pairs
                }

            inside = _between(builder, begin_, pixel, end_)
            sums = _where(builder, inside, sums, [i for i, _ in pairs], products)
        return sums

    return (
        tile(taps, stride, tile, source, number, number, number, number, number, weight, number, number),
        codegen,
    )


@intrinsic(prefer_literal=True)
def tile_pixels(typingctx, rows, array, index, pitch):
    """A tile whose row i is ``array[index + i pitch : ... + lanes]``."""
    tile = Tile(rows.literal_value, 1, array.dtype)

    def codegen(context, builder, signature, args):
        _, array_, index_, pitch_ = args
        places = _pointers(context, builder, signature.args[1], array_, index_, pitch_, tile.rows)
        rows = {i: load_vector(builder, tile, place) for i, place in enumerate(places)}
        return _replaced(builder, ir.Constant(tile.aggregate, ir.Undefined), rows)

    return tile(rows, array, number, number), codegen


@intrinsic(prefer_literal=True)
def tile_pixels_inside(typingctx, rows, array, index, pitch, end, count):
    """The twin of ``tile_pixels`` at the edge: 0 from row ``end`` on, and from lane ``count`` on."""
    tile = Tile(rows.literal_value, 1, array.dtype)

    def codegen(context, builder, signature, args):
        _, array_, index_, pitch_, end_, count_ = args
        rows = {}
        for i, place in enumerate(_pointers(context, builder, signature.args[1], array_, index_, pitch_, tile.rows)):
            read = builder.select(builder.icmp_signed("<", INT64(i), end_), count_, INT64(0))
            rows[i] = masked_load(builder, tile, place, first_lanes(builder, tile, read))
        return _replaced(builder, ir.Constant(tile.aggregate, ir.Undefined), rows)

    return tile(rows, array, number, number, number, number), codegen


@intrinsic(prefer_literal=True)
def tile_add_pixels(typingctx, stride, tile, source, index, pitch, outputs):
    """The tile plus, in row t, the sum over i of source[index + (i stride + t) pitch] times row i of ``outputs``.

    So a row of the tile is the gradient of one tap.
    """

    def codegen(context, builder, signature, args):
        stride_, sums, source_, index_, pitch_, outputs_ = args
        for pixel, pairs in _pixels(builder, outputs.rows, tile.rows, stride, stride_):
            place = builder.add(index_, builder.mul(pitch_, pixel))
            seen = load_vector(builder, tile, address(context, builder, signature.args[2], source_, place))
            for i, t in pairs:
                factor = builder.extract_value(outputs_, i)
                update = multiply_add(builder, tile, seen, factor, builder.extract_value(sums, t))
                sums = builder.insert_value(sums, update, t)
        return sums

    return tile(stride, tile, source, number, number, outputs), codegen


@intrinsic(prefer_literal=True)
def tile_add_pixels_inside(typingctx, stride, tile, source, index, pitch, begin, end, last, count, outputs):
    """The twin of ``tile_add_pixels`` at the edge; the outputs end with number ``last``."""

    def codegen(context, builder, signature, args):
        stride_, sums, source_, index_, pitch_, begin_, end_, last_, count_, outputs_ = args
        mask, masks = first_lanes(builder, tile, count_), []
        for i in range(outputs.rows):
            counted = builder.icmp_signed("<=", INT64(i), last_)
            masks.append(first_lanes(builder, tile, builder.select(counted, count_, INT64(0))))
        for pixel, pairs in _pixels(builder, outputs.rows, tile.rows, stride, stride_):
            place = builder.add(index_, builder.mul(pitch_, pixel))

            def products(place=place, pairs=pairs, sums=sums):
                pointer = address(context, builder, signature.args[2], source_, place)
                seen = masked_load(builder, tile, pointer, mask)
                rows: dict[int, ir.Value] = {}
                for i, t in pairs:
                    before = rows.get(t, builder.extract_value(sums, t))
                    update = multiply_add(builder, tile, seen, builder.extract_value(outputs_, i), before)
                    rows[t] = builder.select(masks[i], update, before)
                return rows

            sums = _where(
                builder, _between(builder, begin_, pixel, end_), sums, dict.fromkeys(t for _, t in pairs), products
            )
        return sums

    return tile(stride, tile, source, number, number, number, number, number, number, outputs), codegen
