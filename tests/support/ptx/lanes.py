"""The threads that execute an instruction together, and the warps they belong to."""

from __future__ import annotations

from functools import cached_property

import numpy as np

WARP = 32


class Lanes:
    """Numbers of threads, ascending; ``index`` is what selects them in an array that holds every thread.

    Threads are numbered through all blocks that run at once, each block filled up to whole warps with threads that do
    not exist: so thread // 32 is the warp, and a warp's threads are a row of a (warps, 32) array.
    """

    def __init__(self, numbers: np.ndarray, total: int):
        self.numbers = numbers
        self.total = total
        self.count = len(numbers)
        self.everyone = self.count == total
        self.index = slice(None) if self.everyone else numbers

    def where(self, chosen: np.ndarray) -> Lanes:
        """Those of the threads for which ``chosen`` holds."""
        return self if chosen.all() else Lanes(self.numbers[chosen], self.total)

    @cached_property
    def mask(self) -> np.ndarray:
        """For every thread, whether it is one of these."""
        mask = np.zeros(self.total, np.bool_)
        mask[self.index] = True
        return mask

    @cached_property
    def warps(self) -> np.ndarray:
        """The numbers of the warps that have a thread here."""
        return np.flatnonzero(self.mask.reshape(-1, WARP).any(1))

    @cached_property
    def whole_warps(self) -> bool:
        return self.count == WARP * len(self.warps)

    def spread(self, values: np.ndarray, filler: int) -> np.ndarray:
        """``values`` of these threads by warps, (warps, 32, ...), with ``filler`` for the threads that are not here."""
        whole = np.full((self.total, *values.shape[1:]), filler, values.dtype)
        whole[self.index] = values
        return whole.reshape(-1, WARP, *values.shape[1:])[self.warps]


def bits_of_warps(mask: np.ndarray) -> np.ndarray:
    """A mask of threads as a 32-bit number of each warp."""
    return np.packbits(mask.reshape(-1, WARP), axis=1, bitorder="little").view("<u4")[:, 0]
