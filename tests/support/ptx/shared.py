"""Shared memory, and the order in which warps may know that it was written.

Every warp has a clock that ticks whenever it synchronises, and remembers what it knows of the other warps' clocks: at
a barrier each learns what all know. A write is stamped with its warp's clock. Whoever touches the word later races with
it unless it knows of that time: whatever order the interpreter happened to run the warps in (Lamport's happens-before).

Words that nobody wrote or read since the last barrier of the whole block need none of this: ``flags`` says so quickly.
Races are kept by 4-byte words; narrower accesses are checked for bounds only, since neighbours may share a word.
"""

from __future__ import annotations

import numpy as np

from ptx.errors import refuse
from ptx.lanes import WARP, Lanes
from ptx.memory import EXISTS, WRITTEN, Store
from ptx.types import FLOAT32

WINDOW = 1024  # the address of the first byte: what lies below is the system's own
WORD = 4
# A word's flags. Since the last barrier of the whole block it was written, or read; a copy that nobody waited for is
# still filling it; an unfinished wgmma reads it; it was written by ordinary instructions and no proxy fence followed.
RECENT_WRITE, RECENT_READ, FILLING, DRAINING, UNFENCED = 1, 2, 4, 8, 16


class SharedMemory(Store):
    def __init__(self, blocks: int, warps: int, size: int):
        self.size = size
        self.stride = -(-size // 16) * 16 + 16
        self.warps = warps
        super().__init__(blocks * self.stride)
        self.state[:-16].reshape(-1, self.stride)[:, :size] = EXISTS
        self.data.view(FLOAT32)[:] = np.nan
        words = len(self.data) // WORD
        self.flags = np.zeros(words, np.uint8)
        self.writer = np.full(words, -1, np.int32)
        self.written = np.zeros(words, np.int32)
        self.atomic = np.zeros(words, np.bool_)
        self.read = np.zeros(words * warps, np.int32)
        self.clock = np.zeros((blocks, warps, warps), np.int32)
        self.clock[:, np.arange(warps), np.arange(warps)] = 1

    # Synchronisation

    def arrive(self, block: int, warps: np.ndarray) -> np.ndarray:
        """Warps of a block come to a barrier: what they know together. What they do from here on is later."""
        known = self.clock[block][warps].max(0)
        self.clock[block, warps, warps] += 1
        return known

    def leave(self, block: int, warps: np.ndarray, known: np.ndarray, whole: bool) -> None:
        """Warps go on from a barrier, at which all of the block waited if ``whole``, and have learned ``known``."""
        self.clock[block, warps] = np.maximum(self.clock[block, warps], known)
        if whole:
            words = self.stride // WORD
            self.flags[block * words : (block + 1) * words] &= ~np.uint8(RECENT_WRITE | RECENT_READ)

    def warp_barrier(self, warps: np.ndarray) -> None:
        """The threads of each of these warps (by number through all blocks) have met."""
        block, warp = warps // self.warps, warps % self.warps
        self.clock[block, warp, warp] += 1

    # Access

    def locate(self, address: np.ndarray, threads: np.ndarray, size: int, doing: str) -> np.ndarray:
        """Positions in the store of ``size`` bytes at each address of each thread's block."""
        misplaced = address % size != 0
        refuse(misplaced, f"{doing} {size} bytes of shared memory at {{:#x}}, which is no multiple of {size}", address)
        inside = address - WINDOW
        bad = (inside < 0) | (inside + size > self.size)
        refuse(bad, f"{doing} {size} bytes of shared memory out of bounds: byte {{}} of {self.size}", inside)
        return threads // (WARP * self.warps) * self.stride + inside

    def reads(self, at: np.ndarray, threads: np.ndarray, size: int, atomic: bool = False) -> None:
        """Threads read ``size`` bytes at each of their positions."""
        if size < WORD:
            refuse(self.check(at, size, WRITTEN), "reads shared memory that was never written")
            return
        words, threads = _words(at, threads, size)
        flags = self.flags[words]
        filling = flags & FILLING != 0
        _refuse(filling, "reads shared memory that an asynchronous copy is still filling: not waited for", size)
        _refuse(self.check(words * WORD, WORD, WRITTEN), "reads shared memory that was never written", size)
        recent = flags & RECENT_WRITE != 0
        if recent.any():
            recent &= self._unknown_write(words, threads, atomic)
            _refuse(recent, "races: reads what another thread wrote with no barrier between (RAW)", size)
        if not atomic:  # an update counts as a write
            self.stamp_reads(words, threads)

    def stamp_reads(self, words: np.ndarray, threads: np.ndarray) -> None:
        warp = threads // WARP
        block, mine = warp // self.warps, warp % self.warps
        self.flags[words] |= np.uint8(RECENT_READ)
        self.read[words * self.warps + mine] = self.clock[block, mine, mine]

    def writes(self, at: np.ndarray, threads: np.ndarray, size: int, atomic: bool = False) -> None:
        """Threads write ``size`` bytes at each of their positions; the caller stores them."""
        if size < WORD:
            return
        words, threads = self.may_write(at, threads, size, atomic)
        self.stamp(words, threads, atomic)

    def may_write(
        self, at: np.ndarray, threads: np.ndarray, size: int, atomic: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        words, threads = _words(at, threads, size)
        flags = self.flags[words]
        filling = flags & FILLING != 0
        _refuse(filling, "writes shared memory that an asynchronous copy is still filling: not waited for", size)
        _refuse(flags & DRAINING != 0, "writes shared memory that an unfinished wgmma still reads", size)
        recent = flags & RECENT_WRITE != 0
        if recent.any():
            recent &= self._unknown_write(words, threads, atomic)
            _refuse(recent, "races: writes what another thread wrote with no barrier between (WAW)", size)
        recent = flags & RECENT_READ != 0
        if recent.any():
            warp = threads[recent] // WARP
            block, mine = warp // self.warps, warp % self.warps
            stamps = self.read.reshape(-1, self.warps)[words[recent]]
            known = self.clock[block, mine].copy()
            known[np.arange(len(mine)), mine] += 1  # a warp's own reads come before, its instructions being in order
            recent[recent] = (stamps > known).any(1)
            _refuse(recent, "races: writes what another warp reads with no barrier between (WAR)", size)
        return words, threads

    def stamp(self, words: np.ndarray, threads: np.ndarray, atomic: bool = False) -> None:
        warp = threads // WARP
        block, mine = warp // self.warps, warp % self.warps
        self.flags[words] |= np.uint8(RECENT_WRITE | UNFENCED)
        self.writer[words] = threads
        self.written[words] = self.clock[block, mine, mine]
        self.atomic[words] = atomic

    def _unknown_write(self, words: np.ndarray, threads: np.ndarray, atomic: bool) -> np.ndarray:
        """Where the last write is by another thread, at a time that this one does not know of.

        Of its own warp a thread knows everything up to the last time the warp met (``bar.warp.sync``).
        """
        writer = self.writer[words]
        warp = threads // WARP
        block, mine, other = warp // self.warps, warp % self.warps, writer // WARP % self.warps
        unknown = (writer != threads) & (self.written[words] > self.clock[block, mine, other] - (other == mine))
        return unknown & ~self.atomic[words] if atomic else unknown

    # The asynchronous proxy

    def proxy_fence(self, lanes: Lanes) -> None:
        """What these threads wrote may be read by wgmma, once a barrier tells of it."""
        self.flags[(self.writer >= 0) & lanes.mask[self.writer]] &= ~np.uint8(UNFENCED)


def _refuse(bad: np.ndarray, reason: str, size: int) -> None:
    """``bad`` is by words, of which each access has several."""
    if bad.any():
        refuse(bad.reshape(-1, size // WORD).any(1), reason)


def _words(at: np.ndarray, threads: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    if size == WORD:
        return at // WORD, threads
    count = size // WORD
    return (at[:, None] // WORD + np.arange(count)).ravel(), np.repeat(threads, count)
