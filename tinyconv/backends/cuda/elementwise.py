"""Sum, difference, product and quotient of elements, by CuPy's kernels, which take any strides."""

from __future__ import annotations

from tinyconv.core import gpu
from tinyconv.core.arrays import Array


def add(x: Array, y: Array, z: Array) -> None:
    """z = x + y, broadcast. All of one type; ``z`` may be ``x`` or ``y``."""
    gpu.array_module().add(x, y, out=z)


def subtract(x: Array, y: Array, z: Array) -> None:
    """z = x - y, broadcast. All of one type; ``z`` may be ``x`` or ``y``."""
    gpu.array_module().subtract(x, y, out=z)


def multiply(x: Array, y: Array, z: Array) -> None:
    """z = x y, broadcast. All of one type; ``z`` may be ``x`` or ``y``."""
    gpu.array_module().multiply(x, y, out=z)


def divide(x: Array, y: Array, z: Array) -> None:
    """z = x / y, broadcast. All of one type; ``z`` may be ``x`` or ``y``."""
    gpu.array_module().divide(x, y, out=z)
