"""Normalisation of rows: each row of a matrix by its own mean and variance, computed in float64.

Rows are dealt out in pieces whose number depends on the shape alone, so that the sums over rows (the gradients of
weight and bias) have the same bits for any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.normalization import pieces_of
from tinyconv.backends.cpu.parallel import launch
from tinyconv.core.arrays import Array, FloatArray


@helper
def normalize_piece(x, first, end, weight, bias, eps, centred, mean, inverse_std, y):
    size = x.shape[1]
    for row in range(first, end):
        total, squares = 0.0, 0.0
        if centred:
            for i in range(size):
                total += x[row, i]
        centre = total / size
        for i in range(size):
            deviation = x[row, i] - centre
            squares += deviation * deviation
        factor = 1 / np.sqrt(squares / size + eps)
        for i in range(size):
            y[row, i] = (x[row, i] - centre) * factor * weight[i] + bias[i]
        mean[row] = centre
        inverse_std[row] = factor


@kernel
def normalize_rows(pieces, x, weight, bias, eps, centred, mean, inverse_std, y):
    """Fill ``y`` (M, D), and ``mean`` and ``inverse_std``, float64 (M,)."""
    for index in prange(pieces):
        piece = np.int64(index)
        first, end = x.shape[0] * piece // pieces, x.shape[0] * (piece + 1) // pieces
        normalize_piece(x, first, end, weight, bias, eps, centred, mean, inverse_std, y)


def row_norm(
    x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float, centred: bool
) -> tuple[FloatArray, Array, Array]:
    """y = (x - mean) inverse_std weight + bias for the rows of x (M, D), and their mean and inverse_std, (M,) float64.

    Unless ``centred`` the mean counts as 0. ``weight``, ``bias``: (D,).
    """
    x, y = np.require(x, requirements=["C", "W"]), np.empty(x.shape, x.dtype)
    mean, inverse_std = np.empty((2, len(x)))
    if x.size:
        arguments = _factor(weight, x, 1), _factor(bias, x, 0), float(eps), centred
        launch(normalize_rows, pieces_of(x), x, *arguments, mean, inverse_std, y)
    return y, mean, inverse_std


@helper
def gradient_of_piece(dy, x, first, end, mean, inverse_std, weight, centred, dx, dweight, dbias):
    size = x.shape[1]
    for i in range(size):
        dweight[i] = 0
        dbias[i] = 0
    for row in range(first, end):
        centre, factor = mean[row], inverse_std[row]
        total, products = 0.0, 0.0
        for i in range(size):
            cotangent = np.float64(dy[row, i]) * weight[i]
            total += cotangent
            products += cotangent * (x[row, i] - centre)
        if not centred:
            total = 0.0
        for i in range(size):
            normalised = (x[row, i] - centre) * factor
            dx[row, i] = factor * (dy[row, i] * weight[i] - total / size - normalised * (products * factor / size))
            dweight[i] += dy[row, i] * normalised
            dbias[i] += dy[row, i]


@kernel
def row_gradients(dy, x, mean, inverse_std, weight, centred, dx, dweight, dbias):
    """Fill ``dx`` (M, D), and for each piece of the rows ``dweight`` and ``dbias``, float64 (pieces, D)."""
    pieces = dweight.shape[0]
    for index in prange(pieces):
        piece = np.int64(index)
        first, end = x.shape[0] * piece // pieces, x.shape[0] * (piece + 1) // pieces
        gradient_of_piece(
            dy, x, first, end, mean, inverse_std, weight, centred, dx, dweight[piece], dbias[piece]
        )  # fmt: skip


def row_norm_gradient(
    dy: FloatArray, x: FloatArray, mean: Array, inverse_std: Array, weight: FloatArray | None, centred: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(dx, dweight, dbias) of ``row_norm``, where mean and inverse_std are functions of x.

    With g = dy weight, x^ = (x - mean) inverse_std and means over the row:

        dx = inverse_std (g - mean of g - x^ mean of g x^),  dweight = sum of dy x^,  dbias = sum of dy

    without the mean of g unless ``centred``.
    """
    dy, x = np.require(dy, requirements=["C", "W"]), np.require(x, requirements=["C", "W"])
    dx = np.empty(x.shape, x.dtype)
    if x.size == 0:
        return dx, np.zeros(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    dweight, dbias = np.empty((2, pieces_of(x), x.shape[1]))
    launch(row_gradients, dy, x, mean, inverse_std, _factor(weight, x, 1), centred, dx, dweight, dbias)
    with np.errstate(over="ignore", invalid="ignore"):
        return dx, dweight.sum(axis=0).astype(x.dtype), dbias.sum(axis=0).astype(x.dtype)


def _factor(values: FloatArray | None, x: FloatArray, neutral: float) -> FloatArray:
    return np.full(x.shape[1], neutral, x.dtype) if values is None else np.array(values, x.dtype)
