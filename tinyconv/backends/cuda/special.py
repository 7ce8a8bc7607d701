"""The error function and its relatives, one pass over memory.

Computed in float64 by CUDA's ``erf`` and ``erfc``, for float32 too: its tails would cancel.
"""

from __future__ import annotations

import math

import numpy as np

from tinyconv.backends.cuda.arrays import empty, flat, flat_view
from tinyconv.backends.cuda.compiler import cuda, helper
from tinyconv.backends.cuda.grids import launch_each
from tinyconv.backends.cuda.kernels import Kernel, kernel
from tinyconv.backends.cuda.parameters import Floats
from tinyconv.core.arrays import FloatArray

COEFFICIENT = 0.147
"""In the guess that Winitzki gives in "A handy approximation for the error function and its inverse", 2008."""


@kernel
def erf_of_each(x: Floats, y: Floats):
    """y[i] = 2 pi^(-1/2) times the integral of e^(-t^2) from 0 to x[i]."""
    i = cuda.grid(1)
    if i < x.size:
        y[i] = math.erf(np.float64(x[i]))


@kernel
def erfc_of_each(x: Floats, y: Floats):
    """y[i] = 1 - erf(x[i]), without the cancellation."""
    i = cuda.grid(1)
    if i < x.size:
        y[i] = math.erfc(np.float64(x[i]))


@helper
def inverse(x):
    """The y with erf(y) = x: a guess, then Newton's method with erf's curvature."""
    size = abs(x)
    if not size < 1.0:
        return math.copysign(math.inf, x) if size == 1.0 else math.nan
    complement = 1.0 - size
    logarithm = math.log1p(-x * x)
    shift = 2.0 / (math.pi * COEFFICIENT) + 0.5 * logarithm
    y = math.sqrt(max(math.sqrt(shift * shift - logarithm / COEFFICIENT) - shift, 0.0))
    for _ in range(3):
        # In the tail the complement is exact, where erf(y) - |x| would cancel.
        excess = math.erf(y) - size if size < 0.5 else complement - math.erfc(y)
        step = excess * (0.5 * math.sqrt(math.pi)) * math.exp(y * y)
        y -= step / (1.0 + y * step)
    return math.copysign(y, x)


@kernel
def erfinv_of_each(x: Floats, y: Floats):
    """y[i] with erf(y[i]) = x[i]."""
    i = cuda.grid(1)
    if i < x.size:
        y[i] = inverse(np.float64(x[i]))


def erf(x: FloatArray) -> FloatArray:
    """The error function of each element."""
    return _of_each(erf_of_each, x)


def erfc(x: FloatArray) -> FloatArray:
    """1 - erf of each element."""
    return _of_each(erfc_of_each, x)


def erfinv(x: FloatArray) -> FloatArray:
    """The inverse of erf, of each element: infinite at -1 and 1, NaN beyond."""
    return _of_each(erfinv_of_each, x)


def _of_each(function: Kernel, x: FloatArray) -> FloatArray:
    y = empty(x.shape, x.dtype)
    launch_each(function, y.size, flat(x), flat_view(y))
    return y
