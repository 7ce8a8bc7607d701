"""Softmax and cross entropy in one pass over the scores each way, a row of scores for each target.

With m the largest score of a row, t its class, w the classes' weights, and with a label smoothing of e the numbers
a = (1 - e) w_t and b = e / C, both 0 where the target does not count:

    loss = a (m - x_t + log s) + b sum_c w_c (m - x_c + log s),   s = sum_c e^(x_c - m)
    dx_c = dloss ((a + b sum_k w_k) e^(x_c - m) / s - b w_c - a [c = t])
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from tinyconv.backends.cpu.compilation import exact_helper, helper, kernel
from tinyconv.backends.cpu.exponential import bits_of, exponential, float_of
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.pieces import PIECE, piece_bounds
from tinyconv.backends.cpu.vectors import use_widest_vectors
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray

SIGN, ALL_BUT_SIGN = np.int32(31), np.int32(0x7FFFFFFF)


@exact_helper
def in_order(bits):
    """The bits of a number as a whole number of the same order, and back again."""
    return np.int32(bits ^ np.int32(np.int32(bits >> SIGN) & ALL_BUT_SIGN))


@helper
def largest_in_float32(row):
    """By whole numbers, of which vectors find the largest; with numbers they would have to mind the order of NaN."""
    use_widest_vectors()
    found = np.int32(-(2**31))
    for i in range(row.size):
        found = max(found, in_order(bits_of(row[i])))
    return float_of(in_order(found))


@helper
def largest_in_float64(row):
    found = -math.inf
    for i in range(row.size):
        found = row[i] if not row[i] <= found else found
    return found


def largest(row):
    """The largest number of a row, for use in a kernel. Of a row with NaN, some number."""
    raise NotImplementedError


@overload(largest)
def _largest(row):
    if row.dtype == types.float32:
        return lambda row: largest_in_float32(row)
    return lambda row: largest_in_float64(row)


@helper
def sum_of_exponentials(row, largest):
    use_widest_vectors()
    total = row.dtype.type(0)
    for i in range(row.size):
        total += exponential(row[i] - largest)
    return total


@kernel
def losses_of_rows(job, jobs, x, targets, own, share, weights, losses, maxima, logarithms):
    """Fill ``losses``, ``maxima`` (m) and ``logarithms`` (log s), all (M,), of rows ``x`` (M, C)."""
    first, end = piece_bounds(job, jobs, x.shape[0])
    for row in range(first, end):
        scores = x[row]
        m = largest(scores)
        logarithm = math.log(sum_of_exponentials(scores, m))
        loss = x.dtype.type(0)
        if own[row] != 0:
            loss += own[row] * ((m - scores[targets[row]]) + logarithm)
        if share[row] != 0:
            for c in range(scores.size):
                if weights[c] != 0:
                    loss += share[row] * weights[c] * ((m - scores[c]) + logarithm)
        losses[row], maxima[row], logarithms[row] = loss, m, logarithm


@exact_helper
def write_gradient(scores, m, logarithm, scale, share, weights, dx):
    use_widest_vectors()
    for c in range(scores.size):
        dx[c] = scale * exponential((scores[c] - m) - logarithm) - share * weights[c]


@kernel
def gradients_of_rows(job, jobs, dlosses, x, targets, own, share, weights, total, maxima, logarithms, dx):
    """Fill ``dx`` (M, C); ``total`` is the sum of ``weights``."""
    first, end = piece_bounds(job, jobs, x.shape[0])
    for row in range(first, end):
        scale = dlosses[row] * (own[row] + share[row] * total)
        part = dlosses[row] * share[row]
        write_gradient(x[row], maxima[row], logarithms[row], scale, part, weights, dx[row])
        dx[row, targets[row]] -= dlosses[row] * own[row]


def cross_entropy(
    x: FloatArray, targets: Array, own: FloatArray, share: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The losses of the rows of x (M, C), and what the gradient needs of them: m and log s.

    ``targets``: classes, int64 (M,). ``own``, ``share``: a and b of each row, (M,). ``weights``: (C,), all of x's type.
    """
    losses, maxima, logarithms = layout.empty((3, len(x)), x.dtype)
    if x.size:
        launch(losses_of_rows, _pieces(x), x, targets, own, share, weights, losses, maxima, logarithms)
    return losses, maxima, logarithms


def cross_entropy_gradient(
    dlosses: FloatArray, x: FloatArray, targets: Array, own: FloatArray, share: FloatArray, weights: FloatArray,
    maxima: FloatArray, logarithms: FloatArray,
) -> FloatArray:  # fmt: skip
    """dx (M, C), from the cotangents of the losses, (M,)."""
    dx = layout.empty(x.shape, x.dtype)
    if x.size:
        total = weights.sum()
        arguments = dlosses, x, targets, own, share, weights, total, maxima, logarithms, dx
        launch(gradients_of_rows, _pieces(x), *arguments)
    return dx


def _pieces(x: FloatArray) -> int:
    """A quarter of a piece of other kernels, for an exponential is more work than a sum; whole rows."""
    return min(len(x), max(1, 4 * x.size // PIECE))
