"""The weight gradient as a matrix product whose terms are the output pixels of all images (implicit GEMM).

    dw[k, t, c] = sum over pixels p of  dy[p, k] x[p moved by tap t, c]

The rows are a group's outputs k, the columns its taps and channels (t, c), as they lie in memory. There are few of
both and very many pixels, so the pixels are divided into parts. The blocks of each part write sums of their own, which
``sums.py`` adds up.
"""

from __future__ import annotations

from numba import int32

from tinyconv.backends.cuda.compiler import cuda, divide, narrow, place, remainder
from tinyconv.backends.cuda.kernels import Kernel, kernel
from tinyconv.backends.cuda.parameters import Floats, Int
from tinyconv.backends.cuda.plain.axes import advanced
from tinyconv.backends.cuda.plain.tiles import ALIGNMENT, FAR, FLAT, PAD, SQUARE, UNROLLED, Tile


def weight_gradient(tile: Tile) -> Kernel:
    """The kernel for blocks of ``tile``."""
    rows, columns, depth, thread_rows, thread_columns = tile
    threads = tile.threads
    across_threads = columns // thread_columns
    at_once = threads // depth
    row_loads, column_loads = rows // at_once, columns // at_once
    rows_pitch, columns_pitch = rows + PAD, columns + PAD
    rows_half, columns_half = depth * rows_pitch, depth * columns_pitch
    rows_twice, columns_twice = 2 * rows_half, 2 * columns_half

    def correlate_pixels(
        x: Floats, dy: Floats, parts: Floats,
        channels: Int, outputs: Int, height: Int, width: Int, out_height: Int, out_width: Int, kernel_width: Int,
        stride_down: Int, stride_across: Int, padding_down: Int, padding_across: Int,
        dilation_down: Int, dilation_across: Int,
        kernel_columns: Int, column_blocks: Int, pixels: Int, part_pixels: Int,
    ):  # fmt: skip
        outputs_tile = cuda.shared.array(rows_twice, x.dtype, ALIGNMENT)
        columns_tile = cuda.shared.array(columns_twice, x.dtype, ALIGNMENT)
        zero = x.dtype.type(0)
        thread, group = narrow(cuda.threadIdx.x), narrow(cuda.blockIdx.z)
        all_channels, all_outputs = narrow(channels * cuda.gridDim.z), narrow(outputs * cuda.gridDim.z)
        first_row = narrow(divide(cuda.blockIdx.x, column_blocks) * rows)
        first_column = narrow(remainder(cuda.blockIdx.x, column_blocks) * columns)

        # The pixel that this thread starts with; then it takes every depth-th one of its part.
        lane, term = narrow(thread % at_once), narrow(thread // at_once)
        pixel = narrow(cuda.blockIdx.y * part_pixels + term)
        end = narrow(min(pixels, (cuda.blockIdx.y + 1) * part_pixels))
        line = divide(pixel, out_width)
        j, i = narrow(remainder(pixel, out_width)), narrow(remainder(line, out_height))
        image = narrow(divide(line, out_height))

        # The columns that it loads: where each lies in the window.
        downs = cuda.local.array(column_loads, int32)
        acrosses = cuda.local.array(column_loads, int32)
        offsets = cuda.local.array(column_loads, int32)
        for load in range(column_loads):
            column = first_column + lane + load * at_once
            tap, channel = divide(column, channels), remainder(column, channels)
            down = divide(tap, kernel_width) * dilation_down - padding_down
            across = remainder(tap, kernel_width) * dilation_across - padding_across
            downs[load] = narrow(down if column < kernel_columns else FAR)
            acrosses[load] = narrow(across)
            offsets[load] = narrow((down * width + across) * all_channels + group * channels + channel)

        sums = cuda.local.array((thread_rows, thread_columns), x.dtype)
        for row in range(thread_rows):
            for column in range(thread_columns):
                sums[row, column] = zero
        loaded_outputs = cuda.local.array(row_loads, x.dtype)
        loaded_columns = cuda.local.array(column_loads, x.dtype)
        output_parts = cuda.local.array(thread_rows, x.dtype)
        column_parts = cuda.local.array(thread_columns, x.dtype)
        own_row, own_column = narrow(thread // across_threads * thread_rows), narrow(thread % across_threads)

        chunks = narrow(divide(end - (pixel - term) + depth - 1, depth))
        for chunk in range(chunks + 1):
            if chunk < chunks:
                top = narrow(i * stride_down) if pixel < end else narrow(FAR)
                left = narrow(j * stride_across)
                start = (image * height + i * stride_down) * width + left
                start *= all_channels
                for load in range(column_loads):
                    row, column = narrow(top + downs[load]), narrow(left + acrosses[load])
                    inside = row >= 0 and row < height and column >= 0 and column < width
                    loaded_columns[load] = x[place(start + offsets[load])] if inside else zero
                at_output = pixel * all_outputs + group * outputs
                for load in range(row_loads):
                    output = narrow(first_row + lane + load * at_once)
                    is_output = pixel < end and output < outputs
                    loaded_outputs[load] = dy[place(at_output + output)] if is_output else zero
                pixel = narrow(pixel + depth)
                j, i, image = advanced(j, i, image, depth, out_width, out_height)
            if chunk > 0:
                half = narrow((chunk + 1) & 1)
                at_output, at_column = place(half * rows_half + own_row), place(half * columns_half + own_column)
                for _ in range(depth // UNROLLED):
                    for k in range(UNROLLED):
                        for row in range(thread_rows):
                            output_parts[row] = outputs_tile[at_output + place(k * rows_pitch + row)]
                        for column in range(thread_columns):
                            at = at_column + place(k * columns_pitch + column * across_threads)
                            column_parts[column] = columns_tile[at]
                        for row in range(thread_rows):
                            for column in range(thread_columns):
                                sums[row, column] += output_parts[row] * column_parts[column]
                    at_output += place(UNROLLED * rows_pitch)
                    at_column += place(UNROLLED * columns_pitch)
            if chunk < chunks:
                half = narrow(chunk & 1)
                at_row = place(half * rows_half + term * rows_pitch + lane)
                at_column = place(half * columns_half + term * columns_pitch + lane)
                for load in range(row_loads):
                    outputs_tile[at_row + place(load * at_once)] = loaded_outputs[load]
                for load in range(column_loads):
                    columns_tile[at_column + place(load * at_once)] = loaded_columns[load]
            cuda.syncthreads()

        for row in range(thread_rows):
            output = first_row + own_row + row
            if output < outputs:
                target = (cuda.blockIdx.y * all_outputs + group * outputs + output) * kernel_columns
                for column in range(thread_columns):
                    target_column = first_column + own_column + column * across_threads
                    if target_column < kernel_columns:
                        parts[place(target + target_column)] = sums[row, column]

    return kernel(correlate_pixels, name=f"weight_gradient_{tile.name}", threads=threads)


WEIGHT_GRADIENT = {tile: weight_gradient(tile) for tile in (SQUARE, FLAT)}
