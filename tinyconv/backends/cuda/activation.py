"""The rectifier: one pass over memory forward, one backward."""

from __future__ import annotations

from tinyconv.backends.cuda.arrays import empty, flat, flat_view, is_aligned
from tinyconv.backends.cuda.compiler import cuda, helper
from tinyconv.backends.cuda.grids import launch_flat
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.parameters import Floats
from tinyconv.backends.cuda.vectors import WIDE, fetch_some, put_some
from tinyconv.core import gpu
from tinyconv.core.arrays import FloatArray


@helper
def opened(value, gate, zero):
    """``value`` where the gate is above 0, else 0. NaN is not <= 0, so it opens the gate."""
    return zero if gate <= zero else value


@kernel
def rectify(x: Floats, y: Floats):
    """y[i] = max(x[i], 0)."""
    zero = x.dtype.type(0)
    numbers = cuda.local.array(WIDE, x.dtype)
    place = WIDE * cuda.grid(1)
    fetch_some(x, place, numbers)
    for k in range(WIDE):
        numbers[k] = opened(numbers[k], numbers[k], zero)
    put_some(y, place, numbers)


@kernel
def close_gradient(dy: Floats, y: Floats, dx: Floats):
    """dx[i] = dy[i] where y[i] > 0, else 0."""
    zero = y.dtype.type(0)
    numbers = cuda.local.array(WIDE, y.dtype)
    gates = cuda.local.array(WIDE, y.dtype)
    place = WIDE * cuda.grid(1)
    fetch_some(dy, place, numbers)
    fetch_some(y, place, gates)
    for k in range(WIDE):
        numbers[k] = opened(numbers[k], gates[k], zero)
    put_some(dx, place, numbers)


@kernel
def add_rectified(x: Floats, y: Floats):
    """x[i] = max(x[i] + y[i], 0)."""
    zero = x.dtype.type(0)
    numbers = cuda.local.array(WIDE, x.dtype)
    added = cuda.local.array(WIDE, x.dtype)
    place = WIDE * cuda.grid(1)
    fetch_some(x, place, numbers)
    fetch_some(y, place, added)
    for k in range(WIDE):
        total = numbers[k] + added[k]
        numbers[k] = opened(total, total, zero)
    put_some(x, place, numbers)


def relu(x: FloatArray) -> FloatArray:
    """y = max(x, 0), for x of any shape. NaN passes."""
    y = empty(x.shape, x.dtype)
    launch_flat(rectify, y.size, flat(x), flat_view(y))
    return y


def relu_gradient(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx = dy where y > 0, else 0: chosen, not multiplied, so an infinite dy is cut off; NaN in y lets dy pass."""
    dx = empty(dy.shape, dy.dtype)
    launch_flat(close_gradient, dx.size, flat(dy), flat(y), flat_view(dx))
    return dx


def add_relu(x: FloatArray, y: FloatArray) -> None:
    """max(x + y, 0), written into ``x``, which is in the engine's order; y of the same shape."""
    if is_aligned(x):
        launch_flat(add_rectified, x.size, flat_view(x), flat(y))
    else:
        xp = gpu.array_module()
        xp.maximum(xp.add(x, y, out=x), x.dtype.type(0), out=x)
