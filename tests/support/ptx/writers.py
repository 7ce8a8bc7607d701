"""Who wrote which word of global memory in a launch: blocks run in any order, and no two may write the same word.

Inside a block a barrier orders what its threads do. Between blocks nothing does, unless the program counts arrivals
with atomics, as the last block of a reduction does to read what the others left: such programs are trusted with that.
Words are of 4 bytes; narrower accesses are not checked, since neighbours may share a word.
"""

from __future__ import annotations

import numpy as np

from ptx.errors import refuse
from ptx.lanes import WARP

WORD = 4
BLOCK = 2048  # numbers for each block's threads, of which there are at most 1024, and none of which is 0


class Writers:
    def __init__(self, capacity: int):
        self.thread = np.zeros(capacity // WORD, np.int32)  # 0: nobody
        self.phase = np.zeros(capacity // WORD, np.int32)  # how many barriers its block had passed

    def begin(self, top: int) -> None:
        self.thread[: top // WORD] = 0

    def write(self, at: np.ndarray, size: int, threads: np.ndarray, phases: np.ndarray) -> None:
        """Threads, after so many barriers of their blocks, write ``size`` bytes each."""
        if size < WORD:
            return
        words = at // WORD
        reason = "races: writes global memory that another thread wrote (WAW)"
        refuse(self._unordered(words, threads, phases), reason)
        self.thread[words] = threads
        refuse((self.thread[words] - 1) // WARP != (threads - 1) // WARP, reason)  # with this very instruction
        self.phase[words] = phases

    def read(self, at: np.ndarray, size: int, threads: np.ndarray, phases: np.ndarray, counted: bool) -> None:
        """``counted``: the program has used atomics, so that blocks may know of each other."""
        words = at // WORD
        if size < WORD or not self.thread[words].any():
            return
        unordered = self._unordered(words, threads, phases)
        if counted:
            unordered &= self.thread[words] // BLOCK == threads // BLOCK
        refuse(unordered, "races: reads global memory that another thread wrote (RAW)")

    def _unordered(self, words: np.ndarray, threads: np.ndarray, phases: np.ndarray) -> np.ndarray:
        writer = self.thread[words]
        same_block = writer // BLOCK == threads // BLOCK
        return (writer != 0) & (writer != threads) & ~(same_block & (self.phase[words] < phases))
