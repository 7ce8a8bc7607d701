"""The passes around a product of matrices: weights turned over before it, partial sums added up after it."""

from __future__ import annotations

from numba import float32, int32

from tinyconv.backends.cuda.compiler import cuda, divide, remainder
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.parameters import Address, Int
from tinyconv.backends.cuda.tensor_cores.instructions import (
    further,
    load_float,
    load_float_if,
    round_to_tf32,
    store_float,
)

SIDE = 32
"""Rows and columns of the tile that a block turns over."""

PITCH = SIDE + 1
"""of the tile in shared memory, so that the numbers of a column are in different banks"""

HEIGHT = 8
"""Rows of threads in such a block."""

THREADS = 256
"""In a block whose threads take a number each."""

AT_ONCE = 8
"""Partial sums that a thread asks for before it waits for the first."""


@kernel(threads=SIDE * HEIGHT, least=(8, 0))
def transpose_weight(weight: Address, transposed: Address, outputs: Int, channels: Int, taps: Int, rounds: Int):
    """transposed[group, c, tap, k] = weight[group, k, tap, c], so that an input gradient reads along k; as TF32 if
    ``rounds``.
    """
    tile = cuda.shared.array((SIDE, PITCH), float32)
    tap, group = remainder(cuda.blockIdx.z, taps), divide(cuda.blockIdx.z, taps)
    first_channel, first_output = cuda.blockIdx.x * SIDE, cuda.blockIdx.y * SIDE
    column = cuda.threadIdx.x
    for row in range(cuda.threadIdx.y, SIDE, HEIGHT):
        k, c = first_output + row, first_channel + column
        if k < outputs and c < channels:
            tile[row, column] = load_float(further(weight, ((group * outputs + k) * taps + tap) * channels + c))
    cuda.syncthreads()
    for row in range(cuda.threadIdx.y, SIDE, HEIGHT):
        c, k = first_channel + row, first_output + column
        if k < outputs and c < channels:
            number = round_to_tf32(tile[column, row]) if rounds != 0 else tile[column, row]
            store_float(further(transposed, ((group * channels + c) * taps + tap) * outputs + k), number)


@kernel(threads=THREADS, least=(8, 0))
def round_weight(weight: Address, rounded: Address, count: Int):
    """The nearest numbers of TF32, for tensor cores that read them without rounding."""
    index = int32(cuda.blockIdx.x * THREADS + cuda.threadIdx.x)
    if index < count:
        store_float(further(rounded, index), round_to_tf32(load_float(further(weight, index))))


@kernel(threads=THREADS, least=(8, 0))
def add_partial_sums(
    partial: Address,
    bias: Address,
    y: Address,
    pixels: Int,
    outputs: Int,
    down: Int,
    across: Int,
    y_pitch_image: Int,
    y_pitch_row: Int,
    y_pitch_pixel: Int,
    splits: Int,
    relu: Int,
):
    """y[n, p, q, k] = bias[k] + sum over splits of partial[split, pixel, k], in the order of the splits."""
    index = int32(cuda.blockIdx.x * THREADS + cuda.threadIdx.x)
    count = int32(pixels * outputs)
    if index < count:
        pixel = int32(divide(index, outputs))
        output = int32(index - pixel * outputs)
        total = float32(0)
        some = cuda.local.array(AT_ONCE, float32)
        for first in range(0, splits, AT_ONCE):
            for i in range(AT_ONCE):
                there = int32(1) if first + i < splits else int32(0)
                some[i] = load_float_if(further(partial, (first + i) * count + index), there)
            for i in range(AT_ONCE):
                total += some[i]
        total += load_float_if(further(bias, output), int32(1) if bias != 0 else int32(0))
        if relu != 0 and total <= float32(0):
            total = float32(0)
        row = int32(divide(pixel, across))
        image = int32(divide(row, down))
        p, q = int32(row - image * down), int32(pixel - row * across)
        place = further(further(y, image * y_pitch_image), int32(p * y_pitch_row + q * y_pitch_pixel + output))
        store_float(place, total)
