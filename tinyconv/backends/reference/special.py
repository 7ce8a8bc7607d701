"""The error function and its relatives by their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray


def erf(x: FloatArray) -> FloatArray:
    """2 pi^(-1/2) times the integral of e^(-t^2) from 0 to x."""
    return _of_each(math.erf, x)


def erfc(x: FloatArray) -> FloatArray:
    """1 - erf(x)."""
    return _of_each(math.erfc, x)


def erfinv(x: FloatArray) -> FloatArray:
    """The y with erf(y) = x: infinite at -1 and 1, NaN beyond."""
    return _of_each(_between_bounds, x)


def _between_bounds(x: float) -> float:
    if not -1 < x < 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    low, high = 0.0, 6.0  # erf(6) is 1 to the last digit
    for _ in range(1200):  # until nothing lies between, were it a denormal number
        middle = 0.5 * (low + high)
        too_small = math.erf(middle) < abs(x) if abs(x) < 0.5 else math.erfc(middle) > 1 - abs(x)
        low, high = (middle, high) if too_small else (low, middle)
    return math.copysign(low, x)


def _of_each(function: Callable[[float], float], x: FloatArray) -> FloatArray:
    y = layout.empty(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        y[index] = function(float(x[index]))
    return y
