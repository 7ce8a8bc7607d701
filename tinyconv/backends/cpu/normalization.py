"""Normalisation over channels: the passes over all pixels that batch, group and instance normalisation consist of.

Their statistics are those of sets of images: of all of them (batch), or of each one by itself (group, instance). What
is computed for each channel of a set comes and goes in float64, (sets, C); the formulas that connect the passes stand
in ``tinyconv.ops.normalization``.

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


def pieces_of(rows: FloatArray, sets: int = 1) -> int:
    """Into how many pieces to cut each of the ``sets`` of ``rows``; each has a row at least: the mean of none is 0 / 0.

    The sets are equally long and follow each other, so that piece i of a set ends where a share of the whole does.
    """
    return max(1, min(MOST_PIECES // sets, rows.shape[0] // sets, rows.size // sets // PIECE_NUMBERS))


def _non_finite_allowed() -> np.errstate:
    """Sums that are too large for float32 become infinite without a warning from NumPy, as they do in the kernels."""
    return np.errstate(over="ignore", invalid="ignore")


def _centre(mean: Array, dtype: np.dtype[np.floating]) -> Array:
    """Means in the type of the elements. What that rounds off, the callers put right in float64 afterwards."""
    with _non_finite_allowed():
        return np.array(mean, dtype)


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


def channel_moments(x: FloatArray, sets: int) -> tuple[Array, Array]:
    """Mean and biased variance of every channel of x (N, C, H, W) in each of ``sets`` sets of images: (sets, C).

    Moments of pieces are merged as in Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances" (1979):  M2 = sum of the pieces' M2 + sum of size (mean of the piece - mean)^2.
    """
    rows = _rows(x)
    pieces, length, channels = pieces_of(rows, sets), rows.shape[0] // sets, rows.shape[1]
    sums, squares = np.empty((2, sets * pieces, channels))
    launch(piecewise_moments, rows, sums, squares)
    sums, squares = (array.reshape(sets, pieces, channels) for array in (sums, squares))
    sizes = np.diff(length * np.arange(pieces + 1) // pieces)[:, None]
    with _non_finite_allowed():
        mean = sums.sum(axis=1) / length
        merged = squares.sum(axis=1) + (sizes * (sums / sizes - mean[:, None]) ** 2).sum(axis=1)
        return mean, merged / length


@helper
def affine_piece(rows, first, end, mean, scale, shift, out):
    for row in range(first, end):
        for c in range(rows.shape[1]):
            out[row, c] = (rows[row, c] - mean[c]) * scale[c] + shift[c]


@kernel
def affine_pieces(pieces, rows, mean, scale, shift, out):
    """out[row, c] = (rows[row, c] - mean[set, c]) scale[set, c] + shift[set, c]; each set is cut into ``pieces``."""
    total = pieces * mean.shape[0]
    for index in prange(total):
        piece = np.int64(index)
        first, end = rows.shape[0] * piece // total, rows.shape[0] * (piece + 1) // total
        which = piece // pieces
        affine_piece(rows, first, end, mean[which], scale[which], shift[which], out)


def channel_affine(x: FloatArray, mean: Array, scale: Array, shift: Array) -> FloatArray:
    """y = (x - mean) scale + shift for x (N, C, H, W), the others (sets, C)."""
    y = layout.empty(x.shape, x.dtype)
    if y.size:
        rows, centre = _rows(x), _centre(mean, x.dtype)
        with _non_finite_allowed():
            exact_shift = shift + np.where(np.isfinite(centre), centre - mean, 0.0) * scale
            factors = scale.astype(x.dtype), exact_shift.astype(x.dtype)
        launch(affine_pieces, pieces_of(rows, len(mean)), rows, centre, *factors, _rows(y))
    return y


@helper
def products_of_piece(dy, x, first, end, mean, dy_sums, product_sums):
    channels = x.shape[1]
    for c in range(channels):
        dy_sums[c] = 0
        product_sums[c] = 0
    for row in range(first, end):
        for c in range(channels):
            dy_sums[c] += dy[row, c]
            product_sums[c] += dy[row, c] * (x[row, c] - mean[c])


@kernel
def piecewise_products(pieces, dy, x, mean, dy_sums, product_sums):
    """Fill ``dy_sums`` with sums of dy and ``product_sums`` with sums of dy (x - mean), float64 (sets pieces, C)."""
    total = dy_sums.shape[0]
    for index in prange(total):
        piece = np.int64(index)
        first, end = x.shape[0] * piece // total, x.shape[0] * (piece + 1) // total
        products_of_piece(dy, x, first, end, mean[piece // pieces], dy_sums[piece], product_sums[piece])


def channel_products(dy: FloatArray, x: FloatArray, mean: Array) -> tuple[Array, Array]:
    """The sums of dy and of dy (x - mean) over the pixels of each set: dy and x (N, C, H, W), the others (sets, C)."""
    rows, sets = _rows(x), len(mean)
    if x.size == 0:
        return np.zeros(mean.shape), np.zeros(mean.shape)
    pieces, centre = pieces_of(rows, sets), _centre(mean, x.dtype)
    dy_sums, product_sums = np.empty((2, sets * pieces, rows.shape[1]))
    launch(piecewise_products, pieces, _rows(dy), rows, centre, dy_sums, product_sums)
    with _non_finite_allowed():
        sums, products = (array.reshape(sets, pieces, -1).sum(axis=1) for array in (dy_sums, product_sums))
        return sums, products + (centre - mean) * sums


@helper
def combine_piece(dy, x, first, end, mean, dy_scale, x_scale, shift, dx):
    for row in range(first, end):
        for c in range(x.shape[1]):
            dx[row, c] = dy_scale[c] * dy[row, c] + x_scale[c] * (x[row, c] - mean[c]) + shift[c]


@kernel
def combine_pieces(pieces, dy, x, mean, dy_scale, x_scale, shift, dx):
    """dx = dy_scale dy + x_scale (x - mean) + shift, with the factors of each row's set."""
    total = pieces * mean.shape[0]
    for index in prange(total):
        piece = np.int64(index)
        first, end = x.shape[0] * piece // total, x.shape[0] * (piece + 1) // total
        which = piece // pieces
        combine_piece(dy, x, first, end, mean[which], dy_scale[which], x_scale[which], shift[which], dx)


def channel_combination(
    dy: FloatArray, x: FloatArray, mean: Array, dy_scale: Array, x_scale: Array, shift: Array
) -> FloatArray:
    """dx = dy_scale dy + x_scale (x - mean) + shift for dy and x (N, C, H, W), the others (sets, C)."""
    dx = layout.empty(x.shape, x.dtype)
    if dx.size:
        rows, centre = _rows(x), _centre(mean, x.dtype)
        with _non_finite_allowed():
            exact_shift = shift + (centre - mean) * x_scale
            factors = [factor.astype(x.dtype) for factor in (dy_scale, x_scale, exact_shift)]
        launch(combine_pieces, pieces_of(rows, len(mean)), _rows(dy), rows, centre, *factors, _rows(dx))
    return dx


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
    sums = np.empty((pieces_of(rows), rows.shape[1]))
    launch(piecewise_sums, rows, sums)
    with _non_finite_allowed():
        total: FloatArray = sums.sum(axis=0).astype(dy.dtype)
    return total
