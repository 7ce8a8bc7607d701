"""Batch normalisation: two passes over the maps forward and two backward, with what surrounds it done on the way.

With xhat = (x - mean) / sqrt(variance + eps) over the M pixels of a channel, and g the cotangent past the rectifier:

    y = xhat weight + bias,   + residual,   max(., 0)
    dbias = sum g,   dweight = sum g xhat,   dx = weight / sqrt(variance + eps) (g - dbias / M - xhat dweight / M)

A pass runs over the numbers in memory order. Factors of channels are repeated until they fill a few vectors, so that
the inner loop is long whatever the number of channels. Sums are kept in float64, by pieces whose number depends on the
shape alone, and put together in order: no cancellation, and the same bits for any number of threads.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from tinyconv.backends.cpu.compilation import helper, kernel_of_loops
from tinyconv.backends.cpu.jobs import run_jobs
from tinyconv.backends.cpu.memory import in_memory_order
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import small_code
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray

PIECE_NUMBERS, MOST_PIECES = 16 * 1024, 256

WIDTH = 512
"""Numbers that an inner loop covers at least: factors of fewer channels are repeated."""

FEW_ROWS = 64
"""Rows of that width are added up in the type of the numbers; sums of more are kept in float64."""


@helper
def add_repeats(sums, channels):
    """Of sums for repeated channels: those for each channel, in front."""
    small_code()
    for start in range(channels, sums.shape[0], channels):
        for c in range(channels):
            sums[c] += sums[start + c]


@helper
def add_moments(x, centre, sums, squares):
    """Add x - centre and its square, four rows at a time: a quarter of the traffic of the sums."""
    width, place = centre.shape[0], 0
    while place + 4 * width <= x.shape[0]:
        x0, x1 = x[place : place + width], x[place + width : place + 2 * width]
        x2, x3 = x[place + 2 * width : place + 3 * width], x[place + 3 * width : place + 4 * width]
        for c in range(width):
            d0, d1, d2, d3 = x0[c] - centre[c], x1[c] - centre[c], x2[c] - centre[c], x3[c] - centre[c]
            sums[c] += (d0 + d1) + (d2 + d3)
            squares[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
        place += 4 * width
    for start in range(place, x.shape[0], width):
        source = x[start : min(start + width, x.shape[0])]
        for c in range(source.shape[0]):
            distance = source[c] - centre[c]
            sums[c] += distance
            squares[c] += distance * distance


@helper
def add_few(few, sums, others):
    """Add sums over a few rows to those over a piece, and begin anew."""
    for c in range(sums.shape[0]):
        sums[c] += few[0, c]
        others[c] += few[1, c]
    few[:] = 0


@helper
def moments_of_piece(x, channels, few, sums, squares, centre):
    """Sums of x - centre and of its square, the centre being the piece's first pixel: nothing large cancels."""
    width = sums.shape[0]
    few[:] = 0
    for start in range(0, width, channels):
        for c in range(channels):
            few[2, start + c] = x[c] if abs(x[c]) < np.inf else few[2, start + c]
    for c in range(channels):
        centre[c] = few[2, c]
    sums[:] = 0
    squares[:] = 0
    for start in range(0, x.shape[0], FEW_ROWS * width):
        add_moments(x[start : min(start + FEW_ROWS * width, x.shape[0])], few[2], few[0], few[1])
        add_few(few[:2], sums, squares)
    add_repeats(sums, channels)
    add_repeats(squares, channels)


@helper
def merge_moments(bounds, centres, sums, squares, mean, variance):
    """Moments of pieces merged as in Chan, Golub & LeVeque (1979), see ``normalization.channel_moments``."""
    small_code()
    channels = mean.shape[0]
    pixels = bounds[-1] // channels
    mean[:] = 0
    variance[:] = 0
    for piece in range(sums.shape[0]):
        count = (bounds[piece + 1] - bounds[piece]) // channels
        for c in range(channels):
            mean[c] += sums[piece, c] + centres[piece, c] * count
    for c in range(channels):
        mean[c] /= pixels
    for piece in range(sums.shape[0]):
        count = (bounds[piece + 1] - bounds[piece]) // channels
        for c in range(channels):
            own_mean = sums[piece, c] / count
            distance = centres[piece, c] + own_mean - mean[c]
            variance[c] += squares[piece, c] - count * own_mean * own_mean + count * distance * distance
    for c in range(channels):
        variance[c] = 0.0 if variance[c] < 0 else variance[c] / pixels


@helper
def repeat(factors, channels):
    """Repeat the factors of the channels, in front of each row, to its end."""
    small_code()
    for start in range(channels, factors.shape[1], channels):
        for c in range(channels):
            for row in range(factors.shape[0]):
                factors[row, start + c] = factors[row, c]


@helper
def affine_factors(mean, variance, weight, bias, eps, factors):
    """factors = centre, scale, shift of y = (x - centre) scale + shift, which makes good what rounding a mean loses."""
    small_code()
    channels = mean.shape[0]
    for c in range(channels):
        scale = weight[c] / math.sqrt(variance[c] + eps)
        factors[0, c] = mean[c]
        lost = np.float64(factors[0, c]) - mean[c]
        factors[1, c] = scale
        factors[2, c] = bias[c] + (lost * scale if lost == lost else 0.0)
    repeat(factors, channels)


@helper
def affine_piece(x, residual, relu, first, end, factors, y):
    """y = (x - centre) scale + shift, + residual unless that is empty, max(., 0) if asked for. NaN passes."""
    centre, scale, shift = factors[0], factors[1], factors[2]
    zero, width = factors.dtype.type(0), factors.shape[1]
    for place in range(first, end, width):
        source, target = x[place : min(place + width, end)], y[place : min(place + width, end)]
        if residual.size:
            added = residual[place : place + source.shape[0]]
            for c in range(source.shape[0]):
                value = (source[c] - centre[c]) * scale[c] + shift[c] + added[c]
                target[c] = zero if relu & (value <= zero) else value
        else:
            for c in range(source.shape[0]):
                value = (source[c] - centre[c]) * scale[c] + shift[c]
                target[c] = zero if relu & (value <= zero) else value


@helper
def sum_up_piece(piece, x, channels, bounds, few, sums):
    """``moments_of_piece`` of one of the pieces."""
    own = x[bounds[piece] : bounds[piece + 1]]
    moments_of_piece(own, channels, few[piece], sums[0, piece], sums[1, piece], sums[2, piece])


@helper
def normalise_piece(piece, x, residual, relu, bounds, factors, y):
    """``affine_piece`` of one of the pieces."""
    affine_piece(x, residual, relu, bounds[piece], bounds[piece + 1], factors, y)


@kernel_of_loops
def normalise_batch(x, residual, relu, weight, bias, eps, measured, bounds, few, sums, mean, variance, factors, y):
    """Fill ``y``, and ``mean`` and ``variance``, float64 (C,), unless they are ``measured``; piece by piece."""
    pieces = bounds.shape[0] - 1
    if not measured:
        run_jobs(sum_up_piece, pieces, (x, mean.shape[0], bounds, few, sums))
        merge_moments(bounds, sums[2], sums[0], sums[1], mean, variance)
    affine_factors(mean, variance, weight, bias, eps, factors)
    run_jobs(normalise_piece, pieces, (x, residual, relu, bounds, factors, y))


@functools.lru_cache(maxsize=256)
def bounds_of_pieces(size: int, channels: int) -> Array:
    """Where the pieces of an array begin and end, int64 (pieces + 1,): whole pixels, at least one in each."""
    pixels = size // channels
    pieces = max(1, min(MOST_PIECES, pixels, size // PIECE_NUMBERS))
    return np.arange(pieces + 1) * pixels // pieces * channels


def width_of(channels: int) -> int:
    """How long the factors are, repeated."""
    return channels * max(1, WIDTH // channels)


def vectors(x: FloatArray, weight: FloatArray | None, bias: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Weight and bias as the kernels take them; one that is left out changes nothing."""
    channels = x.shape[1]
    return (
        np.ones(channels, x.dtype) if weight is None else in_memory_order(weight),
        np.zeros(channels, x.dtype) if bias is None else in_memory_order(bias),
    )


def batch_norm(
    x: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    eps: float,
    statistics: tuple[Array, Array] | None,
    residual: FloatArray | None,
    relu: bool,
) -> tuple[FloatArray, Array, Array]:
    """y = (x - mean) / sqrt(variance + eps) weight + bias, + residual, max(., 0), and mean and variance, float64 (C,).

    x and residual (N, C, H, W), weight and bias (C,); ``statistics`` are mean and variance where they are not x's own.
    """
    channels = x.shape[1]
    y = layout.empty(x.shape, x.dtype)
    mean, variance = np.empty((2, channels)) if statistics is None else statistics
    if y.size:
        bounds, width = bounds_of_pieces(x.size, channels), width_of(channels)
        pieces = len(bounds) - 1 if statistics is None else 0
        few, sums = np.empty((pieces, 3, width), x.dtype), np.empty((3, pieces, width))
        flat, target = in_memory_order(x), in_memory_order(y)
        added = target[:0] if residual is None else in_memory_order(residual)
        parameters = (*vectors(x, weight, bias), float(eps), statistics is not None)
        factors = np.empty((3, width), x.dtype)
        launch(normalise_batch, flat, added, relu, *parameters, bounds, few, sums, mean, variance, factors, target)
    return y, mean, variance
