"""Convolution and its input gradient as a matrix product that is never written down (implicit GEMM).

    out[pixel, k] = bias[k] + sum over taps t and channels c of  source[pixel moved by t, c] w[t, c, k]

The rows are the output pixels of all images (of one phase, see ``axes.py``), the columns a group's output channels,
and the terms of a sum are its taps and channels, channels fastest, as they lie in memory. A block of threads keeps a
tile of the result in registers and walks along the terms: from every ``depth`` of them it carries the pixels and the
weights that it needs to shared memory, the next ones already while it computes with the last.
"""

from __future__ import annotations

from numba import int32, int64

from tinyconv.backends.cuda.compiler import cuda, divide, narrow, place, remainder
from tinyconv.backends.cuda.kernels import Kernel, kernel
from tinyconv.backends.cuda.parameters import Floats, Int
from tinyconv.backends.cuda.plain.axes import advanced, forward_axis, gradient_axis
from tinyconv.backends.cuda.plain.tiles import ALIGNMENT, FAR, NARROW, PAD, UNROLLED, WIDE, Tile


def correlation(tile: Tile, transposed: bool) -> Kernel:
    """The kernel of convolution, or ``transposed`` of its input gradient, whose source is dy."""
    rows, columns, depth, thread_rows, thread_columns = tile
    threads = tile.threads
    across_threads = columns // thread_columns
    at_once = threads // depth  # rows or columns of which the block loads all terms at once
    row_loads, column_loads = rows // at_once, columns // at_once
    rows_pitch, columns_pitch = rows + PAD, columns + PAD
    rows_half, columns_half = depth * rows_pitch, depth * columns_pitch
    rows_twice, columns_twice = 2 * rows_half, 2 * columns_half
    axis = gradient_axis if transposed else forward_axis

    def correlate(
        source: Floats, weight: Floats, bias: Floats, out: Floats, has_bias: Int, relu: Int,
        channels: Int, outputs: Int, height: Int, width: Int, out_height: Int, out_width: Int,
        kernel_height: Int, kernel_width: Int, stride_down: Int, stride_across: Int,
        padding_down: Int, padding_across: Int, dilation_down: Int, dilation_across: Int,
        tap_step_down: Int, tap_step_across: Int,
        phases_across: Int, phase_height: Int, phase_width: Int, phase_pixels: Int, phase_blocks: Int,
    ):  # fmt: skip
        pixels_tile = cuda.shared.array(rows_twice, source.dtype, ALIGNMENT)
        weights_tile = cuda.shared.array(columns_twice, source.dtype, ALIGNMENT)
        places = cuda.shared.array(rows, int64)
        zero = source.dtype.type(0)
        thread = narrow(cuda.threadIdx.x)
        group = narrow(cuda.blockIdx.z)
        all_channels, all_outputs = channels * cuda.gridDim.z, outputs * cuda.gridDim.z

        phase = divide(cuda.blockIdx.x, phase_blocks)
        phase_down, phase_across = divide(phase, phases_across), remainder(phase, phases_across)
        first_down, taps_down, origin_down, out_step_down, start_down, step_down, shift_down = axis(
            phase_down, kernel_height, stride_down, padding_down, dilation_down, tap_step_down
        )
        first_across, taps_across, origin_across, out_step_across, start_across, step_across, shift_across = axis(
            phase_across, kernel_width, stride_across, padding_across, dilation_across, tap_step_across
        )

        # The pixels that this thread loads, without a tap's shift.
        term = narrow(thread % depth)
        lane = narrow(thread // depth)
        tops = cuda.local.array(row_loads, int32)
        lefts = cuda.local.array(row_loads, int32)
        starts = cuda.local.array(row_loads, int64)
        first_row = remainder(cuda.blockIdx.x, phase_blocks) * rows
        for i in range(row_loads):
            row = lane + i * at_once
            pixel = first_row + row
            line = divide(pixel, phase_width)
            image = divide(line, phase_height)
            u, v = remainder(line, phase_height), remainder(pixel, phase_width)
            out_row, out_column = origin_down + out_step_down * u, origin_across + out_step_across * v
            top, left = start_down + step_down * u, start_across + step_across * v
            starts[i] = ((image * int64(height) + top) * width + left) * all_channels + group * channels
            is_pixel = pixel < phase_pixels and out_row < out_height and out_column < out_width
            tops[i] = narrow(top if is_pixel else FAR)
            lefts[i] = narrow(left)
            if term == 0:
                target = ((image * int64(out_height) + out_row) * out_width + out_column) * all_outputs
                places[row] = target + group * outputs if is_pixel else -1

        # The weights that this thread loads: neighbouring threads load what lies side by side.
        first_column = cuda.blockIdx.y * columns
        if transposed:
            column_lane = narrow(thread % at_once)
            weight_term = narrow(thread // at_once)
            weight_channel, weight_across, weight_down = advanced(
                narrow(0), narrow(0), narrow(0), weight_term, channels, taps_across
            )
            stored_term = weight_term
        else:
            column_lane = lane
            weight_term = stored_term = term
        terms = narrow(taps_down * taps_across * channels)
        channel, across, down = advanced(narrow(0), narrow(0), narrow(0), term, channels, taps_across)

        sums = cuda.local.array((thread_rows, thread_columns), source.dtype)
        for i in range(thread_rows):
            for j in range(thread_columns):
                sums[i, j] = zero
        loaded_pixels = cuda.local.array(row_loads, source.dtype)
        loaded_weights = cuda.local.array(column_loads, source.dtype)
        pixel_parts = cuda.local.array(thread_rows, source.dtype)
        weight_parts = cuda.local.array(thread_columns, source.dtype)
        own_row, own_column = narrow(thread // across_threads * thread_rows), narrow(thread % across_threads)

        chunks = narrow(divide(terms + depth - 1, depth))
        for chunk in range(chunks + 1):
            if chunk < chunks:
                row_shift = narrow(down * shift_down) if down < taps_down else narrow(FAR)
                column_shift = narrow(across * shift_across)
                offset = narrow(narrow(down * shift_down * width + column_shift) * all_channels + channel)
                for i in range(row_loads):
                    row, column = narrow(tops[i] + row_shift), narrow(lefts[i] + column_shift)
                    inside = row >= 0 and row < height and column >= 0 and column < width
                    loaded_pixels[i] = source[place(starts[i] + offset)] if inside else zero
                channel, across, down = advanced(channel, across, down, depth, channels, taps_across)
                if transposed:
                    tap = (first_down + weight_down * tap_step_down) * kernel_width
                    tap += first_across + weight_across * tap_step_across
                    weight_row = (group * channels + weight_channel) * kernel_height * kernel_width + tap
                    is_term = weight_down < taps_down
                    for j in range(column_loads):
                        column = first_column + column_lane + j * at_once
                        is_weight = is_term and column < outputs
                        loaded_weights[j] = weight[place(weight_row * outputs + column)] if is_weight else zero
                    weight_channel, weight_across, weight_down = advanced(
                        weight_channel, weight_across, weight_down, depth, channels, taps_across
                    )
                else:
                    for j in range(column_loads):
                        column = first_column + column_lane + j * at_once
                        is_weight = weight_term < terms and column < outputs
                        at_weight = (group * outputs + column) * terms + weight_term
                        loaded_weights[j] = weight[place(at_weight)] if is_weight else zero
                    weight_term = narrow(weight_term + depth)
            if chunk > 0:
                half = narrow((chunk + 1) & 1)
                at_pixel, at_weight = place(half * rows_half + own_row), place(half * columns_half + own_column)
                for _ in range(depth // UNROLLED):
                    for k in range(UNROLLED):
                        for i in range(thread_rows):
                            pixel_parts[i] = pixels_tile[at_pixel + place(k * rows_pitch + i)]
                        for j in range(thread_columns):
                            weight_parts[j] = weights_tile[at_weight + place(k * columns_pitch + j * across_threads)]
                        for i in range(thread_rows):
                            for j in range(thread_columns):
                                sums[i, j] += pixel_parts[i] * weight_parts[j]
                    at_pixel += place(UNROLLED * rows_pitch)
                    at_weight += place(UNROLLED * columns_pitch)
            if chunk < chunks:
                half = narrow(chunk & 1)
                at_pixel = place(half * rows_half + term * rows_pitch + lane)
                at_weight = place(half * columns_half + stored_term * columns_pitch + column_lane)
                for i in range(row_loads):
                    pixels_tile[at_pixel + place(i * at_once)] = loaded_pixels[i]
                for j in range(column_loads):
                    weights_tile[at_weight + place(j * at_once)] = loaded_weights[j]
            cuda.syncthreads()

        for j in range(thread_columns):
            column = first_column + own_column + j * across_threads
            weight_parts[j] = bias[place(group * outputs + column)] if has_bias and column < outputs else zero
        for i in range(thread_rows):
            target = places[own_row + i]
            if target >= 0:
                for j in range(thread_columns):
                    column = first_column + own_column + j * across_threads
                    value = sums[i, j] + weight_parts[j]
                    if relu and value <= zero:
                        value = zero
                    if column < outputs:
                        out[place(target + column)] = value

    name = "input_gradient" if transposed else "forward"
    return kernel(correlate, name=f"{name}_{tile.name}", threads=threads)


FORWARD = {tile: correlation(tile, transposed=False) for tile in (WIDE, NARROW)}
INPUT_GRADIENT = {tile: correlation(tile, transposed=True) for tile in (WIDE, NARROW)}
