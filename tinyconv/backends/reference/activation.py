"""The rectifier by its definition."""

from __future__ import annotations

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray


def relu(x: FloatArray) -> FloatArray:
    """y = max(x, 0), for x of any shape. NaN passes."""
    y = layout.empty(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        y[index] = 0 if x[index] <= 0 else x[index]
    return y


def relu_gradient(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx = dy where y > 0, else 0. NaN in y lets dy pass."""
    dx = layout.empty(dy.shape, dy.dtype)
    for index in np.ndindex(dy.shape):
        dx[index] = 0 if y[index] <= 0 else dy[index]
    return dx


def add_relu(x: FloatArray, y: FloatArray) -> None:
    """x = max(x + y, 0), written into ``x``."""
    x[...] = relu(x + y)
