"""The Gaussian error linear unit: one pass over memory each way.

With Phi the normal distribution's integral and phi its density, and s the logistic function:

    exact:    y = x Phi(x),         dx = dy (Phi(x) + x phi(x)),          Phi(x) = erfc(-x / sqrt 2) / 2
    by tanh:  y = x s(2u),          dx = dy (s + 2 x s (1 - s) u'),       u = k (x + a x^3)

where s(2u) = (1 + tanh u) / 2. Computed in the type of the numbers, by CUDA's own functions.
"""

from __future__ import annotations

import math

from tinyconv.backends.cuda.arrays import empty, flat, flat_view
from tinyconv.backends.cuda.compiler import cuda
from tinyconv.backends.cuda.grids import launch_flat
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.parameters import Floats, Int
from tinyconv.backends.cuda.vectors import WIDE, fetch_some, put_some
from tinyconv.core.arrays import FloatArray

ROOT = math.sqrt(0.5)
DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)
K, A = math.sqrt(2 / math.pi), 0.044715
FAR = 10.0
"""Beyond it s is 0 or 1 to the last digit; the square must not overflow beside 1 - s = 0."""


@kernel
def gelu_of_each(by_tanh: Int, x: Floats, y: Floats):
    """y[i] = gelu(x[i])."""
    scalar = x.dtype.type
    zero, one, half, root, k, a = scalar(0), scalar(1), scalar(0.5), scalar(ROOT), scalar(K), scalar(A)
    far = scalar(FAR)
    numbers = cuda.local.array(WIDE, x.dtype)
    place = WIDE * cuda.grid(1)
    fetch_some(x, place, numbers)
    for i in range(WIDE):
        v = numbers[i]
        if by_tanh:
            near = far if v > far else -far if v < -far else v
            numbers[i] = v / (one + scalar(math.exp(-(k + k) * near * (one + a * near * near))))
            numbers[i] = v * zero if v < -far else numbers[i]
        else:
            numbers[i] = v * (half * scalar(math.erfc(-v * root)))
    put_some(y, place, numbers)


@kernel
def gelu_gradient_of_each(by_tanh: Int, dy: Floats, x: Floats, dx: Floats):
    """dx[i] = dy[i] gelu'(x[i])."""
    scalar = x.dtype.type
    zero, one, half, root, k, a = scalar(0), scalar(1), scalar(0.5), scalar(ROOT), scalar(K), scalar(A)
    three, far, norm = scalar(3), scalar(FAR), scalar(DENSITY_AT_0)
    numbers = cuda.local.array(WIDE, x.dtype)
    given = cuda.local.array(WIDE, x.dtype)
    place = WIDE * cuda.grid(1)
    fetch_some(x, place, numbers)
    fetch_some(dy, place, given)
    for i in range(WIDE):
        v = numbers[i]
        if by_tanh:
            near = far if v > far else -far if v < -far else v
            e = scalar(math.exp(-(k + k) * near * (one + a * near * near)))
            s = one / (one + e)
            slope = s + (near + near) * s * (e * s) * k * (one + three * a * near * near)
            slope = zero if v < -far else slope
        else:
            slope = half * scalar(math.erfc(-v * root)) + v * (scalar(math.exp(-half * v * v)) * norm)
        given[i] *= slope
    put_some(dx, place, given)


def gelu(x: FloatArray, by_tanh: bool) -> FloatArray:
    """y = x Phi(x), or with ``by_tanh`` its approximation, for x of any shape."""
    y = empty(x.shape, x.dtype)
    launch_flat(gelu_of_each, y.size, int(by_tanh), flat(x), flat_view(y))
    return y


def gelu_gradient(dy: FloatArray, x: FloatArray, by_tanh: bool) -> FloatArray:
    """dx = dy times the derivative of ``gelu`` at x."""
    dx = empty(x.shape, x.dtype)
    launch_flat(gelu_gradient_of_each, dx.size, int(by_tanh), flat(dy), flat(x), flat_view(dx))
    return dx
