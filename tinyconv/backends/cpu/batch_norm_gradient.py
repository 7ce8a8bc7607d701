"""The gradient of batch normalisation and of what is fused with it; ``batch_norm`` has the formulas."""

from __future__ import annotations

import math

import numpy as np

from tinyconv.backends.cpu.batch_norm import (
    FEW_ROWS,
    add_few,
    add_repeats,
    affine_factors,
    bounds_of_pieces,
    repeat,
    vectors,
    width_of,
)
from tinyconv.backends.cpu.compilation import helper, kernel_of_loops
from tinyconv.backends.cpu.jobs import run_jobs
from tinyconv.backends.cpu.memory import in_memory_order
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import small_code
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray


@helper
def gate_factors(mean, variance, weight, bias, eps, closes, factors):
    """factors = centre, scale, shift of what the rectifier saw, (x - centre) scale + shift: 1 where there is none."""
    affine_factors(mean, variance, weight, bias, eps, factors)
    if not closes:
        factors[1] = 0
        factors[2] = 1


@helper
def close_piece(dy, y, first, end, g):
    """g = dy where y > 0, else 0; NaN in y lets dy pass."""
    zero = dy.dtype.type(0)
    for place in range(first, end):
        g[place] = zero if y[place] <= zero else dy[place]


@helper
def add_products(dy, x, centre, scale, shift, sums, products):
    """Add g and g (x - centre), where g is dy if the rectifier was open; four rows at a time."""
    zero, width, place = scale.dtype.type(0), centre.shape[0], 0
    while place + 4 * width <= x.shape[0]:
        x0, x1 = x[place : place + width], x[place + width : place + 2 * width]
        x2, x3 = x[place + 2 * width : place + 3 * width], x[place + 3 * width : place + 4 * width]
        g0, g1 = dy[place : place + width], dy[place + width : place + 2 * width]
        g2, g3 = dy[place + 2 * width : place + 3 * width], dy[place + 3 * width : place + 4 * width]
        for c in range(width):
            d0, d1, d2, d3 = x0[c] - centre[c], x1[c] - centre[c], x2[c] - centre[c], x3[c] - centre[c]
            o0 = zero if d0 * scale[c] + shift[c] <= zero else g0[c]
            o1 = zero if d1 * scale[c] + shift[c] <= zero else g1[c]
            o2 = zero if d2 * scale[c] + shift[c] <= zero else g2[c]
            o3 = zero if d3 * scale[c] + shift[c] <= zero else g3[c]
            sums[c] += (o0 + o1) + (o2 + o3)
            products[c] += (o0 * d0 + o1 * d1) + (o2 * d2 + o3 * d3)
        place += 4 * width
    for start in range(place, x.shape[0], width):
        g, source = dy[start : min(start + width, x.shape[0])], x[start : min(start + width, x.shape[0])]
        for c in range(source.shape[0]):
            distance = source[c] - centre[c]
            opened = zero if distance * scale[c] + shift[c] <= zero else g[c]
            sums[c] += opened
            products[c] += opened * distance


@helper
def products_of_piece(dy, x, channels, gate, few, sums, products):
    """Sums of g and of g (x - centre) over a piece."""
    width = sums.shape[0]
    few[:] = 0
    sums[:] = 0
    products[:] = 0
    for start in range(0, x.shape[0], FEW_ROWS * width):
        stop = min(start + FEW_ROWS * width, x.shape[0])
        add_products(dy[start:stop], x[start:stop], gate[0], gate[1], gate[2], few[0], few[1])
        add_few(few, sums, products)
    add_repeats(sums, channels)
    add_repeats(products, channels)


@helper
def merge_products(pixels, fixed, sums, products, mean, variance, weight, eps, gate, factors, dweight, dbias):
    """dweight and dbias, and the factors a, b, c of dx = a g + b (x - centre) + c."""
    small_code()
    channels = mean.shape[0]
    dweight[:] = 0
    dbias[:] = 0
    for piece in range(sums.shape[0]):
        for c in range(channels):
            dbias[c] += sums[piece, c]
            dweight[c] += products[piece, c]
    for c in range(channels):
        inverse_std = 1 / math.sqrt(variance[c] + eps)
        lost = np.float64(gate[0, c]) - mean[c]
        scale = weight[c] * inverse_std
        dweight[c] = (dweight[c] + lost * dbias[c]) * inverse_std
        projection = -scale * inverse_std * dweight[c] / pixels
        factors[0, c] = scale
        factors[1, c] = 0.0 if fixed else projection
        factors[2, c] = 0.0 if fixed else lost * projection - scale * dbias[c] / pixels
    repeat(factors, channels)


@helper
def combine_piece(dy, x, first, end, gate, factors, dx):
    """dx = a g + b (x - centre) + c."""
    centre, scale, shift = gate[0], gate[1], gate[2]
    dy_factor, x_factor, constant = factors[0], factors[1], factors[2]
    zero, width = factors.dtype.type(0), factors.shape[1]
    for place in range(first, end, width):
        g, source = dy[place : min(place + width, end)], x[place : min(place + width, end)]
        target = dx[place : place + source.shape[0]]
        for c in range(source.shape[0]):
            distance = source[c] - centre[c]
            opened = zero if distance * scale[c] + shift[c] <= zero else g[c]
            target[c] = dy_factor[c] * opened + x_factor[c] * distance + constant[c]


@helper
def multiply_piece(piece, dy, x, y, source, channels, bounds, gate, few, sums, g):
    """``products_of_piece`` of one of the pieces, whose g is made first if there is a ``y``."""
    first, end = bounds[piece], bounds[piece + 1]
    if y.size:
        close_piece(dy, y, first, end, g)
    products_of_piece(source[first:end], x[first:end], channels, gate, few[piece], sums[0, piece], sums[1, piece])


@helper
def spread_piece(piece, source, x, bounds, gate, factors, dx):
    """``combine_piece`` of one of the pieces."""
    combine_piece(source, x, bounds[piece], bounds[piece + 1], gate, factors, dx)


@kernel_of_loops
def batch_gradient(
    dy, x, y, closes, fixed, weight, bias, eps, mean, variance, bounds, few, sums, gate, factors, g, dx, dweight, dbias
):
    """Fill ``dx``, ``dweight`` and ``dbias``, and ``g`` with the cotangent of a residual if there is a ``y``."""
    pieces = bounds.shape[0] - 1
    gate_factors(mean, variance, weight, bias, eps, closes and y.size == 0, gate)
    source = g if y.size else dy
    run_jobs(multiply_piece, pieces, (dy, x, y, source, mean.shape[0], bounds, gate, few, sums, g))
    pixels = x.size // mean.shape[0]
    merge_products(pixels, fixed, sums[0], sums[1], mean, variance, weight, eps, gate, factors, dweight, dbias)
    run_jobs(spread_piece, pieces, (source, x, bounds, gate, factors, dx))


def batch_norm_gradient(
    dy: FloatArray,
    x: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    eps: float,
    statistics: tuple[Array, Array],
    fixed: bool,
    y: FloatArray | None,
    relu: bool,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """dx, dweight, dbias and the residual's gradient, from dy (N, C, H, W) and what ``batch_norm`` took and gave.

    ``fixed``: the statistics were given, constants to the gradient. ``y``: the result, if there was a residual.
    """
    channels = x.shape[1]
    dx = layout.empty(x.shape, x.dtype)
    g = dy if y is None else layout.empty(x.shape, x.dtype)
    dweight, dbias = np.zeros((2, channels))
    if dx.size:
        bounds, width = bounds_of_pieces(x.size, channels), width_of(channels)
        few, sums = np.empty((len(bounds) - 1, 2, width), x.dtype), np.empty((2, len(bounds) - 1, width))
        gate, factors = np.empty((2, 3, width), x.dtype)
        flat_dy, flat_x, flat_dx = (in_memory_order(array) for array in (dy, x, dx))
        flat_y, flat_g = (flat_dx[:0],) * 2 if y is None else (in_memory_order(y), in_memory_order(g))
        parameters = (relu, fixed, *vectors(x, weight, bias), float(eps), *statistics)
        launch(
            batch_gradient,
            flat_dy,
            flat_x,
            flat_y,
            *parameters,
            bounds,
            few,
            sums,
            gate,
            factors,
            flat_g,
            flat_dx,
            dweight,
            dbias,
        )
    return dx, rounded(dweight, x.dtype), rounded(dbias, x.dtype), g


def rounded(sums: Array, dtype: np.dtype[np.floating]) -> FloatArray:
    """Sums in the type of the elements; those too large for it are infinite, without a warning from NumPy."""
    if dtype == sums.dtype:
        return sums
    with np.errstate(over="ignore", invalid="ignore"):
        result: FloatArray = sums.astype(dtype)
    return result
