"""Arrays that have a shape and no memory, and the mode in which operations make only such.

A network is counted by them before its memory is taken: 553 MB for the weights of VGG-16. Within ``shapes_only`` layers
have weights without memory, initialisers leave those alone, and operations on the CPU answer with the shape of their
result (``backends.shapes``). What is computed by NumPy is computed as ever, from zeros.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array


class _Mode(threading.local):
    shapes_only = False


_mode = _Mode()
_counting = threading.Lock()

blocks = 0
"""How many ``shapes_only`` blocks are open, on all threads: while there is none, nobody need look at their own."""


@contextmanager
def shapes_only(wanted: bool = True) -> Iterator[None]:
    """Until the block ends or raises, what this thread builds and runs has shapes alone; unless it is not ``wanted``.

    Raises: nothing of its own.

    >>> from tinyconv.core.shapes import shapes_only
    >>> with shapes_only():
    ...     nn.Linear(10**6, 10**6).weight.numel()
    1000000000000
    """
    global blocks
    before, _mode.shapes_only = _mode.shapes_only, wanted
    with _counting:
        blocks += 1
    try:
        yield
    finally:
        with _counting:
            blocks -= 1
        _mode.shapes_only = before


def is_shapes_only() -> bool:
    """Whether this thread is in such a block."""
    return _mode.shapes_only


def shape_alone(shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of zeros whose elements are all the same one in memory. It may be written, for what that is worth."""
    return np.lib.stride_tricks.as_strided(np.zeros(1, dtype), shape, (0,) * len(shape))


def has_no_memory(array: Any) -> bool:
    """Whether ``array`` is one of ``shape_alone`` of several elements."""
    return array.size > 1 and not any(array.strides)
