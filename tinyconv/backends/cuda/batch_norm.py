"""Batch normalisation: two passes over the maps forward and two backward, with what surrounds it done on the way.

With xhat = (x - mean) / sqrt(variance + eps) over the M pixels of a channel, and g the cotangent past the rectifier:

    y = xhat weight + bias,   + residual,   max(., 0)
    dbias = sum g,   dweight = sum g xhat,   dx = weight / sqrt(variance + eps) (g - dbias / M - xhat dweight / M)

Between the two passes a small kernel has what there is for each channel, in float64. Statistics stay on the GPU.
"""

from __future__ import annotations

from typing import Any

from tinyconv.backends.cuda.affine import launch_pass
from tinyconv.backends.cuda.arrays import empty, flat, flat_view, nothing
from tinyconv.backends.cuda.grids import launch_each
from tinyconv.backends.cuda.merging import batch_factors, merge_batch_products
from tinyconv.backends.cuda.normalization import launch_merge, launch_sums, measure
from tinyconv.backends.cuda.pieces import PRODUCTS, pieces_of
from tinyconv.core import gpu
from tinyconv.core.arrays import Array, FloatArray


def vectors(x: FloatArray, weight: FloatArray | None, bias: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Weight and bias as the kernels take them: without numbers where they are left out."""
    none = nothing(x)
    return none if weight is None else flat(weight), none if bias is None else flat(bias)


def factors_for(x: FloatArray, statistics: tuple[Array, Array], *parameters: Any, is_open: bool = False) -> FloatArray:
    """(3, C), flat: centre, scale and shift of y = (x - centre) scale + shift; ``parameters``: weight, bias, eps.

    ``is_open``: a scale of 0 and a shift of 1 instead, of a rectifier that lets all pass.
    """
    channels = x.shape[1]
    factors: FloatArray = gpu.array_module().empty(3 * channels, x.dtype)
    launch_each(batch_factors, channels, *map(flat, statistics), *parameters, int(is_open), factors)
    return factors


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
    xp, channels = gpu.array_module(), x.shape[1]
    y = empty(x.shape, x.dtype)
    if y.size == 0:
        return y, *(statistics or (xp.full(channels, xp.nan), xp.full(channels, xp.nan)))
    source, parameters = flat(x), (*vectors(x, weight, bias), float(eps))
    if statistics is None:
        factors = xp.empty(3 * channels, x.dtype)
        statistics = measure(source, pieces_of(x.size // channels, channels), *parameters, factors)
    else:
        factors = factors_for(x, statistics, *parameters)
    added = nothing(x) if residual is None else flat(residual)
    launch_pass(0, x.size // channels, channels, 1, source, added, factors, int(relu), flat_view(y))
    return y, *statistics


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
    xp, channels = gpu.array_module(), x.shape[1]
    dx = empty(x.shape, x.dtype)
    g = dy if y is None else empty(x.shape, x.dtype)
    if dx.size == 0:
        return dx, xp.zeros(channels, x.dtype), xp.zeros(channels, x.dtype), g
    rows = x.size // channels
    source, cotangent, none = flat(x), flat(dy), nothing(x)
    parameters = (*vectors(x, weight, bias), float(eps))
    gate = factors_for(x, statistics, *parameters, is_open=y is not None or not relu)
    pieces = pieces_of(rows, channels)
    sums = pieces.sums()
    seen, kept = (none, none) if y is None else (flat(y), flat_view(g))
    launch_sums(PRODUCTS, pieces, cotangent, source, seen, gate, *pieces.cut, kept, sums)
    factors, dweight, dbias = merged(x, pieces, sums, fixed, statistics, weight, eps, gate)
    launch_pass(1, rows, channels, 1, cotangent if y is None else kept, source, gate, factors, flat_view(dx))
    return dx, dweight, dbias, g


def merged(
    x: FloatArray, pieces: Any, sums: Array, fixed: bool, statistics: tuple[Array, Array], weight: FloatArray | None,
    eps: float, gate: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """The factors of the pass that writes dx, dweight and dbias; as many pixels as x has take part."""
    xp, channels = gpu.array_module(), x.shape[1]
    factors = xp.empty(3 * channels, x.dtype)
    dweight, dbias = xp.empty(channels, x.dtype), xp.empty(channels, x.dtype)
    arguments = x.size // channels, pieces.pieces, channels, int(fixed), *map(flat, statistics)
    scale = vectors(x, weight, None)[0]
    launch_merge(merge_batch_products, pieces, sums, *arguments, scale, float(eps), gate, factors, dweight, dbias)
    return factors, dweight, dbias
