"""Normalisation of rows: each row of a matrix by its own mean and variance.

Sums over a row are formed in blocks of ``BLOCK`` numbers, by vectors in the type of the numbers; sums of blocks are
float64. A block's deviations are taken from its own mean, and blocks are put together as pieces are in
``normalization.channel_moments``. So nothing large cancels: the variance of float32 numbers is off by 1e-6 of itself at
most, whatever the mean. The sums over rows (the gradients of weight and bias) are formed in groups of at most
``MOST_ROWS`` rows, which depend on the shape alone, and sums of groups are float64, too: the same bits for any number
of threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import exact_helper, helper, kernel
from tinyconv.backends.cpu.memory import in_memory_order
from tinyconv.backends.cpu.normalization import pieces_of
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.pieces import piece_bounds
from tinyconv.backends.cpu.register_tile import small_code
from tinyconv.backends.cpu.vectors import use_widest_vectors
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray

BLOCK = 1024
"""Numbers: so few that each of the partial sums in a vector has a few dozen."""

MOST_ROWS, GROUPS, GROUP_NUMBERS = 64, 8, 4096
"""A group has at most so many rows; there are at least so many groups where each has that many numbers or more."""


@helper
def sum_of(block):
    use_widest_vectors()
    total = block.dtype.type(0)
    for i in range(block.size):
        total += block[i]
    return total


@helper
def sums_of_deviations(block, centre):
    """The sums of x - centre and of its square."""
    use_widest_vectors()
    total, squares = block.dtype.type(0), block.dtype.type(0)
    for i in range(block.size):
        deviation = block[i] - centre
        total += deviation
        squares += deviation * deviation
    return total, squares


@helper
def moments_of_row(row, centred):
    """The mean and the biased variance; unless ``centred``, 0 and the mean of the squares."""
    mean, squares, count = 0.0, 0.0, 0
    for start in range(0, row.size, BLOCK):
        block = row[start : min(start + BLOCK, row.size)]
        centre = sum_of(block) / block.dtype.type(block.size) if centred else block.dtype.type(0)
        total, own_squares = sums_of_deviations(block, centre)
        squares += own_squares
        if centred:
            offset = np.float64(total) / block.size
            distance = centre + offset - mean
            share = block.size / (count + block.size)
            mean += distance * share
            squares += distance * distance * share * count - offset * total
        count += block.size
    return mean, squares / count


@exact_helper
def write_normalised(x, centre, factor, rest, weight, bias, y):
    use_widest_vectors()
    for i in range(x.size):
        y[i] = ((x[i] - centre) * factor + rest) * weight[i] + bias[i]


@kernel
def normalize_rows(pieces, x, weight, bias, eps, centred, mean, inverse_std, y):
    """Fill ``y`` (M, D), and ``mean`` and ``inverse_std``, float64 (M,)."""
    kind = x.dtype.type
    for index in prange(pieces):
        first, end = piece_bounds(index, pieces, x.shape[0])
        for row in range(first, end):
            centre, variance = moments_of_row(x[row], centred)
            factor = 1 / np.sqrt(variance + eps)
            mean[row], inverse_std[row] = centre, factor
            rest = (kind(centre) - centre) * factor  # what rounding the mean loses
            write_normalised(x[row], kind(centre), kind(factor), kind(rest), weight, bias, y[row])


def row_norm(
    x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float, centred: bool
) -> tuple[FloatArray, Array, Array]:
    """y = (x - mean) inverse_std weight + bias for the rows of x (M, D), and their mean and inverse_std, (M,) float64.

    Unless ``centred`` the mean counts as 0. ``weight``, ``bias``: (D,).
    """
    x, y = np.require(x, requirements=["C", "W"]), layout.empty(x.shape, x.dtype)
    mean, inverse_std = np.empty((2, len(x)))
    if x.size:
        arguments = _factor(weight, x, 1), _factor(bias, x, 0), float(eps), centred
        launch(normalize_rows, pieces_of(x), x, *arguments, mean, inverse_std, y)
    return y, mean, inverse_std


@helper
def sums_of_products(dy, x, centre, weight):
    """The sums of g = dy weight and of g (x - centre)."""
    use_widest_vectors()
    total, products = dy.dtype.type(0), dy.dtype.type(0)
    for i in range(dy.size):
        cotangent = dy[i] * weight[i]
        total += cotangent
        products += cotangent * (x[i] - centre)
    return total, products


@helper
def gradient_factors(dy, x, mean, inverse_std, weight, centred, factors):
    """Of a row: centre, factor and rest as for ``write_normalised``, and slope and shift of dx."""
    small_code()
    kind, size = x.dtype.type, x.size
    centre = kind(mean)
    lost = centre - mean
    total, products = 0.0, 0.0
    for start in range(0, size, BLOCK):
        end = min(start + BLOCK, size)
        sums = sums_of_products(dy[start:end], x[start:end], centre, weight[start:end])
        total += sums[0]
        products += sums[1]
    slope = -(inverse_std**3) * (products + lost * total) / size
    factors[0], factors[1], factors[2] = centre, inverse_std, lost * inverse_std
    factors[3], factors[4] = slope, slope * lost - (inverse_std * total / size if centred else 0.0)


@exact_helper
def write_gradients(dy, x, factors, weight, dx, dweight, dbias):
    """dx = factor dy weight + slope (x - centre) + shift, and the row's parts of dweight and dbias."""
    use_widest_vectors()
    centre, factor, rest, slope, shift = factors[0], factors[1], factors[2], factors[3], factors[4]
    for i in range(x.size):
        deviation = x[i] - centre
        dx[i] = factor * (dy[i] * weight[i]) + (slope * deviation + shift)
        dweight[i] += dy[i] * (deviation * factor + rest)
        dbias[i] += dy[i]


@exact_helper
def write_two_gradients(dy0, dy1, x0, x1, f0, f1, weight, dx0, dx1, dweight, dbias):
    """As ``write_gradients`` for two rows, which read weight, dweight and dbias together."""
    use_widest_vectors()
    centre0, factor0, rest0, slope0, shift0 = f0[0], f0[1], f0[2], f0[3], f0[4]
    centre1, factor1, rest1, slope1, shift1 = f1[0], f1[1], f1[2], f1[3], f1[4]
    for i in range(x0.size):
        deviation0, deviation1 = x0[i] - centre0, x1[i] - centre1
        dx0[i] = factor0 * (dy0[i] * weight[i]) + (slope0 * deviation0 + shift0)
        dx1[i] = factor1 * (dy1[i] * weight[i]) + (slope1 * deviation1 + shift1)
        dweight[i] += dy0[i] * (deviation0 * factor0 + rest0) + dy1[i] * (deviation1 * factor1 + rest1)
        dbias[i] += dy0[i] + dy1[i]


@helper
def gradients_of_group(dy, x, first, end, mean, inverse_std, weight, centred, factors, dx, few):
    few[:] = 0
    for row in range(first, end, 2):
        for place in range(row, min(row + 2, end)):
            gradient_factors(dy[place], x[place], mean[place], inverse_std[place], weight, centred, factors[place])
        if row + 1 == end:
            write_gradients(dy[row], x[row], factors[row], weight, dx[row], few[0], few[1])
        else:
            write_two_gradients(
                dy[row], dy[row + 1], x[row], x[row + 1], factors[row], factors[row + 1],
                weight, dx[row], dx[row + 1], few[0], few[1],
            )  # fmt: skip


@helper
def add_groups(few, first, end, sums, vector):
    for i in range(first, end):
        sums[i] = 0
    for group in range(few.shape[0]):
        for i in range(first, end):
            sums[i] += few[group, i]
    for i in range(first, end):
        vector[i] = sums[i]


@kernel
def row_gradients(dy, x, mean, inverse_std, weight, centred, factors, few, sums, dx, vectors):
    """Fill ``dx`` (M, D), and dweight and dbias, the rows of ``vectors`` (2, D).

    Working memory: ``factors`` (M, 5), ``few`` (groups, 2, D), ``sums`` (2, D) in float64.
    """
    groups = few.shape[0]
    for index in prange(groups):
        group = np.int64(index)
        first, end = piece_bounds(group, groups, x.shape[0])
        gradients_of_group(dy, x, first, end, mean, inverse_std, weight, centred, factors, dx, few[group])
    blocks = (x.shape[1] + BLOCK - 1) // BLOCK
    for index in prange(2 * blocks):
        which = np.int64(index) % 2
        first, end = piece_bounds(np.int64(index) // 2, blocks, x.shape[1])
        add_groups(few[:, which], first, end, sums[which], vectors[which])


def row_norm_gradient(
    dy: FloatArray, x: FloatArray, mean: Array, inverse_std: Array, weight: FloatArray | None, centred: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(dx, dweight, dbias) of ``row_norm``, where mean and inverse_std are functions of x.

    With g = dy weight, x^ = (x - mean) inverse_std and means over the row:

        dx = inverse_std (g - mean of g - x^ mean of g x^),  dweight = sum of dy x^,  dbias = sum of dy

    without the mean of g unless ``centred``.
    """
    dy, x = np.require(dy, requirements=["C", "W"]), np.require(x, requirements=["C", "W"])
    length, size = x.shape
    dx = layout.empty(x.shape, x.dtype)
    if x.size == 0:
        return dx, np.zeros(size, x.dtype), np.zeros(size, x.dtype)
    groups = max(-(-length // MOST_ROWS), min(length, GROUPS, -(-x.size // GROUP_NUMBERS)))
    factors, few = (layout.empty(shape, x.dtype) for shape in ((length, 5), (groups, 2, size)))
    sums, vectors = layout.empty((2, size), np.float64), np.empty((2, size), x.dtype)
    arguments = dy, x, mean, inverse_std, _factor(weight, x, 1), centred
    launch(row_gradients, *arguments, factors, few, sums, dx, vectors)
    return dx, vectors[0], vectors[1]


def _factor(values: FloatArray | None, x: FloatArray, neutral: float) -> FloatArray:
    return np.full(x.shape[1], neutral, x.dtype) if values is None else in_memory_order(values)
