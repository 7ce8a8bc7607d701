"""The error function and its relatives, one pass over memory, in parallel.

Computed in float64 by the C library's ``erf`` and ``erfc``, for float32 too: its tails would cancel.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.memory import in_memory_order
from tinyconv.backends.cpu.parallel import launch
from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray


@kernel
def erf_of_each(x, y):
    """y[i] = 2 pi^(-1/2) times the integral of e^(-t^2) from 0 to x[i]."""
    for i in prange(x.size):
        y[i] = math.erf(x[i])


@kernel
def erfc_of_each(x, y):
    """y[i] = 1 - erf(x[i]), without the cancellation."""
    for i in prange(x.size):
        y[i] = math.erfc(x[i])


@helper
def inverse(x, complement):
    """The y with erf(y) = x, where 1 - |x| is ``complement``: a guess, then Newton's method with erf's curvature.

    The guess is Winitzki's, "A handy approximation for the error function and its inverse", 2008.
    """
    size = abs(x)
    if size >= 1.0:
        return math.copysign(math.inf, x) if size == 1.0 else math.nan
    logarithm = math.log1p(-x * x)
    shift = 2.0 / (math.pi * 0.147) + 0.5 * logarithm
    y = math.sqrt(max(math.sqrt(shift * shift - logarithm / 0.147) - shift, 0.0))
    for _ in range(3):
        # In the tail the complement is exact, where erf(y) - |x| would cancel. (It is an argument, so that the compiler
        # cannot put 1 - |x| in its place and reorder the sum.)
        excess = math.erf(y) - size if size < 0.5 else complement - math.erfc(y)
        step = excess * (0.5 * math.sqrt(math.pi)) * math.exp(y * y)
        y -= step / (1.0 + y * step)
    return math.copysign(y, x)


@kernel
def erfinv_of_each(x, complement, y):
    """y[i] with erf(y[i]) = x[i]."""
    for i in prange(x.size):
        y[i] = inverse(float(x[i]), complement[i])


def erf(x: FloatArray) -> FloatArray:
    """The error function of each element."""
    return _of_each(erf_of_each, x)


def erfc(x: FloatArray) -> FloatArray:
    """1 - erf of each element."""
    return _of_each(erfc_of_each, x)


def erfinv(x: FloatArray) -> FloatArray:
    """The inverse of erf, of each element: infinite at -1 and 1, NaN beyond."""
    complement = layout.empty(x.shape, np.float64)
    np.subtract(1.0, np.abs(x), out=complement, dtype=np.float64)
    return _of_each(erfinv_of_each, x, complement)


def _of_each(kernel, *operands: FloatArray) -> FloatArray:
    y = layout.empty(operands[0].shape, operands[0].dtype)
    if y.size:
        launch(kernel, *map(in_memory_order, operands), in_memory_order(y))
    return y
