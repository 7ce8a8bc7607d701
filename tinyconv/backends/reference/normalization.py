"""Normalisation by its definitions. ``sets``: how many sets of images have statistics of their own, one or all N."""

from __future__ import annotations

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray


def channel_sum(dy: FloatArray) -> FloatArray:
    """total[c] = sum over n, i, j of dy[n, c, i, j]."""
    total = np.zeros(dy.shape[1], dy.dtype)
    for n, c, i, j in np.ndindex(*dy.shape):
        total[c] += dy[n, c, i, j]
    return total


def _set_sums(values: Array, sets: int) -> Array:
    """total[s, c] = sum over the images n of set s, and over i, j, of values[n, c, i, j]; float64."""
    total = np.zeros((sets, values.shape[1]))
    for n, c, i, j in np.ndindex(*values.shape):
        total[n * sets // values.shape[0], c] += values[n, c, i, j]
    return total


def _of_images(values: Array, x: Array) -> Array:
    """(sets, C) repeated for the images of each set: (N, C, 1, 1)."""
    return np.repeat(values, x.shape[0] // len(values), axis=0)[:, :, None, None]


def channel_moments(x: FloatArray, sets: int) -> tuple[Array, Array]:
    """mean[s, c] = sum of x / M;  variance[s, c] = sum of (x - mean[s, c])^2 / M, with M values in each channel."""
    count = x.size // x.shape[1] // sets
    mean = _set_sums(x, sets) / count
    return mean, _set_sums((x - _of_images(mean, x)) ** 2, sets) / count


def channel_affine(x: FloatArray, mean: Array, scale: Array, shift: Array) -> FloatArray:
    """y[n, c, i, j] = (x[n, c, i, j] - mean[s, c]) scale[s, c] + shift[s, c], for n in set s."""
    y = layout.empty(x.shape, x.dtype)
    for n, c, i, j in np.ndindex(*x.shape):
        s = n * len(mean) // x.shape[0]
        y[n, c, i, j] = (x[n, c, i, j] - mean[s, c]) * scale[s, c] + shift[s, c]
    return y


def channel_products(dy: FloatArray, x: FloatArray, mean: Array) -> tuple[Array, Array]:
    """sums[s, c] = sum of dy;  products[s, c] = sum of dy (x - mean[s, c])."""
    if x.size == 0:
        return np.zeros(mean.shape), np.zeros(mean.shape)
    return _set_sums(dy, len(mean)), _set_sums(dy * (x - _of_images(mean, x)), len(mean))


def channel_combination(
    dy: FloatArray, x: FloatArray, mean: Array, dy_scale: Array, x_scale: Array, shift: Array
) -> FloatArray:
    """dx = dy_scale[s, c] dy + x_scale[s, c] (x - mean[s, c]) + shift[s, c]."""
    dx = layout.empty(x.shape, x.dtype)
    for n, c, i, j in np.ndindex(*x.shape):
        s = n * len(mean) // x.shape[0]
        dx[n, c, i, j] = dy_scale[s, c] * dy[n, c, i, j] + x_scale[s, c] * (x[n, c, i, j] - mean[s, c]) + shift[s, c]
    return dx


def row_norm(
    x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float, centred: bool
) -> tuple[FloatArray, Array, Array]:
    """y[m, i] = (x[m, i] - mean[m]) inverse_std[m] weight[i] + bias[i];  the mean is 0 unless ``centred``."""
    y, mean, inverse_std = np.empty_like(x), np.zeros(len(x)), np.zeros(len(x))
    for m, row in enumerate(x.astype(np.float64)):
        mean[m] = row.mean() if centred else 0.0
        inverse_std[m] = 1 / np.sqrt(((row - mean[m]) ** 2).mean() + eps)
        for i, value in enumerate(row):
            scale, shift = 1 if weight is None else weight[i], 0 if bias is None else bias[i]
            y[m, i] = (value - mean[m]) * inverse_std[m] * scale + shift
    return y, mean, inverse_std


def row_norm_gradient(
    dy: FloatArray, x: FloatArray, mean: Array, inverse_std: Array, weight: FloatArray | None, centred: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """dx = inverse_std (g - mean of g - x^ mean of g x^) with g = dy weight; dweight = sum of dy x^, dbias of dy."""
    dx, dweight, dbias = np.empty_like(x), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for m in range(len(x)):
        normalised = (x[m] - mean[m]) * inverse_std[m]
        cotangent = dy[m] * (1 if weight is None else weight)
        offset = cotangent.mean() if centred else 0.0
        dx[m] = inverse_std[m] * (cotangent - offset - normalised * (cotangent * normalised).mean())
        dweight += dy[m] * normalised
        dbias += dy[m]
    return dx, dweight.astype(x.dtype), dbias.astype(x.dtype)
