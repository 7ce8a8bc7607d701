"""Normalisation of rows (layer and RMS normalisation): one pass over memory forward, two backward.

    y = (x - mean) inverse_std weight + bias,   xhat = (x - mean) inverse_std,   g = dy weight
    dx = inverse_std (g - mean of g - xhat mean of (g xhat)),   dweight = sum dy xhat,   dbias = sum dy

with a mean of 0 and no mean of g unless ``centred``. Some threads of a block, its lanes, share a row, which they read
from memory once and then find in the cache. They add few numbers in the type of the numbers, and those sums in float64.
"""

from __future__ import annotations

import math
from typing import Any

import numba

from tinyconv.backends.cuda.arrays import empty, flat, flat_view, nothing
from tinyconv.backends.cuda.compiler import cuda, helper
from tinyconv.backends.cuda.grids import THREADS, block_along
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.lanes import sum_of_lanes
from tinyconv.backends.cuda.launch import blocks_for, launch
from tinyconv.backends.cuda.merging import merge_row_gradients
from tinyconv.backends.cuda.normalization import launch_merge
from tinyconv.backends.cuda.parameters import Double, Doubles, Floats, Int, Long
from tinyconv.backends.cuda.pieces import TOTALS, bounds_of, pieces_of
from tinyconv.backends.cuda.vectors import WIDE, moves, width_for
from tinyconv.core import gpu
from tinyconv.core.arrays import Array, FloatArray

FEW = 32
"""Vectors of a row that a thread adds up in the type of the numbers, before it adds the sum in float64."""


def make_row_norm(width_of_vectors: int) -> tuple[Any, Any, Any]:
    """The kernels for vectors of so many numbers: y, dx, and the sums that dweight and dbias are made of."""
    V = width_of_vectors
    KEPT = 2 * V
    fetch, put = moves(V)
    add_few, write_sums = TOTALS[V]

    @helper
    def deviations(x, row, groups, centre, totals):
        """Of this thread's part of the row: the sums of x - centre (first V) and of its square, in float64."""
        seen = cuda.local.array(V, x.dtype)
        few = cuda.local.array(KEPT, x.dtype)
        for k in range(KEPT):
            few[k] = 0
            totals[k] = 0
        step = cuda.blockDim.x
        for start in range(cuda.threadIdx.x, groups, step * FEW):
            for group in range(start, min(start + step * FEW, groups), step):
                fetch(x, (row * groups + group) * V, seen)
                for k in range(V):
                    deviation = seen[k] - centre
                    few[k] += deviation
                    few[V + k] += deviation * deviation
            add_few(few, totals)

    @helper
    def sum_of_vector(totals, first):
        total = 0.0
        for k in range(V):
            total += totals[first + k]
        return total

    def normalize_rows(
        x: Floats, weight: Floats, bias: Floats, eps: Double, centred: Int, rows: Long, groups: Int, mean: Doubles,
        inverse_std: Doubles, y: Floats,
    ):  # fmt: skip
        """Fill y (M, D), and mean and inverse_std, float64 (M,)."""
        shared = cuda.shared.array(THREADS, numba.float64)
        row = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
        own = groups if row < rows else 0
        size = float(groups * V)
        totals = cuda.local.array(KEPT, numba.float64)
        centre = x.dtype.type(0)
        average = 0.0
        if centred:
            if row < rows and abs(x[row * groups * V]) < x.dtype.type(math.inf):
                centre = x[row * groups * V]
            deviations(x, row, own, centre, totals)
            average = centre + sum_of_lanes(sum_of_vector(totals, 0), shared) / size
            centre = x.dtype.type(average)
        deviations(x, row, own, centre, totals)
        offset = sum_of_lanes(sum_of_vector(totals, 0), shared) / size if centred else 0.0
        squares = sum_of_lanes(sum_of_vector(totals, V), shared) / size
        if row < rows:
            factor = 1.0 / math.sqrt(squares - offset * offset + eps)
            rest = x.dtype.type((centre - average) * factor if centred else 0.0)  # what rounding the mean loses
            scale = x.dtype.type(factor)
            if cuda.threadIdx.x == 0:
                mean[row], inverse_std[row] = average, factor
            seen = cuda.local.array(V, x.dtype)
            slope = cuda.local.array(V, x.dtype)
            for group in range(cuda.threadIdx.x, groups, cuda.blockDim.x):
                fetch(x, (row * groups + group) * V, seen)
                for k in range(V):
                    seen[k] = (seen[k] - centre) * scale + rest
                if weight.size:
                    fetch(weight, group * V, slope)
                    for k in range(V):
                        seen[k] *= slope[k]
                if bias.size:
                    fetch(bias, group * V, slope)
                    for k in range(V):
                        seen[k] += slope[k]
                put(y, (row * groups + group) * V, seen)

    def row_gradients(
        dy: Floats, x: Floats, mean: Doubles, inverse_std: Doubles, weight: Floats, centred: Int, rows: Long,
        groups: Int, numbers: Floats, dx: Floats,
    ):  # fmt: skip
        """Fill dx (M, D), and the numbers of each row that dweight needs: centre, factor, rest, (M, 3)."""
        shared = cuda.shared.array(THREADS, numba.float64)
        row = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
        totals = cuda.local.array(KEPT, numba.float64)
        few = cuda.local.array(KEPT, x.dtype)
        given = cuda.local.array(V, x.dtype)
        seen = cuda.local.array(V, x.dtype)
        slope = cuda.local.array(V, x.dtype)
        for k in range(KEPT):
            few[k] = 0
            totals[k] = 0
        for k in range(V):
            slope[k] = 1
        average, factor = mean[row] if row < rows else 0.0, inverse_std[row] if row < rows else 0.0
        centre = x.dtype.type(average)
        step, own = cuda.blockDim.x, groups if row < rows else 0
        for start in range(cuda.threadIdx.x, own, step * FEW):
            for group in range(start, min(start + step * FEW, own), step):
                fetch(dy, (row * groups + group) * V, given)
                fetch(x, (row * groups + group) * V, seen)
                if weight.size:
                    fetch(weight, group * V, slope)
                for k in range(V):
                    cotangent = given[k] * slope[k]
                    few[k] += cotangent
                    few[V + k] += cotangent * (seen[k] - centre)
            add_few(few, totals)
        total = sum_of_lanes(sum_of_vector(totals, 0), shared)
        product = sum_of_lanes(sum_of_vector(totals, V), shared)
        if row < rows:
            size = float(groups * V)
            lost = centre - average
            tilt = -factor * factor * factor * (product + lost * total) / size
            constant = x.dtype.type(tilt * lost - (factor * total / size if centred else 0.0))
            scale, lean = x.dtype.type(factor), x.dtype.type(tilt)
            if cuda.threadIdx.x == 0:
                numbers[3 * row], numbers[3 * row + 1], numbers[3 * row + 2] = centre, factor, lost * factor
            for group in range(cuda.threadIdx.x, groups, step):
                fetch(dy, (row * groups + group) * V, given)
                fetch(x, (row * groups + group) * V, seen)
                if weight.size:
                    fetch(weight, group * V, slope)
                for k in range(V):
                    seen[k] = scale * (given[k] * slope[k]) + (lean * (seen[k] - centre) + constant)
                put(dx, (row * groups + group) * V, seen)

    def weight_gradients_of_pieces(
        dy: Floats, x: Floats, numbers: Floats, length: Long, size: Long, pieces: Int, groups: Int, sums: Doubles
    ):
        """Sums over a piece's rows of dy (dbias) and of dy xhat (dweight)."""
        piece, group = cuda.blockIdx.x, cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        first, end, _ = bounds_of(piece, pieces, size, length)
        given = cuda.local.array(V, x.dtype)
        seen = cuda.local.array(V, x.dtype)
        few = cuda.local.array(KEPT, x.dtype)
        totals = cuda.local.array(KEPT, numba.float64)
        for k in range(KEPT):
            few[k] = 0
            totals[k] = 0
        if group < groups:
            step = cuda.blockDim.y
            for start in range(first + cuda.threadIdx.y, end, step * FEW):
                for row in range(start, min(start + step * FEW, end), step):
                    centre, factor, rest = numbers[3 * row], numbers[3 * row + 1], numbers[3 * row + 2]
                    fetch(dy, (row * groups + group) * V, given)
                    fetch(x, (row * groups + group) * V, seen)
                    for k in range(V):
                        few[k] += given[k]
                        few[V + k] += given[k] * ((seen[k] - centre) * factor + rest)
                add_few(few, totals)
        write_sums(totals, piece, groups * V, group, groups, sums)

    return (
        kernel(normalize_rows, name=f"normalize_rows_{V}"),
        kernel(row_gradients, name=f"row_gradients_{V}"),
        kernel(weight_gradients_of_pieces, name=f"weight_gradients_of_pieces_{V}"),
    )


ROWS = {width: make_row_norm(width) for width in (1, WIDE)}


def row_norm(
    x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float, centred: bool
) -> tuple[FloatArray, Array, Array]:
    """y = (x - mean) inverse_std weight + bias for the rows of x (M, D), and their mean and inverse_std, (M,) float64.

    Unless ``centred`` the mean counts as 0. ``weight``, ``bias``: (D,).
    """
    (rows, size), y, none = x.shape, empty(x.shape, x.dtype), nothing(x)
    mean, inverse_std = (empty((rows,), "float64") for _ in range(2))
    if y.size:
        width = width_for(size)
        groups = size // width
        lanes, lines = block_along(groups)
        parameters = (none if values is None else flat(values) for values in (weight, bias))
        given = flat(x), *parameters, float(eps), int(centred), rows, groups
        launch(ROWS[width][0], blocks_for(rows, lines), (lanes, lines), *given, mean, inverse_std, flat_view(y))
    return y, mean, inverse_std


def row_norm_gradient(
    dy: FloatArray, x: FloatArray, mean: Array, inverse_std: Array, weight: FloatArray | None, centred: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(dx, dweight, dbias) of ``row_norm``, where mean and inverse_std are functions of x."""
    xp, (rows, size), dx = gpu.array_module(), x.shape, empty(x.shape, x.dtype)
    dweight, dbias = xp.zeros(size, x.dtype), xp.zeros(size, x.dtype)
    if dx.size:
        width = width_for(size)
        groups = size // width
        lanes, lines = block_along(groups)
        cotangent, source, numbers = flat(dy), flat(x), xp.empty(3 * rows, x.dtype)
        scale = nothing(x) if weight is None else flat(weight)
        given = cotangent, source, flat(mean), flat(inverse_std), scale, int(centred), rows, groups
        launch(ROWS[width][1], blocks_for(rows, lines), (lanes, lines), *given, numbers, flat_view(dx))
        pieces = pieces_of(rows, size)
        sums = pieces.sums()
        launch(ROWS[width][2], pieces.grid, pieces.block, cotangent, source, numbers, *pieces.cut, sums)
        launch_merge(merge_row_gradients, pieces, sums, pieces.pieces, size, dweight, dbias)
    return dx, dweight, dbias
