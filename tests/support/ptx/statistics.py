"""What a run cost: instructions, bank conflicts in shared memory, sectors of global memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

BANKS = 32
SECTOR = 32  # bytes that global memory moves at once


@dataclass
class Statistics:
    """Counts over all blocks of a launch, by the instruction's full name; a warp's execution counts as one.

    ``wavefronts`` are the passes that shared memory needed, ``conflicts`` those of them that a better layout would
    have saved. ``sectors`` are the 32-byte pieces of global memory that were moved, ``requested`` the bytes of them
    that some thread wanted.
    """

    opcodes: Counter[str] = field(default_factory=Counter)
    wavefronts: Counter[str] = field(default_factory=Counter)
    conflicts: Counter[str] = field(default_factory=Counter)
    sectors: Counter[str] = field(default_factory=Counter)
    requested: Counter[str] = field(default_factory=Counter)

    @property
    def instructions(self) -> int:
        return self.opcodes.total()

    def executed(self, prefix: str) -> int:
        """How many instructions whose names begin so."""
        return sum(count for name, count in self.opcodes.items() if name.startswith(prefix))

    def shared(self, name: str, words: np.ndarray) -> None:
        """``words``: (passes, 32) numbers of 4-byte words that one pass could move; -1 where a thread is not there.

        A pass moves one word of every bank, to as many threads as want that word: what it takes is the largest number
        of different words in one bank.
        """
        words = np.sort(words, axis=1)
        different = words >= 0
        different[:, 1:] &= words[:, 1:] != words[:, :-1]
        rows = np.broadcast_to(np.arange(len(words))[:, None], words.shape)
        banks = (rows * BANKS + words % BANKS)[different]
        busiest = np.bincount(banks, minlength=len(words) * BANKS).reshape(-1, BANKS).max(1)
        self.wavefronts[name] += int(busiest.sum())
        self.conflicts[name] += int(busiest.sum() - np.count_nonzero(busiest))

    def global_memory(self, name: str, addresses: np.ndarray, size: int) -> None:
        """``addresses``: (warps, 32) of the ``size`` bytes that each thread moves; -1 where a thread is not there."""
        self.sectors[name] += _different(np.where(addresses < 0, -1, addresses // SECTOR))
        self.requested[name] += _different(addresses) * size


def _different(rows: np.ndarray) -> int:
    """How many different numbers the rows hold, counted row by row, without the negative ones."""
    rows = np.sort(rows, axis=1)
    different = rows >= 0
    different[:, 1:] &= rows[:, 1:] != rows[:, :-1]
    return int(np.count_nonzero(different))
