"""Arrays as the kernels take them: flat, in the order that they have in memory, and on an address for vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core import gpu, layout
from tinyconv.core.arrays import Array

ALIGNMENT = 16
"""Bytes: what four numbers of float32 take, which are loaded at once."""


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """An uninitialised array on the GPU, in the engine's order."""
    return layout.empty(shape, dtype, gpu.array_module())


def flat(array: Array) -> Array:
    """The elements in the engine's order, channels last: a view of what is in it, on an address for vectors."""
    ordered = layout.ordered(array, gpu.array_module())
    if not is_aligned(ordered):
        ordered = layout.copy(ordered, gpu.array_module())
    return flat_view(ordered)


def flat_view(array: Array) -> Array:
    """The same of an array in the engine's order: always a view."""
    result: Array = layout.stored(array).reshape(-1)
    return result


def is_aligned(array: Array) -> bool:
    """Whether the memory begins where a vector may; what slices begin with need not."""
    return address_of(array) % ALIGNMENT == 0


def address_of(array: Array) -> int:
    """Where the memory begins."""
    address: int = array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr
    return address


def nothing(like: Array) -> Array:
    """No numbers, of the type of ``like``: for a parameter that is left out."""
    return flat_view(like)[:0]
