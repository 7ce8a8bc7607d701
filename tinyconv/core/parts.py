"""Which samples of a batch this process computes, where several processes share one.

Random numbers that belong to samples, such as dropout's, are then those of the whole batch: each process draws those
of its own samples, so that a network that is trained by several computes what it would in one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _ThisThread(threading.local):
    first, samples = 0, 0


_this_thread = _ThisThread()


@contextmanager
def part_of_batch(first: int, samples: int) -> Iterator[None]:
    """In the block, on this thread, ``samples`` samples of a larger batch are computed, from number ``first`` on."""
    before = _this_thread.first, _this_thread.samples
    _this_thread.first, _this_thread.samples = first, samples
    try:
        yield
    finally:
        _this_thread.first, _this_thread.samples = before


def numbers_before(shape: tuple[int, ...]) -> int:
    """How many numbers the samples before this process's take, of those drawn for an array of ``shape``, sample by
    sample.

    Where the samples are not counted by the first dimension, or by a multiple of it, the array is no part of a batch
    (a weight, say): every process draws the same for it.
    """
    samples = _this_thread.samples
    if not samples or not shape or shape[0] % samples:
        return 0
    return _this_thread.first * (math.prod(shape) // samples)
