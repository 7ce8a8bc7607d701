"""Elementwise work on large arrays, one cache-sized block at a time.

A function of one element is several array passes (an exponential, a sum, a quotient). Over whole arrays each of them
would stream the elements from memory again; over a block all passes but the first find them in the cache, and what
lies between them needs a block of scratch memory, not an array.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array

BLOCK = 32768
"""Elements: a block of float32 takes 128 KB, and a core's second-level cache holds the few that a function needs."""


def blocks(result: Array, *operands: Array, xp: Any = np) -> Iterator[tuple[Array, ...]]:
    """Corresponding blocks of ``result``, which is in engine order, and of operands of its shape, as 1-D arrays.

    What is written into a block of ``result`` is written into ``result``. Operands in another memory order are copied.
    On a GPU, which has no such cache and starts each pass anew, the only block is the whole array.
    """
    arrays = [_flat(result), *(_flat(layout.ordered(operand, xp)) for operand in operands)]
    block = BLOCK if xp is np else max(1, result.size)
    for start in range(0, result.size, block):
        yield tuple(array[start : start + block] for array in arrays)


def _flat(array: Array) -> Array:
    """The elements of an array in engine order, in the order that they have in memory: a view."""
    return layout.stored(array).reshape(-1)
