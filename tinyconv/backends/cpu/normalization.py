"""Batch normalisation: statistics of each channel over all images and pixels, and the gradient through them.

Pixels are cut into pieces whose number depends on the shape alone. Each piece is summed up in float64, and the pieces
are put together in order: no cancellation, and the same bits for any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.parallel import launch
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray

PIECE_NUMBERS = 16 * 1024
"""Numbers in a piece: it is read twice, the second time from the core's own cache."""

MOST_PIECES = 256


def _rows(array: FloatArray) -> FloatArray:
    """(N, C, H, W) as (N H W, C)."""
    images, channels, height, width = array.shape
    return layout.nhwc(array).reshape(images * height * width, channels)


def _pieces(rows: FloatArray) -> int:
    """Into how many pieces to cut ``rows``; each has a row at least, since the mean of none would be 0 / 0."""
    return max(1, min(MOST_PIECES, rows.shape[0], rows.size // PIECE_NUMBERS))


def _non_finite_allowed() -> np.errstate:
    """Sums that are too large for float32 become infinite without a warning from NumPy, as they do in the kernels."""
    return np.errstate(over="ignore", invalid="ignore")


@helper
def moments_of_piece(rows, first, end, sums, squares):
    """sums = sum of x, squares = sum of (x - mean of the piece)^2, over the rows [first, end)."""
    channels = rows.shape[1]
    for c in range(channels):
        sums[c] = 0
        squares[c] = 0
    for row in range(first, end):
        for c in range(channels):
            sums[c] += rows[row, c]
    for row in range(first, end):
        for c in range(channels):
            deviation = rows[row, c] - sums[c] / (end - first)
            squares[c] += deviation * deviation


@kernel
def piecewise_moments(rows, sums, squares):
    """Fill ``sums`` and ``squares``, float64 (pieces, C)."""
    pieces = sums.shape[0]
    for index in prange(pieces):
        piece = np.int64(index)
        first, end = rows.shape[0] * piece // pieces, rows.shape[0] * (piece + 1) // pieces
        moments_of_piece(rows, first, end, sums[piece], squares[piece])


def batch_norm_statistics(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and biased variance of every channel of x (N, C, H, W), both (C,).

    Moments of pieces are merged as in Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances" (1979):  M2 = sum of the pieces' M2 + sum of size (mean of the piece - mean)^2.
    """
    rows = _rows(x)
    pieces = _pieces(rows)
    sums, squares = np.empty((2, pieces, rows.shape[1]))
    launch(piecewise_moments, rows, sums, squares)
    edges = rows.shape[0] * np.arange(pieces + 1) // pieces
    sizes = np.diff(edges)[:, None]
    with _non_finite_allowed():
        mean = sums.sum(axis=0) / rows.shape[0]
        variance = (squares.sum(axis=0) + (sizes * (sums / sizes - mean) ** 2).sum(axis=0)) / rows.shape[0]
        return mean.astype(x.dtype), variance.astype(x.dtype)


@kernel
def scale_and_shift(rows, mean, scale, shift, out):
    """out[row, c] = (rows[row, c] - mean[c]) scale[c] + shift[c]."""
    for row in prange(rows.shape[0]):
        for c in range(rows.shape[1]):
            out[row, c] = (rows[row, c] - mean[c]) * scale[c] + shift[c]


def batch_norm(
    x: FloatArray, mean: FloatArray, inverse_std: FloatArray, weight: FloatArray | None, bias: FloatArray | None
) -> FloatArray:
    """y = (x - mean) inverse_std weight + bias, channel by channel; x (N, C, H, W), the others (C,)."""
    y = layout.empty(x.shape, x.dtype)
    if y.size:
        with _non_finite_allowed():
            scale = np.array(inverse_std if weight is None else inverse_std * weight, x.dtype)
        shift = np.zeros(x.shape[1], x.dtype) if bias is None else np.array(bias, x.dtype)
        launch(scale_and_shift, _rows(x), np.array(mean, x.dtype), scale, shift, _rows(y))
    return y


@helper
def gradient_sums_of_piece(dy, x, first, end, mean, dy_sums, product_sums):
    channels = x.shape[1]
    for c in range(channels):
        dy_sums[c] = 0
        product_sums[c] = 0
    for row in range(first, end):
        for c in range(channels):
            dy_sums[c] += dy[row, c]
            product_sums[c] += dy[row, c] * (x[row, c] - mean[c])


@kernel
def piecewise_gradient_sums(dy, x, mean, dy_sums, product_sums):
    """Fill ``dy_sums`` with sums of dy and ``product_sums`` with sums of dy (x - mean), float64 (pieces, C)."""
    pieces = dy_sums.shape[0]
    for index in prange(pieces):
        piece = np.int64(index)
        first, end = x.shape[0] * piece // pieces, x.shape[0] * (piece + 1) // pieces
        gradient_sums_of_piece(dy, x, first, end, mean, dy_sums[piece], product_sums[piece])


@kernel
def combine_gradient(dy, x, mean, dy_scale, x_scale, shift, dx):
    """dx[row, c] = dy_scale[c] dy[row, c] + x_scale[c] (x[row, c] - mean[c]) + shift[c]."""
    for row in prange(x.shape[0]):
        for c in range(x.shape[1]):
            dx[row, c] = dy_scale[c] * dy[row, c] + x_scale[c] * (x[row, c] - mean[c]) + shift[c]


def batch_norm_gradient(
    dy: FloatArray, x: FloatArray, mean: FloatArray, inverse_std: FloatArray, weight: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(dx, dweight, dbias) of training-mode batch normalisation, where mean and inverse_std are functions of x.

    With x^ = (x - mean) inverse_std and M numbers in a channel (Ioffe & Szegedy, "Batch Normalization", 2015):

        dbias = sum of dy,  dweight = sum of dy x^,  dx = weight inverse_std (dy - dbias / M - x^ dweight / M)
    """
    dx = layout.empty(x.shape, x.dtype)
    channels = x.shape[1]
    if x.size == 0:
        return dx, np.zeros(channels, x.dtype), np.zeros(channels, x.dtype)
    dy_rows, rows = _rows(dy), _rows(x)
    pieces, count = _pieces(rows), rows.shape[0]
    centre = np.array(mean, x.dtype)
    dy_sums, product_sums = np.empty((2, pieces, channels))
    launch(piecewise_gradient_sums, dy_rows, rows, centre, dy_sums, product_sums)
    with _non_finite_allowed():
        dbias = dy_sums.sum(axis=0)
        precise_std = inverse_std.astype(np.float64)
        dweight = product_sums.sum(axis=0) * precise_std
        dy_scale = precise_std if weight is None else precise_std * weight
        x_scale = -dy_scale * precise_std * dweight / count
        shift = -dy_scale * dbias / count
        factors = [factor.astype(x.dtype) for factor in (dy_scale, x_scale, shift)]
        launch(combine_gradient, dy_rows, rows, centre, *factors, _rows(dx))
        return dx, dweight.astype(x.dtype), dbias.astype(x.dtype)


@helper
def sums_of_piece(rows, first, end, sums):
    for c in range(rows.shape[1]):
        sums[c] = 0
    for row in range(first, end):
        for c in range(rows.shape[1]):
            sums[c] += rows[row, c]


@kernel
def piecewise_sums(rows, sums):
    """Fill ``sums``, float64 (pieces, C)."""
    pieces = sums.shape[0]
    for index in prange(pieces):
        piece = np.int64(index)
        first, end = rows.shape[0] * piece // pieces, rows.shape[0] * (piece + 1) // pieces
        sums_of_piece(rows, first, end, sums[piece])


def channel_sum(dy: FloatArray) -> FloatArray:
    """The sum of dy (N, C, H, W) over all but its channels, (C,): the gradient of a bias."""
    rows: Array = _rows(dy)
    if rows.size == 0:
        return np.zeros(dy.shape[1], dy.dtype)
    sums = np.empty((_pieces(rows), rows.shape[1]))
    launch(piecewise_sums, rows, sums)
    with _non_finite_allowed():
        total: FloatArray = sums.sum(axis=0).astype(dy.dtype)
    return total
