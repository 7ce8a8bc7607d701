"""Softmax and cross entropy by their definition; the symbols are those of ``backends.cpu.cross_entropy``."""

from __future__ import annotations

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray


def cross_entropy(
    x: FloatArray, targets: Array, own: FloatArray, share: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The losses of the rows of x (M, C), and what the gradient needs of them: m and log s.

    ``targets``: classes, int64 (M,). ``own``, ``share``: a and b of each row, (M,). ``weights``: (C,), all of x's type.
    """
    losses, maxima, logarithms = (layout.zeros((len(x),), x.dtype) for _ in range(3))
    for row in range(len(x) if x.size else 0):
        maxima[row] = x[row].max()
        logarithms[row] = np.log(np.exp(x[row] - maxima[row]).sum())
        logs = x[row] - maxima[row] - logarithms[row]
        for c in range(x.shape[1]):
            q = own[row] * (c == targets[row]) + share[row] * weights[c]
            losses[row] -= q * logs[c] if q else 0
    return losses, maxima, logarithms


def cross_entropy_gradient(
    dlosses: FloatArray, x: FloatArray, targets: Array, own: FloatArray, share: FloatArray, weights: FloatArray,
    maxima: FloatArray, logarithms: FloatArray,
) -> FloatArray:  # fmt: skip
    """dx (M, C), from the cotangents of the losses, (M,)."""
    dx = layout.empty(x.shape, x.dtype)
    for row in range(len(x) if x.size else 0):
        q = share[row] * weights
        q[targets[row]] += own[row]
        dx[row] = dlosses[row] * (q.sum() * np.exp(x[row] - maxima[row] - logarithms[row]) - q)
    return dx
