"""Depthwise convolution and its gradients: every group has one channel, so no sum runs over channels.

    y[p, k] = bias[k] + sum over taps t of  x[p moved by t, k // m] w[k, t]         m outputs of each channel
    dx[p, c] = sum over taps t and q < m of  dy[p moved back by t, c m + q] w[c m + q, t]
    dw[k, t] = sum over pixels p of  dy[p, k] x[p moved by t, k // m]

An image is read and written once and little is computed with it: memory sets the time. Neighbouring threads take
neighbouring channels, which lie side by side. For the first two, a thread computes a run of neighbouring pixels, each
of its weights read once for all of them; the weights wait in shared memory, because in memory those of one tap lie far
from each other. For the third, a thread keeps the sums of several taps, and reads dy once for all of them; a block's
threads of one channel take every ``ROWS``-th pixel of the block's part, and ``sums.py`` adds up the parts.
"""

from __future__ import annotations

from typing import Any

from numba import int32

from tinyconv.backends.cuda.compiler import SIMULATED, cuda, divide, narrow, place, remainder
from tinyconv.backends.cuda.kernels import Kernel, kernel
from tinyconv.backends.cuda.parameters import Floats, Int
from tinyconv.backends.cuda.plain.axes import advanced, forward_axis, gradient_axis
from tinyconv.backends.cuda.plain.tiles import FAR

LANES, ROWS = (4, 2) if SIMULATED else (32, 8)
"""Threads of a block: neighbouring channels, and pixels."""

RUN = 2 if SIMULATED else 4
"""Pixels of one row that a thread computes."""

TAPS = 4 if SIMULATED else 16
"""Taps whose weights wait in shared memory at a time."""

PITCH = TAPS + 1  # so that the weights of one tap lie in different banks
WEIGHTS = LANES * PITCH

GRADIENT_TAPS = 4 if SIMULATED else 9
"""Taps of which a thread keeps the sums: those of the most usual kernel."""

PARTIAL_SUMS = GRADIENT_TAPS * ROWS * LANES


BLOCKS = 3
"""At once on a multiprocessor. Left to itself the compiler aims at more, and some numbers find no register."""


def depthwise(axis: Any, name: str) -> Kernel:
    """The kernel of the convolution or of its input gradient, whose source is dy, as ``axis`` says.

    An output reads ``terms`` channels of the source, and ``shared_by`` outputs read the same.
    """

    def correlate_channels(
        source: Floats, weight: Floats, bias: Floats, out: Floats, has_bias: Int, relu: Int,
        channels: Int, outputs: Int, shared_by: Int, terms: Int,
        height: Int, width: Int, out_height: Int, out_width: Int,
        kernel_height: Int, kernel_width: Int, stride_down: Int, stride_across: Int,
        padding_down: Int, padding_across: Int, dilation_down: Int, dilation_across: Int,
        tap_step_down: Int, tap_step_across: Int,
        phases_across: Int, phase_height: Int, phase_runs: Int, all_runs: Int, phase_blocks: Int,
    ):  # fmt: skip
        weights = cuda.shared.array(WEIGHTS, source.dtype)
        zero = source.dtype.type(0)
        lane, row = narrow(cuda.threadIdx.x), narrow(cuda.threadIdx.y)
        thread = narrow(row * LANES + lane)
        first_output = narrow(cuda.blockIdx.y * LANES)
        output = narrow(first_output + lane)

        phase = divide(cuda.blockIdx.x, phase_blocks)
        phase_down, phase_across = divide(phase, phases_across), remainder(phase, phases_across)
        first_down, taps_down, origin_down, out_step_down, start_down, step_down, shift_down = axis(
            phase_down, kernel_height, stride_down, padding_down, dilation_down, tap_step_down
        )
        first_across, taps_across, origin_across, out_step_across, start_across, step_across, shift_across = axis(
            phase_across, kernel_width, stride_across, padding_across, dilation_across, tap_step_across
        )

        run = remainder(cuda.blockIdx.x, phase_blocks) * ROWS + row
        line, v = divide(run, phase_runs), remainder(run, phase_runs) * RUN
        image, u = divide(line, phase_height), remainder(line, phase_height)
        out_row, out_column = narrow(origin_down + out_step_down * u), narrow(origin_across + out_step_across * v)
        is_run = run < all_runs and out_row < out_height and out_column < out_width and output < outputs
        top = narrow(start_down + step_down * u if is_run else FAR)
        left = narrow(start_across + step_across * v)
        pixel_step = narrow(step_across * channels)
        start = image * height * width * channels + divide(output, shared_by) * terms
        target = ((image * out_height + out_row) * out_width + out_column) * outputs + output
        owned = narrow(0)  # pixels of the run that are there
        if is_run:
            owned = narrow(divide(out_width - out_column + out_step_across - 1, out_step_across))

        constant = bias[place(output)] if has_bias and output < outputs else zero
        sums = cuda.local.array(RUN, source.dtype)
        for pixel in range(RUN):
            sums[pixel] = constant
        taps = narrow(taps_down * taps_across)
        for term in range(terms):
            across, down = narrow(0), narrow(0)
            for first_tap in range(0, taps, TAPS):
                cuda.syncthreads()
                for index in range(thread, LANES * TAPS, LANES * ROWS):
                    tap, owner = narrow(first_tap + index % TAPS), narrow(first_output + index // TAPS)
                    factor = zero
                    if tap < taps and owner < outputs:
                        tap_row = first_down + divide(tap, taps_across) * tap_step_down
                        tap_column = first_across + remainder(tap, taps_across) * tap_step_across
                        at_kernel = (owner * terms + term) * kernel_height * kernel_width
                        factor = weight[place(at_kernel + tap_row * kernel_width + tap_column)]
                    weights[index // TAPS * PITCH + index % TAPS] = factor
                cuda.syncthreads()
                at_weight, end_weight = narrow(lane * PITCH), narrow(lane * PITCH + min(TAPS, taps - first_tap))
                while at_weight < end_weight:
                    factor = weights[place(at_weight)]
                    at_weight = narrow(at_weight + 1)
                    line_row, column = narrow(top + down * shift_down), narrow(left + across * shift_across)
                    if line_row >= 0 and line_row < height:
                        at = narrow(narrow(line_row * width + column) * channels)
                        for pixel in range(RUN):
                            if column >= 0 and column < width:
                                sums[pixel] += source[place(start + at)] * factor
                            column = narrow(column + step_across)
                            at = narrow(at + pixel_step)
                    across = narrow(across + 1)
                    if across == taps_across:
                        across, down = narrow(0), narrow(down + 1)
            start += 1

        for pixel in range(RUN):
            value = sums[pixel]
            if relu and value <= zero:
                value = zero
            if pixel < owned:
                out[place(target + pixel * (out_step_across * outputs))] = value

    return kernel(correlate_channels, name=name, threads=LANES * ROWS, blocks=BLOCKS)


FORWARD = depthwise(forward_axis, "depthwise_forward")
INPUT_GRADIENT = depthwise(gradient_axis, "depthwise_input_gradient")


@kernel(threads=LANES * ROWS, blocks=BLOCKS)
def depthwise_weight_gradient(
    x: Floats, dy: Floats, parts: Floats,
    channels: Int, outputs: Int, height: Int, width: Int, out_height: Int, out_width: Int, taps: Int, kernel_width: Int,
    stride_down: Int, stride_across: Int, padding_down: Int, padding_across: Int,
    dilation_down: Int, dilation_across: Int, pixels: Int, part_pixels: Int,
):  # fmt: skip
    """The sums over the pixels of each part; parts (parts, outputs, taps)."""
    shared_sums = cuda.shared.array(PARTIAL_SUMS, x.dtype)
    zero = x.dtype.type(0)
    lane, row = narrow(cuda.threadIdx.x), narrow(cuda.threadIdx.y)
    output = narrow(cuda.blockIdx.y * LANES + lane)
    channel = divide(output, divide(outputs, channels))
    first_tap = narrow(cuda.blockIdx.z * GRADIENT_TAPS)
    downs = cuda.local.array(GRADIENT_TAPS, int32)
    acrosses = cuda.local.array(GRADIENT_TAPS, int32)
    offsets = cuda.local.array(GRADIENT_TAPS, int32)
    sums = cuda.local.array(GRADIENT_TAPS, x.dtype)
    for tap in range(GRADIENT_TAPS):
        down = divide(first_tap + tap, kernel_width) * dilation_down - padding_down
        across = remainder(first_tap + tap, kernel_width) * dilation_across - padding_across
        downs[tap] = narrow(down if first_tap + tap < taps else FAR)
        acrosses[tap] = narrow(across)
        offsets[tap] = narrow((down * width + across) * channels)
        sums[tap] = zero

    end = narrow(min(pixels, (cuda.blockIdx.x + 1) * part_pixels)) if output < outputs else narrow(0)
    pixel = narrow(cuda.blockIdx.x * part_pixels + row)
    line = divide(pixel, out_width)
    j, i = narrow(remainder(pixel, out_width)), narrow(remainder(line, out_height))
    image = narrow(divide(line, out_height))
    while pixel < end:
        cotangent = dy[place(pixel * outputs + output)]
        top, left = narrow(i * stride_down), narrow(j * stride_across)
        start = ((image * height + top) * width + left) * channels + channel
        for tap in range(GRADIENT_TAPS):
            line_row, column = narrow(top + downs[tap]), narrow(left + acrosses[tap])
            if line_row >= 0 and line_row < height and column >= 0 and column < width:
                sums[tap] += cotangent * x[place(start + offsets[tap])]
        pixel = narrow(pixel + ROWS)
        j, i, image = advanced(j, i, image, ROWS, out_width, out_height)

    for tap in range(GRADIENT_TAPS):
        shared_sums[place((tap * ROWS + row) * LANES + lane)] = sums[tap]
    cuda.syncthreads()
    for tap in range(row, GRADIENT_TAPS, ROWS):
        if first_tap + tap < taps and output < outputs:
            total = zero
            for other in range(ROWS):
                total += shared_sums[place((tap * ROWS + other) * LANES + lane)]
            parts[place((cuda.blockIdx.x * outputs + output) * taps + first_tap + tap)] = total
