"""Sum, difference, product and quotient of elements: in parallel where there are many, by NumPy where there are few.

An operation with a number is the same as NumPy's to the bit, as the others are: x - c is x + (-c).
"""

from __future__ import annotations

import numpy as np

from tinyconv.backends.cpu.compilation import exact_helper, kernel
from tinyconv.backends.cpu.memory import flat
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.pieces import piece_bounds, pieces_of
from tinyconv.core.arrays import Array

FEW = 32768
"""Elements: for fewer NumPy is done before the threads have started."""

ADD, SUBTRACT, MULTIPLY, DIVIDE = range(4)
FUNCTIONS = np.add, np.subtract, np.multiply, np.divide


@exact_helper
def write_of_two(code, x, y, z):
    if code == ADD:
        for i in range(z.size):
            z[i] = x[i] + y[i]
    elif code == SUBTRACT:
        for i in range(z.size):
            z[i] = x[i] - y[i]
    elif code == MULTIPLY:
        for i in range(z.size):
            z[i] = x[i] * y[i]
    else:
        for i in range(z.size):
            z[i] = x[i] / y[i]


@kernel
def combine(job, jobs, code, x, y, z):
    """z[i] = x[i] (code) y[i]."""
    first, end = piece_bounds(job, jobs, z.size)
    write_of_two(code, x[first:end], y[first:end], z[first:end])


@exact_helper
def write_of_number(code, x, number, z):
    if code == ADD:
        for i in range(z.size):
            z[i] = x[i] + number
    elif code == SUBTRACT:
        for i in range(z.size):
            z[i] = number - x[i]
    elif code == MULTIPLY:
        for i in range(z.size):
            z[i] = x[i] * number
    else:
        for i in range(z.size):
            z[i] = x[i] / number


@kernel
def combine_with_number(job, jobs, code, x, number, z):
    """z[i] = x[i] (code) number, but number - x[i] for a difference."""
    first, end = piece_bounds(job, jobs, z.size)
    write_of_number(code, x[first:end], number, z[first:end])


def add(x: Array, y: Array, z: Array) -> None:
    """z = x + y, broadcast. All of one type; ``z`` may be ``x`` or ``y``."""
    _write(ADD, x, y, z)


def subtract(x: Array, y: Array, z: Array) -> None:
    """z = x - y, broadcast. All of one type; ``z`` may be ``x`` or ``y``."""
    _write(SUBTRACT, x, y, z)


def multiply(x: Array, y: Array, z: Array) -> None:
    """z = x y, broadcast. All of one type; ``z`` may be ``x`` or ``y``."""
    _write(MULTIPLY, x, y, z)


def divide(x: Array, y: Array, z: Array) -> None:
    """z = x / y, broadcast. All of one type; ``z`` may be ``x`` or ``y``."""
    _write(DIVIDE, x, y, z)


def _write(code: int, x: Array, y: Array, z: Array) -> None:
    if z.size < FEW or z.dtype.kind != "f" or not _in_parallel(code, x, y, z):
        FUNCTIONS[code](x, y, out=z)


def _in_parallel(code: int, x: Array, y: Array, z: Array) -> bool:
    """Run a kernel if there is one for operands in this memory order; whether there was."""
    result = flat(z)
    first = flat(x) if x.shape == z.shape else None
    second = flat(y) if y.shape == z.shape else None
    if result is None:
        return False
    pieces = pieces_of(z.size)
    if first is not None and second is not None:
        launch(combine, pieces, code, first, second, result)
    elif first is not None and y.ndim == 0:
        number = z.dtype.type(y)
        if code == SUBTRACT:
            code, number = ADD, -number
        launch(combine_with_number, pieces, code, first, number, result)
    elif second is not None and x.ndim == 0 and code != DIVIDE:
        launch(combine_with_number, pieces, code, second, z.dtype.type(x), result)
    else:
        return False
    return True
