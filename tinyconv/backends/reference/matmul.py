"""The matrix product by its definition."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.arrays import FloatArray


def matmul(
    a: FloatArray,
    b: FloatArray,
    bias: FloatArray | None = None,
    relu: bool = False,
    memo: Any = None,  # noqa: ARG001  the definition keeps nothing
) -> FloatArray:
    """c[i, j] = bias[j] + sum over k of a[i, k] b[k, j]; a (M, K), b (K, N). With ``relu``: max(c, 0)."""
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    if bias is not None:
        c += bias
    for i, j, k in np.ndindex(a.shape[0], b.shape[1], a.shape[1]):
        c[i, j] += a[i, k] * b[k, j]
    return np.where(c <= 0, 0, c).astype(a.dtype) if relu else c
