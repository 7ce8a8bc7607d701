"""Softmax and cross entropy in one pass over the scores each way, a row of scores for each target.

With m the largest score of a row, t its class, w the classes' weights, and with a label smoothing of e the numbers
a = (1 - e) w_t and b = e / C, both 0 where the target does not count:

    loss = a (m - x_t + log s) + b sum_c w_c (m - x_c + log s),   s = sum_c e^(x_c - m)
    dx_c = dloss ((a + b sum_k w_k) e^(x_c - m) / s - b w_c - a [c = t])

Some threads of a block, its lanes, share a row, which they read from memory once and then find in the cache.
"""

from __future__ import annotations

import math

from tinyconv.backends.cuda.arrays import empty, flat, flat_view
from tinyconv.backends.cuda.compiler import cuda
from tinyconv.backends.cuda.grids import THREADS, block_over
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.lanes import largest_of_lanes, sum_of_lanes
from tinyconv.backends.cuda.launch import blocks_for, launch
from tinyconv.backends.cuda.parameters import Floats, Int, Long, Longs
from tinyconv.core.arrays import Array, FloatArray


@kernel
def losses_of_rows(
    x: Floats, targets: Longs, own: Floats, share: Floats, weights: Floats, classes: Int, rows: Long,
    losses: Floats, maxima: Floats, logarithms: Floats,
):  # fmt: skip
    """Fill ``losses``, ``maxima`` (m) and ``logarithms`` (log s), all (M,), of rows x (M, C)."""
    shared = cuda.shared.array(THREADS, x.dtype)
    lane, lanes = cuda.threadIdx.x, cuda.blockDim.x
    row = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    counted = classes if row < rows else 0
    place = row * classes
    found = x.dtype.type(-math.inf)
    for c in range(lane, counted, lanes):
        found = x[place + c] if x[place + c] > found else found
    m = largest_of_lanes(found, shared)
    total = x.dtype.type(0)
    for c in range(lane, counted, lanes):
        total += x.dtype.type(math.exp(x[place + c] - m))
    total = sum_of_lanes(total, shared)
    logarithm = x.dtype.type(math.log(total if row < rows else x.dtype.type(1)))
    spread = x.dtype.type(0)
    if row < rows and share[row] != 0:
        for c in range(lane, classes, lanes):
            if weights[c] != 0:
                spread += share[row] * weights[c] * ((m - x[place + c]) + logarithm)
    loss = sum_of_lanes(spread, shared)
    if lane == 0 and row < rows:
        if own[row] != 0:
            loss += own[row] * ((m - x[place + targets[row]]) + logarithm)
        losses[row], maxima[row], logarithms[row] = loss, m, logarithm


@kernel
def gradients_of_rows(
    dlosses: Floats, x: Floats, targets: Longs, own: Floats, share: Floats, weights: Floats, maxima: Floats,
    logarithms: Floats, classes: Int, rows: Long, dx: Floats,
):  # fmt: skip
    """Fill dx (M, C)."""
    shared = cuda.shared.array(THREADS, x.dtype)
    lane, lanes = cuda.threadIdx.x, cuda.blockDim.x
    row = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    part = x.dtype.type(0)
    if row < rows and share[row] != 0:
        for c in range(lane, classes, lanes):
            part += weights[c]
    total = sum_of_lanes(part, shared)
    if row < rows:
        place, target = row * classes, targets[row]
        scale, spread, peak = dlosses[row] * (own[row] + share[row] * total), dlosses[row] * share[row], dlosses[row]
        peak *= own[row]
        for c in range(lane, classes, lanes):
            probability = x.dtype.type(math.exp((x[place + c] - maxima[row]) - logarithms[row]))
            value = scale * probability - spread * weights[c]
            dx[place + c] = value - peak if c == target else value


def cross_entropy(
    x: FloatArray, targets: Array, own: FloatArray, share: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The losses of the rows of x (M, C), and what the gradient needs of them: m and log s.

    ``targets``: classes, int64 (M,). ``own``, ``share``: a and b of each row, (M,). ``weights``: (C,), all of x's type.
    """
    losses, maxima, logarithms = (empty((len(x),), x.dtype) for _ in range(3))
    if x.size == 0:
        for array in (losses, maxima, logarithms):
            array.fill(0)
        return losses, maxima, logarithms
    rows, classes = x.shape
    lanes, lines = block_over(classes)
    arrays = (flat(array) for array in (x, targets, own, share, weights))
    launch(losses_of_rows, blocks_for(rows, lines), (lanes, lines), *arrays, classes, rows, losses, maxima, logarithms)
    return losses, maxima, logarithms


def cross_entropy_gradient(
    dlosses: FloatArray, x: FloatArray, targets: Array, own: FloatArray, share: FloatArray, weights: FloatArray,
    maxima: FloatArray, logarithms: FloatArray,
) -> FloatArray:  # fmt: skip
    """dx (M, C), from the cotangents of the losses, (M,)."""
    dx = empty(x.shape, x.dtype)
    if x.size:
        rows, classes = x.shape
        lanes, lines = block_over(classes)
        arrays = (flat(array) for array in (dlosses, x, targets, own, share, weights, maxima, logarithms))
        launch(gradients_of_rows, blocks_for(rows, lines), (lanes, lines), *arrays, classes, rows, flat_view(dx))
    return dx
