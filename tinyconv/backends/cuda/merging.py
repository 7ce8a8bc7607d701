"""The sums of pieces put together, and what follows from them for each channel: in float64, by one small kernel each.

A block's threads lie along the channels, and down the pieces of a set of rows. Sums lie as ``pieces`` left them:
(pieces, 2, channels), with the pieces of one set after those of another.
"""

from __future__ import annotations

import math

import numba

from tinyconv.backends.cuda.compiler import cuda, helper
from tinyconv.backends.cuda.grids import THREADS
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.parameters import Double, Doubles, Floats, Int, Long
from tinyconv.backends.cuda.pieces import LINES


@helper
def sum_over_lines(shared, lane, line, lines, width):
    """The sum of what the block's lines have in ``shared``, one of ``width`` columns each: halves, and again."""
    cuda.syncthreads()
    step = lines // 2
    while step > 0:
        if line < step:
            shared[line * width + lane] += shared[(line + step) * width + lane]
        cuda.syncthreads()
        step //= 2
    return shared[lane]


@helper
def total_of_pieces(sums, which, pieces, channels, c, shared):
    """The sum number ``which`` of channel c, over all pieces of the block's set."""
    lane, line = cuda.threadIdx.x, cuda.threadIdx.y
    total = 0.0
    if c < channels:
        for piece in range(cuda.blockIdx.x * pieces + line, (cuda.blockIdx.x + 1) * pieces, cuda.blockDim.y):
            total += sums[(piece * LINES + which) * channels + c]
    cuda.syncthreads()
    shared[line * cuda.blockDim.x + lane] = total
    return sum_over_lines(shared, lane, line, cuda.blockDim.y, cuda.blockDim.x)


@helper
def affine_factors(mean, variance, weight, bias, eps, c, channels, factors):
    """factors = centre, scale, shift of y = (x - centre) scale + shift, which makes good what rounding a mean loses."""
    scale = (float(weight[c]) if weight.size else 1.0) / math.sqrt(variance + eps)
    factors[c] = mean
    lost = float(factors[c]) - mean
    factors[channels + c] = scale
    factors[2 * channels + c] = (float(bias[c]) if bias.size else 0.0) + (lost * scale if lost == lost else 0.0)


@kernel
def merge_moments(
    centres: Floats, sums: Doubles, length: Long, size: Long, pieces: Int, channels: Int, mean: Doubles,
    variance: Doubles, weight: Floats, bias: Floats, eps: Double, factors: Floats,
):  # fmt: skip
    """Mean and biased variance, (sets, C), and the factors of batch normalisation, (3, C), unless they get no room."""
    shared = cuda.shared.array(THREADS, numba.float64)
    lane, line, lines = cuda.threadIdx.x, cuda.threadIdx.y, cuda.blockDim.y
    c, begin = cuda.blockIdx.y * cuda.blockDim.x + lane, cuda.blockIdx.x * pieces
    total = 0.0
    if c < channels:
        for piece in range(line, pieces, lines):
            count, place = min(size, length - piece * size), begin + piece
            total += sums[place * LINES * channels + c] + float(centres[place * channels + c]) * count
    shared[line * cuda.blockDim.x + lane] = total
    average = sum_over_lines(shared, lane, line, lines, cuda.blockDim.x) / length
    squares = 0.0
    if c < channels:
        for piece in range(line, pieces, lines):
            count, place = min(size, length - piece * size), begin + piece
            own = sums[place * LINES * channels + c] / count
            distance = float(centres[place * channels + c]) + own - average
            squares += sums[(place * LINES + 1) * channels + c] + count * (distance * distance - own * own)
    cuda.syncthreads()
    shared[line * cuda.blockDim.x + lane] = squares
    spread = sum_over_lines(shared, lane, line, lines, cuda.blockDim.x) / length
    if line == 0 and c < channels:
        spread = 0.0 if spread < 0 else spread
        mean[cuda.blockIdx.x * channels + c] = average
        variance[cuda.blockIdx.x * channels + c] = spread
        if factors.size:
            affine_factors(average, spread, weight, bias, eps, c, channels, factors)


@kernel
def batch_factors(
    mean: Doubles, variance: Doubles, weight: Floats, bias: Floats, eps: Double, is_open: Int, factors: Floats
):
    """The factors of batch normalisation with given statistics, (3, C); ``is_open``: of (x - centre) 0 + 1 instead."""
    c = cuda.grid(1)
    if c < mean.size:
        affine_factors(mean[c], variance[c], weight, bias, eps, c, mean.size, factors)
        if is_open:
            factors[mean.size + c], factors[2 * mean.size + c] = 0, 1


@kernel
def rounded_factors(mean: Doubles, scale: Doubles, shift: Doubles, factors: Floats):
    """factors = centre, scale, shift, (3, sets, C), of y = (x - mean) scale + shift, in the type of the numbers."""
    i = cuda.grid(1)
    if i < mean.size:
        factors[i] = mean[i]
        lost = float(factors[i]) - mean[i]
        factors[mean.size + i] = scale[i]
        factors[2 * mean.size + i] = shift[i] + (lost * scale[i] if abs(lost) < math.inf else 0.0)


@kernel
def open_gate(mean: Doubles, gate: Floats):
    """The gate of a rectifier that lets all pass, (3, sets, C): it sees (x - centre) 0 + 1."""
    i = cuda.grid(1)
    if i < mean.size:
        gate[i], gate[mean.size + i], gate[2 * mean.size + i] = mean[i], 0, 1


@kernel
def combination_factors(
    mean: Doubles, dy_scale: Doubles, x_scale: Doubles, shift: Doubles, gate: Floats, factors: Floats
):
    """Such a gate, and a, b and c of dx = a dy + b (x - centre) + c, (3, sets, C), in the type of the numbers."""
    i = cuda.grid(1)
    if i < mean.size:
        gate[i], gate[mean.size + i], gate[2 * mean.size + i] = mean[i], 0, 1
        lost = float(gate[i]) - mean[i]
        factors[i], factors[mean.size + i] = dy_scale[i], x_scale[i]
        factors[2 * mean.size + i] = shift[i] + lost * x_scale[i]


@kernel
def merge_products(
    sums: Doubles, pieces: Int, channels: Int, mean: Doubles, gate: Floats, dy_sums: Doubles, products: Doubles
):
    """The sums of dy and of dy (x - mean), (sets, C), from those with the centre that the gate has for the mean."""
    shared = cuda.shared.array(THREADS, numba.float64)
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    total = total_of_pieces(sums, 0, pieces, channels, c, shared)
    product = total_of_pieces(sums, 1, pieces, channels, c, shared)
    if cuda.threadIdx.y == 0 and c < channels:
        i = cuda.blockIdx.x * channels + c
        dy_sums[i] = total
        products[i] = product + (float(gate[i]) - mean[i]) * total


@kernel
def merge_batch_products(
    sums: Doubles, rows: Long, pieces: Int, channels: Int, fixed: Int, mean: Doubles, variance: Doubles,
    weight: Floats, eps: Double, gate: Floats, factors: Floats, dweight: Floats, dbias: Floats,
):  # fmt: skip
    """dweight and dbias of batch normalisation, and the factors a, b, c of dx = a g + b (x - centre) + c."""
    shared = cuda.shared.array(THREADS, numba.float64)
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    total = total_of_pieces(sums, 0, pieces, channels, c, shared)
    product = total_of_pieces(sums, 1, pieces, channels, c, shared)
    if cuda.threadIdx.y == 0 and c < channels:
        inverse_std = 1.0 / math.sqrt(variance[c] + eps)
        lost = float(gate[c]) - mean[c]
        scale = (float(weight[c]) if weight.size else 1.0) * inverse_std
        slope = (product + lost * total) * inverse_std
        projection = -scale * inverse_std * slope / rows
        dweight[c], dbias[c] = slope, total
        factors[c] = scale
        factors[channels + c] = 0.0 if fixed else projection
        factors[2 * channels + c] = 0.0 if fixed else lost * projection - scale * total / rows


@kernel
def merge_sums(sums: Doubles, pieces: Int, channels: Int, totals: Floats):
    """The sum over all pieces, in the type of the numbers."""
    shared = cuda.shared.array(THREADS, numba.float64)
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    total = total_of_pieces(sums, 0, pieces, channels, c, shared)
    if cuda.threadIdx.y == 0 and c < channels:
        totals[c] = total


@kernel
def merge_row_gradients(sums: Doubles, pieces: Int, channels: Int, dweight: Floats, dbias: Floats):
    """dweight and dbias of the normalisation of rows: both sums over all pieces, in the type of the numbers."""
    shared = cuda.shared.array(THREADS, numba.float64)
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    total = total_of_pieces(sums, 0, pieces, channels, c, shared)
    product = total_of_pieces(sums, 1, pieces, channels, c, shared)
    if cuda.threadIdx.y == 0 and c < channels:
        dbias[c], dweight[c] = total, product
