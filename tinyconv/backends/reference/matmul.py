"""The matrix product by its definition."""

from __future__ import annotations

import numpy as np

from tinyconv.core.arrays import FloatArray


def matmul(a: FloatArray, b: FloatArray) -> FloatArray:
    """c[i, j] = sum over k of a[i, k] b[k, j]; a (M, K), b (K, N)."""
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i, j, k in np.ndindex(a.shape[0], b.shape[1], a.shape[1]):
        c[i, j] += a[i, k] * b[k, j]
    return c
