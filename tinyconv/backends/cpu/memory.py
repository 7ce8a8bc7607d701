"""Arrays as kernels over single elements take them."""

from __future__ import annotations

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray


def in_memory_order(array: FloatArray) -> FloatArray:
    """The elements in memory order. (Read-only ones are copied: Numba would compile every kernel again for them.)"""
    if array.ndim == 4:
        return layout.nhwc(array).reshape(-1)
    writable: Array = array if array.flags.writeable else layout.copy(array)
    return layout.ordered(writable).reshape(-1)


def flat(array: Array) -> Array | None:
    """The elements in memory order, as a view; None where there is none that a kernel may read and write."""
    ordered: Array = array.transpose(0, 2, 3, 1) if array.ndim == 4 else array
    flags = ordered.flags
    return ordered.reshape(-1) if flags.c_contiguous and flags.writeable else None
