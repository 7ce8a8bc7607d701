"""The rectifier: one pass over memory forward, one backward, in parallel."""

from __future__ import annotations

from tinyconv.backends.cpu.compilation import kernel
from tinyconv.backends.cpu.memory import in_memory_order
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.pieces import piece_bounds, pieces_of
from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray


@kernel
def rectify(job, jobs, x, y):
    """y[i] = max(x[i], 0); NaN is not <= 0, so it passes."""
    zero = x.dtype.type(0)  # of the same type: a plain 0 would make it a computation in float64
    first, end = piece_bounds(job, jobs, x.size)
    source, target = x[first:end], y[first:end]
    for i in range(target.size):
        target[i] = zero if source[i] <= zero else source[i]


def relu(x: FloatArray) -> FloatArray:
    """y = max(x, 0), for x of any shape. NaN passes."""
    y = layout.empty(x.shape, x.dtype)
    if y.size:
        launch(rectify, pieces_of(y.size), in_memory_order(x), in_memory_order(y))
    return y


def rectify_in_place(x: FloatArray) -> None:
    """x = max(x, 0), for flat x."""
    if x.size:
        launch(rectify, pieces_of(x.size), x, x)


@kernel
def close_gradient(job, jobs, dy, y, dx):
    """dx[i] = dy[i] where y[i] > 0, else 0."""
    zero = y.dtype.type(0)
    first, end = piece_bounds(job, jobs, dy.size)
    source, gate, target = dy[first:end], y[first:end], dx[first:end]
    for i in range(target.size):
        target[i] = zero if gate[i] <= zero else source[i]


def relu_gradient(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx = dy where y > 0, else 0: chosen, not multiplied, so an infinite dy is cut off; NaN in y lets dy pass."""
    dx = layout.empty(dy.shape, dy.dtype)
    if dx.size:
        launch(close_gradient, pieces_of(dx.size), in_memory_order(dy), in_memory_order(y), in_memory_order(dx))
    return dx


@kernel
def add_rectified(job, jobs, x, y):
    """x[i] = max(x[i] + y[i], 0); NaN passes."""
    zero = x.dtype.type(0)
    first, end = piece_bounds(job, jobs, x.size)
    target, added = x[first:end], y[first:end]
    for i in range(target.size):
        total = target[i] + added[i]
        target[i] = zero if total <= zero else total


def add_relu(x: FloatArray, y: FloatArray) -> None:
    """max(x + y, 0), written into ``x``, which is in the engine's order; y of the same shape."""
    if x.size:
        launch(add_rectified, pieces_of(x.size), in_memory_order(x), in_memory_order(y))
