"""The weight gradient as one product of matrices that are never stored.

    dweight[k, e] = sum over m of dy[m, k] source[m, e],   m = (n, p, q),  e = (r, s, c)
    source[m, e] = x[n, p stride + origin + r step, q stride + origin + s step, c]

The sum runs over pixels, in which neither dy nor x is contiguous, so tiles lie across the depth as they do in memory.
There are many pixels and few weights: each split of them has sums of its own, which are added up by a second pass. A
thread copies the same weights' terms in every step, and counts (n, p, q) by addition with carries.
"""

from __future__ import annotations

from typing import Any

from numba import float32, int32, uint32, uint64

from tinyconv.backends.cuda.compiler import cuda, divide
from tinyconv.backends.cuda.kernels import Kernel, kernel
from tinyconv.backends.cuda.parameters import Address, Int, Long
from tinyconv.backends.cuda.tensor_cores.correlation import OUTSIDE
from tinyconv.backends.cuda.tensor_cores.instructions import (
    commit_copies,
    copy_4_bytes,
    copy_16_bytes,
    further,
    shared_address,
    wait_for_copies,
)
from tinyconv.backends.cuda.tensor_cores.products_across import ProductAcross, pitch
from tinyconv.backends.cuda.tensor_cores.tiles import Tile


def shared_bytes(tile: Tile) -> int:
    """Of shared memory for a block."""
    return tile.stages * tile.depth * (pitch(tile.rows) + pitch(tile.columns))


def weight_gradient_kernel(tile: Tile, product: ProductAcross, width: int, least: Any) -> Kernel:
    """The kernel for one tile. ``width``: how many channels are copied at a time, 4 if those of x and y come in fours,
    else 1.
    """
    lanes = 32 // width
    """Threads that copy a pixel's numbers."""
    passing = tile.threads // lanes
    pixel_passes, row_passes, column_passes = (
        tile.depth // passing,
        tile.rows // (lanes * width),
        tile.columns // (lanes * width),
    )
    tile_rows, tile_columns, depth, stages = tile.rows, tile.columns, tile.depth, tile.stages
    warp_rows, warp_columns, warps_across = tile.warp_rows, tile.warp_columns, tile.warps_across
    row_pitch, column_pitch = pitch(tile.rows), pitch(tile.columns)
    columns_at, stage_bytes = depth * row_pitch, depth * (row_pitch + column_pitch)
    piece_bytes, pass_bytes, pass_numbers = 4 * width, 4 * width * lanes, width * lanes
    copy, wait = (copy_16_bytes if width == 4 else copy_4_bytes), wait_for_copies(stages - 2)
    row_count, row_places = len(product.results.rows), product.results.rows
    zeros, store, multiply = product.results.zeros(), product.results.store(), product.multiply
    places_of, depth_of, reads_of = product.places, product.depth, product.reads

    def weight_gradient(
        x: Address,
        dy: Address,
        dweight: Address,
        pixels: Int,
        down: Int,
        across: Int,
        height: Int,
        width_of_x: Int,
        channels: Int,
        all_channels: Int,
        outputs: Int,
        all_outputs: Int,
        taps_across: Int,
        terms: Int,
        stride_down: Int,
        stride_across: Int,
        origin_down: Int,
        origin_across: Int,
        step_down: Int,
        step_across: Int,
        wide: Int,
        steps_each: Int,
        split_pitch: Long,
    ):
        shared = shared_address(cuda.shared.array(0, float32))
        thread, group, split = int32(cuda.threadIdx.x), int32(cuda.blockIdx.y), int32(cuda.blockIdx.z)
        lane, warp = int32(thread & 31), int32(thread >> 5)
        tiles_across = int32(divide(terms + (tile_columns - 1), tile_columns))
        tile_down = int32(divide(cuda.blockIdx.x, tiles_across))
        first_output = int32(tile_down * tile_rows)
        first_term = int32((int32(cuda.blockIdx.x) - tile_down * tiles_across) * tile_columns)
        piece, row = int32(thread & (lanes - 1)), int32(divide(thread, lanes))

        # Where the thread's terms lie, from the first pixel of a window on.
        downs = cuda.local.array(column_passes, int32)
        acrosses = cuda.local.array(column_passes, int32)
        begins = cuda.local.array(column_passes, int32)
        for i in range(column_passes):
            term = int32(first_term + piece * width + i * pass_numbers)
            tap = int32(divide(term, channels))
            r = int32(divide(tap, taps_across))
            beyond_down, beyond_across = int32(r * step_down), int32((tap - r * taps_across) * step_across)
            downs[i] = beyond_down if term < terms else int32(OUTSIDE)
            acrosses[i] = beyond_across
            begins[i] = int32((beyond_down * width_of_x + beyond_across) * all_channels + term - tap * channels)
        outputs_left = int32(outputs - first_output - piece * width)

        # (n, p, q) of the pixels that the thread copies, and of the number of pixels in a step.
        steps = int32(divide(pixels + (depth - 1), depth))
        first_step = int32(split * steps_each)
        last_step = int32(min(steps, first_step + steps_each))
        pixel = int32(first_step * depth + row)
        ns = cuda.local.array(pixel_passes, int32)
        ps = cuda.local.array(pixel_passes, int32)
        qs = cuda.local.array(pixel_passes, int32)
        for j in range(pixel_passes):
            line = int32(divide(pixel + j * passing, across))
            ns[j] = int32(divide(line, down))
            ps[j] = int32(line - ns[j] * down)
            qs[j] = int32(pixel + j * passing - line * across)
        more_lines = int32(divide(depth, across))
        more_q = int32(depth - more_lines * across)
        more_n = int32(divide(more_lines, down))
        more_p = int32(more_lines - more_n * down)
        image_size = int32(height * width_of_x * all_channels)
        images, gradients = further(x, group * channels), further(dy, group * outputs + first_output + piece * width)

        to = uint32(shared + row * row_pitch + piece * piece_bytes)
        to_columns = uint32(shared + columns_at + row * column_pitch + piece * piece_bytes)
        warp_down = int32(divide(warp, warps_across))
        warp_row, warp_column = int32(warp_down * warp_rows), int32((warp - warp_down * warps_across) * warp_columns)
        first_depth, (read_row, read_column) = depth_of(lane), reads_of(lane)
        a = uint32(shared + first_depth * row_pitch + (warp_row + read_row) * 4)
        b = uint32(shared + columns_at + first_depth * column_pitch + (warp_column + read_column) * 4)
        sums = zeros()

        filled, used = uint32(0), uint32(0)
        for step in range(first_step - (stages - 1), last_step):
            ready = step >= first_step
            if ready:
                wait()
                cuda.syncthreads()
            # The copies of a step that comes: what was in this place of shared memory has been read before the barrier.
            if step + (stages - 1) < last_step:
                for j in range(pixel_passes):
                    inside = pixel + j * passing < pixels
                    gradient = further(gradients, (pixel + j * passing) * all_outputs)
                    for i in range(row_passes):
                        seen = inside and i * pass_numbers < outputs_left
                        copy(
                            uint32(to + filled + j * passing * row_pitch + i * pass_bytes),
                            further(gradient, i * pass_numbers),
                            int32(piece_bytes) if seen else int32(0),
                        )
                    top = int32(ps[j] * stride_down + origin_down) if inside else int32(OUTSIDE)
                    left = int32(qs[j] * stride_across + origin_across)
                    window = further(
                        further(images, ns[j] * image_size), int32((top * width_of_x + left) * all_channels)
                    )
                    for i in range(column_passes):
                        pixel_down, pixel_across = int32(top + downs[i]), int32(left + acrosses[i])
                        seen = uint32(pixel_down) < uint32(height) and uint32(pixel_across) < uint32(width_of_x)
                        copy(
                            uint32(to_columns + filled + j * passing * column_pitch + i * pass_bytes),
                            further(window, begins[i]),
                            int32(piece_bytes) if seen else int32(0),
                        )
                    n, p, q = int32(ns[j] + more_n), int32(ps[j] + more_p), int32(qs[j] + more_q)
                    if q >= across:
                        q, p = int32(q - across), int32(p + 1)
                    if p >= down:
                        p, n = int32(p - down), int32(n + 1)
                    ns[j], ps[j], qs[j] = n, p, q
                pixel = int32(pixel + depth)
                filled = uint32(filled + stage_bytes) if filled < (stages - 1) * stage_bytes else uint32(0)
            commit_copies()
            if ready:
                sums = multiply(sums, uint32(a + used), uint32(b + used))
                used = uint32(used + stage_bytes) if used < (stages - 1) * stage_bytes else uint32(0)

        lane_row, lane_column = places_of(lane)
        term = int32(first_term + warp_column + lane_column)
        output = int32(first_output + warp_row + lane_row)
        first = further(further(dweight, split * split_pitch), (group * outputs + output) * terms + term)
        places = cuda.local.array(row_count, uint64)
        for i in range(row_count):
            places[i] = further(first, row_places[i] * terms) if output + row_places[i] < outputs else uint64(0)
        store(sums, places, uint64(0), int32(terms - term), wide, int32(0))

    copied = "" if width == 4 else "_narrow"
    name = f"weight_gradient_{product.name}_{tile.name}{copied}"
    return kernel(weight_gradient, name=name, threads=tile.threads, least=least)
