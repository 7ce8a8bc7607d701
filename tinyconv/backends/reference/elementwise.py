"""Sum, difference, product and quotient of elements, by NumPy."""

from __future__ import annotations

import numpy as np

from tinyconv.core.arrays import Array


def add(x: Array, y: Array, z: Array) -> None:
    """z = x + y, broadcast."""
    np.add(x, y, out=z)


def subtract(x: Array, y: Array, z: Array) -> None:
    """z = x - y, broadcast."""
    np.subtract(x, y, out=z)


def multiply(x: Array, y: Array, z: Array) -> None:
    """z = x y, broadcast."""
    np.multiply(x, y, out=z)


def divide(x: Array, y: Array, z: Array) -> None:
    """z = x / y, broadcast."""
    np.divide(x, y, out=z)
