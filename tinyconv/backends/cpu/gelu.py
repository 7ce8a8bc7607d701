"""The Gaussian error linear unit: one pass over memory each way.

With Phi the normal distribution's integral and phi its density, and s the logistic function:

    exact:    y = x Phi(x),         dx = dy (Phi(x) + x phi(x))
    by tanh:  y = x s(2u),          dx = dy (s + 2 x s (1 - s) u'),       u = k (x + a x^3)

where s(2u) = (1 + tanh u) / 2. In the left tail Phi is not 1 minus something, but computed as what is left:

    Phi(-x) = e^(-x^2 / 2) g(x / sqrt 2) / 2,   g(z) = e^(z^2) erfc(z) = 2 t p(t),   t = 1 / (1 + 0.42 z)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from tinyconv.backends.cpu.compilation import exact_helper, kernel, reciprocal_helper
from tinyconv.backends.cpu.exponential import bits_of, exponential, exponential_of_sum, float_of
from tinyconv.backends.cpu.memory import in_memory_order
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.pieces import piece_bounds, pieces_of
from tinyconv.backends.cpu.vectors import use_widest_vectors
from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray

f = np.float32
ZERO, HALF, ONE = f(0), f(0.5), f(1)
FARTHEST = f(12.9)  # beyond it nothing is left in normal numbers, and with others a processor is slow
SLOPE, MIDDLE = f(0.42 * math.sqrt(0.5)), f(0.5)
P0, P1, P2, P3, P4 = f(0.22002468155), f(0.32797525395), f(0.3493633795), f(0.2311349343), f(0.039006803995)
P5, P6, P7, P8, P9 = f(-0.07488755315), f(-0.041522238355), f(0.032947758855), f(0.02263213626), f(-0.02034420787)
UPPER_BITS = np.int32(-4096)

ROOT = math.sqrt(0.5)
DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)
K, A = math.sqrt(2 / math.pi), 0.044715


@exact_helper
def gaussian_in_float32(x):
    """e^(-x^2 / 2); some number for NaN, which whatever it is multiplied by brings along."""
    size = abs(x) if abs(x) < FARTHEST else FARTHEST
    # The square is needed to more digits than float32 has: that of the upper half of the digits is exact.
    upper = float_of(np.int32(bits_of(size) & UPPER_BITS))
    value = exponential_of_sum(-HALF * upper * upper, -HALF * (size - upper) * (size + upper))
    return value if abs(x) <= FARTHEST else ZERO


@reciprocal_helper
def quotient(x, y):
    return x / y


@exact_helper
def normal_in_float32(x, gaussian):
    size = abs(x) if abs(x) < FARTHEST else FARTHEST
    t = quotient(ONE, ONE + SLOPE * size)
    u = t - MIDDLE
    high = P5 + u * (P6 + u * (P7 + u * (P8 + u * P9)))
    p = P0 + u * (P1 + u * (P2 + u * (P3 + u * (P4 + u * high))))
    tail = gaussian * (t * p)
    return tail if x < ZERO else ONE - tail


@exact_helper
def gaussian_in_float64(x):
    return math.exp(-0.5 * x * x)


@exact_helper
def normal_in_float64(x):
    return 0.5 * math.erfc(-x * ROOT)


def gaussian(x: Any) -> Any:
    """e^(-x^2 / 2), for use in a kernel."""
    raise NotImplementedError


def normal(x: Any, gaussian: Any) -> Any:
    """Phi(x), given e^(-x^2 / 2), for use in a kernel."""
    raise NotImplementedError


@overload(gaussian, jit_options={"forceinline": True})
def _gaussian(x):
    if x == types.float32:
        return lambda x: gaussian_in_float32(x)
    return lambda x: gaussian_in_float64(x)


@overload(normal, jit_options={"forceinline": True})
def _normal(x, gaussian):  # noqa: ARG001
    if x == types.float32:
        return lambda x, gaussian: normal_in_float32(x, gaussian)
    return lambda x, gaussian: normal_in_float64(x)  # noqa: ARG005


@exact_helper
def write_gelu(by_tanh, x, y):
    use_widest_vectors()
    scalar = x.dtype.type
    one, minus_two, k, a = scalar(1), scalar(-2), scalar(K), scalar(A)
    if by_tanh:
        for i in range(x.size):
            u = k * x[i] * (one + a * x[i] * x[i])
            y[i] = x[i] / (one + exponential(minus_two * u))
    else:
        for i in range(x.size):
            y[i] = x[i] * normal(x[i], gaussian(x[i]))


@kernel
def gelu_of_each(job, jobs, by_tanh, x, y):
    """y[i] = gelu(x[i])."""
    first, end = piece_bounds(job, jobs, x.size)
    write_gelu(by_tanh, x[first:end], y[first:end])


@exact_helper
def write_gradient(by_tanh, dy, x, dx):
    use_widest_vectors()
    scalar = x.dtype.type
    zero, one, two, minus_two, k, a = scalar(0), scalar(1), scalar(2), scalar(-2), scalar(K), scalar(A)
    three, far, norm = scalar(3), scalar(10), scalar(DENSITY_AT_0)
    if by_tanh:
        for i in range(x.size):
            # Beyond 10, s is 0 or 1 to the last digit; the square must not overflow beside 1 - s = 0.
            v = far if x[i] > far else x[i]
            v = -far if v < -far else v
            e = exponential(minus_two * k * v * (one + a * v * v))
            s = one / (one + e)
            slope = s + two * v * s * (e * s) * k * (one + three * a * v * v)
            dx[i] = dy[i] * (zero if x[i] < -far else slope)
    else:
        for i in range(x.size):
            density = gaussian(x[i])
            dx[i] = dy[i] * (normal(x[i], density) + x[i] * (density * norm))


@kernel
def gelu_gradient_of_each(job, jobs, by_tanh, dy, x, dx):
    """dx[i] = dy[i] gelu'(x[i])."""
    first, end = piece_bounds(job, jobs, x.size)
    write_gradient(by_tanh, dy[first:end], x[first:end], dx[first:end])


def gelu(x: FloatArray, by_tanh: bool) -> FloatArray:
    """y = x Phi(x), or with ``by_tanh`` its approximation, for x of any shape."""
    y = layout.empty(x.shape, x.dtype)
    if y.size:
        launch(gelu_of_each, pieces_of(x.size), by_tanh, in_memory_order(x), in_memory_order(y))
    return y


def gelu_gradient(dy: FloatArray, x: FloatArray, by_tanh: bool) -> FloatArray:
    """dx = dy times the derivative of ``gelu`` at x."""
    dx = layout.empty(x.shape, x.dtype)
    if dx.size:
        operands = in_memory_order(dy), in_memory_order(x), in_memory_order(dx)
        launch(gelu_gradient_of_each, pieces_of(x.size), by_tanh, *operands)
    return dx
