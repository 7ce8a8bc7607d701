"""The Gaussian error linear unit by its definition."""

from __future__ import annotations

import math

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray

K, A = math.sqrt(2 / math.pi), 0.044715


def gelu(x: FloatArray, by_tanh: bool) -> FloatArray:
    """y = x Phi(x), or with ``by_tanh`` y = x (1 + tanh u) / 2, u = k (x + a x^3)."""
    y = layout.empty(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        v = float(x[index])
        y[index] = v * (0.5 * (1 + math.tanh(K * (v + A * v**3))) if by_tanh else _normal(v))
    return y


def gelu_gradient(dy: FloatArray, x: FloatArray, by_tanh: bool) -> FloatArray:
    """dx = dy times the derivative of ``gelu`` at x."""
    dx = layout.empty(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        v = float(x[index])
        if by_tanh:
            t = math.tanh(K * (v + A * v**3))
            slope = 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * K * (1 + 3 * A * v * v)
        else:
            slope = _normal(v) + v * math.exp(-0.5 * v * v) / math.sqrt(2 * math.pi)
        dx[index] = dy[index] * slope
    return dx


def _normal(v: float) -> float:
    """Phi(v)."""
    return 0.5 * math.erfc(-v / math.sqrt(2))
