"""Convolution and its input gradient as one product of matrices that are never stored: implicit GEMM.

    y[m, k] = bias[k] + sum over e of source[m, e] weight[k, e],   e = (r, s, c), the channel fastest
    source[m, e] = x[n, p stride + origin + r step, q stride + origin + s step, c],   m = (n, p, q)

Pixels outside x are zero. A block has a tile of y. While it multiplies one tile of ``source`` and one of ``weight``,
the next ones are copied to shared memory. A thread always copies the same terms of a step, so that it counts (r, s, c)
for itself, by addition with carries; of its pixels it keeps where their windows begin.
"""

from __future__ import annotations

from typing import Any

from numba import float32, int32, uint32, uint64

from tinyconv.backends.cuda.compiler import cuda, divide, helper
from tinyconv.backends.cuda.kernels import Kernel, kernel
from tinyconv.backends.cuda.parameters import Address, Int, Long
from tinyconv.backends.cuda.tensor_cores.instructions import (
    commit_copies,
    copy_4_bytes,
    copy_16_bytes,
    further,
    shared_address,
    wait_for_copies,
)
from tinyconv.backends.cuda.tensor_cores.products import (
    ROW_BYTES,
    Product,
    key_of_row,
)
from tinyconv.backends.cuda.tensor_cores.tiles import Tile

SHARED_ALIGNMENT = 16
"""Bytes of whose multiples a block's shared memory begins at one."""

OUTSIDE = -(1 << 30)
"""A row of pixels from which no tap leads back into the image."""

MOST_TAPS = 15
"""Along an axis: there is a bit for each."""

ACROSS_BITS = 16
"""From this bit on they are those of the columns."""

NO_TAP = -1
"""More bits than any pixel has."""


def shared_bytes(tile: Tile, alignment: int = SHARED_ALIGNMENT) -> int:
    """Of shared memory for a block."""
    return tile.stages * (tile.rows + tile.columns) * ROW_BYTES + alignment - SHARED_ALIGNMENT


def correlation_kernel(tile: Tile, product: Product, width: int, least: Any) -> Kernel:
    """The kernel for one tile. ``width``: how many channels are copied at a time, 4 if they come in fours, else 1."""
    pieces = tile.depth // width
    passing = tile.threads // pieces
    """Rows of a tile that all threads together copy at a time."""
    row_passes, column_passes = tile.rows // passing, tile.columns // passing
    tile_rows, tile_columns, depth, stages = tile.rows, tile.columns, tile.depth, tile.stages
    warp_rows, warp_columns, warps_across = tile.warp_rows, tile.warp_columns, tile.warps_across
    stage_bytes, columns_at = (tile_rows + tile_columns) * ROW_BYTES, tile_rows * ROW_BYTES
    piece_bytes, shift = 4 * width, width // 2
    copy, wait = (copy_16_bytes if width == 4 else copy_4_bytes), wait_for_copies(stages - 2)
    row_count, row_places = len(product.results.rows), product.results.rows
    zeros, store, multiply = product.results.zeros(), product.results.store(), product.multiply
    places_of, sources_of, parts = product.places, product.sources, product.parts
    part_bytes, alignment = ROW_BYTES // parts, product.alignment
    placed, announces, arrived = product.placed, product.arrived is not None, product.arrived or product.placed

    @helper
    def place_in_row(piece, key):
        """Where a piece lies in its row of a tile: the 16 bytes that it is in are swapped about."""
        first = piece << shift
        return (((first >> 2) ^ key) << 4) + ((first & 3) << 2)

    def correlate(
        x: Address,
        weight: Address,
        bias: Address,
        y: Address,
        pixels: Int,
        down: Int,
        across: Int,
        height: Int,
        width_of_x: Int,
        channels: Int,
        all_channels: Int,
        outputs: Int,
        taps_down: Int,
        taps_across: Int,
        terms: Int,
        stride_down: Int,
        stride_across: Int,
        origin_down: Int,
        origin_across: Int,
        step_down: Int,
        step_across: Int,
        weight_pitch: Int,
        weight_down: Int,
        weight_across: Int,
        y_pitch_image: Int,
        y_pitch_row: Int,
        y_pitch_pixel: Int,
        wide: Int,
        relu: Int,
        steps_each: Int,
        split_pitch: Long,
    ):
        shared = shared_address(cuda.shared.array(0, float32))
        if alignment > SHARED_ALIGNMENT:
            shared = uint32((shared + (alignment - 1)) & ~(alignment - 1))
        thread, group, split = int32(cuda.threadIdx.x), int32(cuda.blockIdx.y), int32(cuda.blockIdx.z)
        lane, warp = int32(thread & 31), int32(thread >> 5)
        tiles_across = int32(divide(outputs + (tile_columns - 1), tile_columns))
        tile_down = int32(divide(cuda.blockIdx.x, tiles_across))
        first_pixel = int32(tile_down * tile_rows)
        first_output = int32((int32(cuda.blockIdx.x) - tile_down * tiles_across) * tile_columns)
        piece, row = int32(thread & (pieces - 1)), int32(divide(thread, pieces))

        # Where the windows of the thread's pixels begin, counted from the first image that the block sees.
        first_image = int32(divide(first_pixel, down * across))
        image_size = int32(height * width_of_x * all_channels)
        source = further(further(x, first_image * image_size), group * channels)
        tops = cuda.local.array(row_passes, int32)
        lefts = cuda.local.array(row_passes, int32)
        begins = cuda.local.array(row_passes, int32)
        meets = cuda.local.array(row_passes, int32)
        for i in range(row_passes):
            pixel = int32(first_pixel + row + i * passing)
            pixel_row = int32(divide(pixel, across))
            image = int32(divide(pixel_row, down))
            top = int32((pixel_row - image * down) * stride_down + origin_down)
            left = int32((pixel - pixel_row * across) * stride_across + origin_across)
            begins[i] = int32((image - first_image) * image_size + (top * width_of_x + left) * all_channels)
            tops[i] = top if pixel < pixels else int32(OUTSIDE)
            lefts[i] = left
            meets[i] = int32(0)
        # A bit for each row of taps, and for each column, that meets pixels of the image there.
        for r in range(taps_down):
            for i in range(row_passes):
                met = uint32(tops[i] + r * step_down) < uint32(height)
                meets[i] = int32(meets[i] | (int32(1) << r if met else int32(0)))
        for s in range(taps_across):
            for i in range(row_passes):
                met = uint32(lefts[i] + s * step_across) < uint32(width_of_x)
                meets[i] = int32(meets[i] | (int32(1) << (ACROSS_BITS + s) if met else int32(0)))
        filters = further(weight, (group * outputs + first_output + row) * weight_pitch)
        filters_left = int32(outputs - first_output - row)

        # (r, s, c) of the term that the thread copies, and of the number of terms in a step.
        steps = int32(divide(terms + (depth - 1), depth))
        first_step = int32(split * steps_each)
        last_step = int32(min(steps, first_step + steps_each))
        term = int32(first_step * depth + piece * width)
        tap = int32(divide(term, channels))
        c = int32(term - tap * channels)
        r = int32(divide(tap, taps_across))
        s = int32(tap - r * taps_across)
        more_taps = int32(divide(depth, channels))
        more_c = int32(depth - more_taps * channels)
        more_r = int32(divide(more_taps, taps_across))
        more_s = int32(more_taps - more_r * taps_across)

        to_row = uint32(shared + row * ROW_BYTES + place_in_row(piece, key_of_row(row)))
        warp_down = int32(divide(warp, warps_across))
        warp_row, warp_column = int32(warp_down * warp_rows), int32((warp - warp_down * warps_across) * warp_columns)
        row_of_a, piece_of_a, row_of_b, piece_of_b = sources_of(lane)
        a = uint32(shared + (warp_row + row_of_a) * ROW_BYTES)
        b = uint32(shared + columns_at + (warp_column + row_of_b) * ROW_BYTES)
        sums = zeros()

        filled, used = uint32(0), uint32(0)
        for step in range(first_step - (stages - 1), last_step):
            ready = step >= first_step
            if ready:
                wait()
                if announces:
                    arrived()
                cuda.syncthreads()
            # The copies of a step that comes: what was in this place of shared memory has been read before the barrier.
            if step + (stages - 1) < last_step:
                inside = term < terms
                bits = int32((int32(1) << r) | (int32(1) << (ACROSS_BITS + s))) if inside else int32(NO_TAP)
                beyond = int32((r * step_down * width_of_x + s * step_across) * all_channels + c)
                for i in range(row_passes):
                    copy(
                        uint32(to_row + filled + i * passing * ROW_BYTES),
                        further(source, int32(begins[i] + beyond)),
                        int32(piece_bytes) if int32(meets[i] & bits) == bits else int32(0),
                    )
                at = int32(r * weight_down + s * weight_across + c)
                for i in range(column_passes):
                    seen = inside and i * passing < filters_left
                    column = row + i * passing
                    row_of_column, key = placed(column)
                    place = columns_at + row_of_column * ROW_BYTES + place_in_row(piece, key)
                    copy(
                        uint32(shared + filled + place),
                        further(filters, int32(at + i * passing * weight_pitch)),
                        int32(piece_bytes) if seen else int32(0),
                    )
                term = int32(term + depth)
                c, s, r = int32(c + more_c), int32(s + more_s), int32(r + more_r)
                if c >= channels:
                    c, s = int32(c - channels), int32(s + 1)
                if s >= taps_across:
                    s, r = int32(s - taps_across), int32(r + 1)
                filled = uint32(filled + stage_bytes) if filled < (stages - 1) * stage_bytes else uint32(0)
            commit_copies()
            if ready:
                for part in range(parts):
                    from_a, from_b = (piece_of_a << 4) ^ part * part_bytes, (piece_of_b << 4) ^ part * part_bytes
                    sums = multiply(sums, uint32(a + used), uint32(from_a), uint32(b + used), uint32(from_b))
                used = uint32(used + stage_bytes) if used < (stages - 1) * stage_bytes else uint32(0)

        lane_row, lane_column = places_of(lane)
        first_output = int32(first_output + warp_column + lane_column)
        shifts = further(bias, group * outputs + first_output) if bias != 0 else uint64(0)
        to = further(further(y, split * split_pitch), group * outputs + first_output)
        places = cuda.local.array(row_count, uint64)
        for i in range(row_count):
            pixel = int32(first_pixel + warp_row + lane_row + row_places[i])
            pixel_row = int32(divide(pixel, across))
            image = int32(divide(pixel_row, down))
            p, q = int32(pixel_row - image * down), int32(pixel - pixel_row * across)
            place = further(further(to, image * y_pitch_image), int32(p * y_pitch_row + q * y_pitch_pixel))
            places[i] = place if pixel < pixels else uint64(0)
        store(sums, places, shifts, int32(outputs - first_output), wide, relu)

    copied = "" if width == 4 else "_narrow"
    return kernel(correlate, name=f"correlation_{product.name}_{tile.name}{copied}", threads=tile.threads, least=least)
