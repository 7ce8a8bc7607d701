"""Memory layout: logically NCHW, physically channels-last. The one place that decides and converts.

Convolution, pooling and normalisation run along contiguous channels for any stride, padding or map size. So every 4-D
array that an operation makes has the *shape* (N, C, H, W) and the *strides* of a C-contiguous (N, H, W, C) array.
``a.transpose(0, 2, 3, 1)`` is then a free view, and that is what the kernels take. Volumes are likewise (N, C, D, H, W)
with the strides of (N, D, H, W, C): their planes are images, one after another.

NumPy loses this order easily (an NHWC plus an NCHW operand gives NCHW; ``copy()`` and ``pad`` reset it), therefore
operations allocate their results here and pass them as ``out=``. Dimensions of size 1 count as either order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core import pool
from tinyconv.core.arrays import Array, is_writable

CHANNELS_LAST = {4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
"""Number of dimensions: the order in which memory has them."""

CHANNELS_SECOND = {4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}
"""Number of dimensions: the way back."""


def empty(shape: tuple[int, ...], dtype: Any, xp: Any = np) -> Array:
    """An uninitialised array; images and volumes are stored channels-last. Large ones come from ``core.pool``."""
    allocate = pool.empty if xp is np else xp.empty
    return logical(allocate((shape[0], *shape[2:], shape[1]) if len(shape) in CHANNELS_LAST else shape, dtype))


def stored(array: Array) -> Array:
    """``array`` with its dimensions in the order of memory, if it is in the engine's order: a view.

    (N, H, W, C) for images, (N, D, H, W, C) for volumes, all others as they are.
    """
    order = CHANNELS_LAST.get(array.ndim)
    return array if order is None else array.transpose(order)


def logical(array: Array) -> Array:
    """The inverse of ``stored``: (N, H, W, C) as (N, C, H, W), (N, D, H, W, C) as (N, C, D, H, W)."""
    order = CHANNELS_SECOND.get(array.ndim)
    return array if order is None else array.transpose(order)


def full(shape: tuple[int, ...], value: Any, dtype: Any, xp: Any = np) -> Array:
    """An array filled with ``value``, in the layout of ``empty``."""
    result = empty(shape, dtype, xp)
    result.fill(value)
    return result


def zeros(shape: tuple[int, ...], dtype: Any, xp: Any = np) -> Array:
    """An array of zeros, in the layout of ``empty``."""
    return full(shape, 0, dtype, xp)


def is_engine_order(array: Array) -> bool:
    """Whether ``array`` already has the engine's order: channels-last if 4-D or 5-D, C-contiguous otherwise."""
    return bool(stored(array).flags.c_contiguous)


def ordered(array: Array, xp: Any = np) -> Array:
    """``array`` itself if it is in engine order, else a copy that is."""
    if is_engine_order(array):
        return array
    return copy(array, xp)


def copy(array: Array, xp: Any = np) -> Array:
    """A fresh, writable copy in engine order."""
    result = empty(array.shape, array.dtype, xp)
    result[...] = array
    return result


def nhwc(array: Array, xp: Any = np) -> Array:
    """A C-contiguous, writable (N, H, W, C) view of a logical NCHW array; copies only if the order is another.

    Read-only arrays (from PIL, from a memory map) are copied too: Numba would compile every kernel again for them.
    """
    return writable(array, xp).transpose(0, 2, 3, 1)


def writable(array: Array, xp: Any = np) -> Array:
    """``array`` itself if it is in engine order and may be written, else a copy that is."""
    return ordered(array, xp) if is_writable(array) else copy(array, xp)


def nchw(array: Array) -> Array:
    """The logical NCHW view of a physical (N, H, W, C) array: the inverse of ``nhwc``, always free."""
    return array.transpose(0, 3, 1, 2)
