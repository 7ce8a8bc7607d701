"""Memory for large arrays, used again instead of given back.

The system hands out large memory in pages that fault when they are first touched, so a training step that allocates its
activations anew pays for every one of them, in every step. Here the memory of an array that is gone waits for the next
one of its size.

An array is never taken away from whoever holds it. A block is lent to one array, which every view of it and every
buffer made of it keeps alive, because the array does not own its memory and is not made on another array: NumPy then
makes it the ``base`` of its views. Only its death returns the block. That may come at any moment and on any thread,
also inside this module, so it does no more than append the loan to a queue, and the next request sorts the queue.
(Arrays take no part in cycles that the garbage collector would have to break, so none comes back to life after that.)

Together, the blocks in use and those that wait take no more than the blocks in use ever took, and ``SLACK``. Where a
new block would exceed that, the request gets a part of a larger block that waits; where there is none, the blocks that
have waited longest go back to the system.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
import weakref
from collections import deque
from typing import Any, NamedTuple

import numpy as np

from tinyconv.core.arrays import Array

SMALLEST = 1 << 16
"""Bytes: below it, the allocator of the C library has memory at hand that has been touched before."""

SLACK = 1 << 23
"""Bytes: so much may wait, in blocks of the sizes that a small network asks for, before blocks are cut and joined."""

LINE = 64
"""Bytes: a block begins where a line of the cache does, so that no vector lies across two."""


class Statistics(NamedTuple):
    """Bytes of blocks in use, of those that wait, and the most that were in use at once."""

    in_use: int
    waiting: int
    peak: int


class _Block:
    """Bytes ``start`` to ``start + size`` of a segment, which is memory as the system gave it; ``buffer``: these bytes.

    ``freed``: when it was returned, in returns since the start of the process.
    """

    __slots__ = ("buffer", "freed", "segment", "size", "start")

    def __init__(self, segment: memoryview, start: int, size: int, freed: int = 0) -> None:
        self.buffer = segment[start : start + size]
        self.segment, self.start, self.size, self.freed = segment, start, size, freed

    @property
    def is_whole_segment(self) -> bool:
        return self.size == self.segment.nbytes


def _segment(size: int) -> memoryview:
    """Memory from the system, from the start of a line of the cache on."""
    memory = np.empty(size + LINE - 1, np.uint8)
    # Of a type that is no NumPy array: arrays made on it are then the base of their views.
    array = (ctypes.c_ubyte * size).from_buffer(memory, -memory.ctypes.data % LINE)  # type: ignore[arg-type]
    array.is_of_pool = True  # type: ignore[attr-defined]
    return memoryview(array).cast("B")


def is_lent(base: object) -> bool:
    """Whether ``base``, the ``base`` of an array, is memory of a pool, which is lent to that array alone.

    NumPy makes an array on a memoryview, of all or a part of a segment, an array on what the segment was made of.
    """
    return getattr(base, "is_of_pool", False)


class _Loan(weakref.ref[Array]):
    """Tells of the death of the array that ``block`` was lent to, if it is alive then itself: the pool holds it."""

    __slots__ = ("block",)
    block: _Block


class Pool:
    """Blocks that wait, on shelves by size; on each shelf the last returned on top, the likeliest to be in a cache.

    Sizes are 8 to 15 times a power of two, so an array leaves at most an eighth of its block unused.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may allocate while its thread is in here
        self._loans: dict[int, _Loan] = {}
        self._returned: deque[_Loan] = deque()
        self._shelves: dict[int, list[_Block]] = {}
        self._in_use = self._owned = self._peak = self._clock = 0

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> Array:
        """An uninitialised array of ``size`` bytes."""
        shift = size.bit_length() - 4
        size = ((size - 1 >> shift) + 1) << shift
        with self._lock:
            if self._returned:
                self._sort()
            shelf = self._shelves.get(size)
            block = shelf.pop() if shelf else self._unusual_block(size)
            try:
                array: Array = np.ndarray(shape, dtype, block.buffer)
                loan = _Loan(array, self._returned.append)
                loan.block = block
                self._loans[id(loan)] = loan
            except BaseException:
                self._shelve(block)
                raise
            self._in_use += size
            if self._in_use > self._peak:
                self._peak = self._in_use
        return array

    def _sort(self) -> None:
        """Put what has been returned on its shelves."""
        while self._returned:
            loan = self._returned.popleft()
            del self._loans[id(loan)]
            self._clock += 1
            loan.block.freed = self._clock
            self._shelve(loan.block)
            self._in_use -= loan.block.size

    def _shelve(self, block: _Block) -> None:
        self._shelves.setdefault(block.size, []).append(block)

    # --- where no block of the size waits ---------------------------------------------------------------------------

    def _unusual_block(self, size: int) -> _Block:
        """A new block; if that would be more than may be owned, a part of a larger one that waits."""
        allowed = max(self._peak, self._in_use + size) + SLACK
        if self._owned + size > allowed:
            block = self._part(size)
            if block is not None:
                return block
            self._let_go(self._owned + size - allowed)
        try:
            segment = _segment(size)
        except MemoryError:
            self._let_go(self._owned)
            segment = _segment(size)
        self._owned += size
        return _Block(segment, 0, size)

    def _part(self, size: int) -> _Block | None:
        """The first bytes of the smallest block that is large enough, once neighbours that wait are one block."""
        self._join()
        fitting = [larger for larger, shelf in self._shelves.items() if larger >= size and shelf]
        if not fitting:
            return None
        block = self._shelves[min(fitting)].pop()
        if block.size > size:
            self._shelve(_Block(block.segment, block.start + size, block.size - size, block.freed))
            block = _Block(block.segment, block.start, size)
        return block

    def _join(self) -> None:
        """Make one block of those that wait side by side."""
        waiting = sorted(self._waiting(), key=lambda block: (id(block.segment), block.start))
        self._shelves.clear()
        joined = waiting[:1]
        for block in waiting[1:]:
            last = joined[-1]
            if last.segment is block.segment and last.start + last.size == block.start:
                freed = max(last.freed, block.freed)
                joined[-1] = _Block(block.segment, last.start, last.size + block.size, freed)
            else:
                joined.append(block)
        for block in sorted(joined, key=lambda block: block.freed):
            self._shelve(block)

    def _waiting(self) -> list[_Block]:
        return [block for shelf in self._shelves.values() for block in shelf]

    def _let_go(self, size: int) -> None:
        """Give ``size`` bytes or more back to the system, if so many wait, those first that have waited longest."""
        self._join()
        whole = [block for block in self._waiting() if block.is_whole_segment]
        for block in sorted(whole, key=lambda block: block.freed):
            if size <= 0:
                break
            self._shelves[block.size].remove(block)
            self._owned -= block.size
            size -= block.size

    def empty(self) -> None:
        """Give all that waits back to the system, and forget the peak."""
        with self._lock:
            self._sort()
            self._let_go(self._owned)
            self._peak = self._in_use

    def statistics(self) -> Statistics:
        with self._lock:
            self._sort()
            return Statistics(self._in_use, self._owned - self._in_use, self._peak)

    def renew_lock(self) -> None:
        """In a child process, where the thread that held it may be missing."""
        self._lock = threading.RLock()


_pool = Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.renew_lock)


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """An uninitialised C-contiguous array, as ``numpy.empty`` makes it; if it is large, on memory used before."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALLEST or size >> 48 or dtype.hasobject:
        return np.empty(shape, dtype)
    return _pool.array(shape, dtype, size)


def empty_cache() -> None:
    """Give the memory that waits for the next large array back to the system.

    Large arrays (64 KB and more) that are gone leave their memory for those to come, because new memory is slow when it
    is first written. All in all no more is kept than arrays once took at the same time, and 8 MB. Arrays in use stay.

    Raises: nothing of its own.

    >>> x = tc.ones(1000, 1000)
    >>> del x
    >>> tc.empty_cache()
    >>> tc.core.pool.statistics().waiting
    0
    """
    _pool.empty()


def statistics() -> Statistics:
    """What the pool holds now."""
    return _pool.statistics()
