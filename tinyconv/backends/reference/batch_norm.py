"""Batch normalisation and what can follow it, by their definitions: one step after another, in float64."""

from __future__ import annotations

import numpy as np

from tinyconv.backends.reference.pooling import max_pool2d, max_pool2d_gradient
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.windows import Windows


def _by_channel(values: Array) -> Array:
    """(C,) as (C, 1, 1)."""
    return values.astype(np.float64)[:, None, None]


def _factors(x: FloatArray, weight: FloatArray | None, bias: FloatArray | None) -> tuple[Array, Array]:
    ones, zeros = np.ones(x.shape[1]), np.zeros(x.shape[1])
    return _by_channel(ones if weight is None else weight), _by_channel(zeros if bias is None else bias)


def _in_engine_order(values: Array, dtype: np.dtype[np.floating]) -> FloatArray:
    result: FloatArray = layout.copy(values.astype(dtype))
    return result


def batch_norm(
    x: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    eps: float,
    statistics: tuple[Array, Array] | None,
    residual: FloatArray | None,
    relu: bool,
) -> tuple[FloatArray, Array, Array]:
    """y = max((x - mean) / sqrt(variance + eps) weight + bias + residual, 0), and mean and variance."""
    exact = x.astype(np.float64)
    mean, variance = (exact.mean((0, 2, 3)), exact.var((0, 2, 3))) if statistics is None else statistics
    scale, shift = _factors(x, weight, bias)
    y = (exact - _by_channel(mean)) / np.sqrt(_by_channel(variance) + eps) * scale + shift
    y = y if residual is None else y + residual
    y = np.where(y <= 0, 0.0, y) if relu else y
    return _in_engine_order(y, x.dtype), mean, variance


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
    """dbias = sum of g, dweight = sum of g xhat, dx = scale (g - dbias / M - xhat dweight / M), and g itself.

    g is dy where the rectifier let x pass, and what a residual gets; without means where the statistics are ``fixed``.
    """
    mean, variance = (_by_channel(values) for values in statistics)
    scale, _ = _factors(x, weight, bias)
    seen = batch_norm(x, weight, bias, eps, statistics, None, False)[0] if y is None else y
    g = np.where(seen <= 0, 0.0, dy) if relu else dy.astype(np.float64)
    xhat = (x.astype(np.float64) - mean) / np.sqrt(variance + eps)
    dbias, dweight = g.sum((0, 2, 3)), (g * xhat).sum((0, 2, 3))
    pixels = x.size // x.shape[1]
    means = 0.0 if fixed else (_by_channel(dbias) + xhat * _by_channel(dweight)) / max(pixels, 1)
    dx = scale / np.sqrt(variance + eps) * (g - means)
    dresidual = dy if y is None else _in_engine_order(g, x.dtype)
    return _in_engine_order(dx, x.dtype), dweight.astype(x.dtype), dbias.astype(x.dtype), dresidual


def batch_norm_max_pool2d(
    x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float, windows: Windows
) -> tuple[FloatArray, Array, FloatArray, Array, Array]:
    """The maxima of the rectified result over windows, their switches (255 where that is 0), and the x of each."""
    normalised, mean, variance = batch_norm(x, weight, bias, eps, None, None, False)
    y, switches = max_pool2d(normalised, windows)
    winners = layout.empty(y.shape, x.dtype)
    for n, c, i, j in np.ndindex(*y.shape):
        r, s = divmod(int(switches[n, c, i, j]), windows.across.shape[1])
        winners[n, c, i, j] = x[n, c, windows.down[i, r], windows.across[j, s]]
    switches[y <= 0] = 255
    y[y <= 0] = 0
    return y, switches, winners, mean, variance


def batch_norm_max_pool2d_gradient(
    dy: FloatArray,
    x: FloatArray,
    switches: Array,
    winners: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    eps: float,
    statistics: tuple[Array, Array],
    windows: Windows,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """dy goes to the pixels that the switches name, unless closed, and from there back through the normalisation."""
    opened = np.where(switches == 255, 0, dy)
    g = max_pool2d_gradient(opened, np.where(switches == 255, 0, switches), windows)
    dx, _, dbias, _ = batch_norm_gradient(g, x, weight, bias, eps, statistics, False, None, False)
    mean, variance = (_by_channel(values) for values in statistics)
    dweight = (opened * (winners - mean) / np.sqrt(variance + eps)).sum((0, 2, 3))
    return dx, dweight.astype(x.dtype), dbias
