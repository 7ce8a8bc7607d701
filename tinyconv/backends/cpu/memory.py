"""Arrays as kernels over single elements take them."""

from __future__ import annotations

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray


def in_memory_order(array: FloatArray) -> FloatArray:
    """The elements in memory order. (Read-only ones are copied: Numba would compile every kernel again for them.)"""
    return layout.stored(layout.writable(array)).reshape(-1)


def flat(array: Array) -> Array | None:
    """The elements in memory order, as a view; None where there is none that a kernel may read and write."""
    ordered = layout.stored(array)
    flags = ordered.flags
    return ordered.reshape(-1) if flags.c_contiguous and flags.writeable else None
