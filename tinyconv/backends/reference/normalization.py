"""Batch normalisation by its definition, channel by channel. M is the number of values in a channel."""

from __future__ import annotations

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray


def channel_sum(dy: FloatArray) -> FloatArray:
    """total[c] = sum over n, i, j of dy[n, c, i, j]."""
    total = np.zeros(dy.shape[1], dy.dtype)
    for n, c, i, j in np.ndindex(*dy.shape):
        total[c] += dy[n, c, i, j]
    return total


def batch_norm_statistics(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """mean[c] = sum of x / M;  variance[c] = sum of (x - mean[c])^2 / M."""
    count = x.size // x.shape[1]
    mean = channel_sum(x) / count
    variance = channel_sum((x - mean[:, None, None]) ** 2) / count
    return mean.astype(x.dtype), variance.astype(x.dtype)


def batch_norm(
    x: FloatArray, mean: FloatArray, inverse_std: FloatArray, weight: FloatArray | None, bias: FloatArray | None
) -> FloatArray:
    """y[n, c, i, j] = (x[n, c, i, j] - mean[c]) inverse_std[c] weight[c] + bias[c]."""
    y = layout.empty(x.shape, x.dtype)
    for n, c, i, j in np.ndindex(*x.shape):
        scale = 1 if weight is None else weight[c]
        shift = 0 if bias is None else bias[c]
        y[n, c, i, j] = (x[n, c, i, j] - mean[c]) * inverse_std[c] * scale + shift
    return y


def batch_norm_gradient(
    dy: FloatArray, x: FloatArray, mean: FloatArray, inverse_std: FloatArray, weight: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(dx, dweight, dbias), with x^ = (x - mean) inverse_std, where mean and inverse_std are functions of x.

    dbias = sum of dy;  dweight = sum of dy x^;  dx = weight inverse_std (dy - dbias / M - x^ dweight / M)
    """
    count = max(1, x.size // x.shape[1])
    normalised = batch_norm(x, mean, inverse_std, None, None)
    dbias, dweight = channel_sum(dy), channel_sum(dy * normalised)
    dx = layout.empty(x.shape, x.dtype)
    for n, c, i, j in np.ndindex(*x.shape):
        scale = inverse_std[c] if weight is None else inverse_std[c] * weight[c]
        dx[n, c, i, j] = scale * (dy[n, c, i, j] - dbias[c] / count - normalised[n, c, i, j] * dweight[c] / count)
    return dx, dweight, dbias
