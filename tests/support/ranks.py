"""Several ranks without MPI: threads of one process that meet at a barrier, for tests of what they compute together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.core.communication import Done

PATIENCE = 30
"""Seconds after which a rank that waits alone gives up: the others have failed, and their error is the one to show."""


class Thread:
    """The communicator of one of several threads."""

    def __init__(self, rank: int, tables: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.ranks = rank, len(tables)
        self._tables, self._barrier = tables, barrier
        self.sums: list[int] = []
        """The sizes of the arrays that were summed up, in order."""

    def gather(self, array: np.ndarray) -> np.ndarray:
        self._tables[self.rank] = array.copy()
        self._barrier.wait(PATIENCE)
        gathered = np.stack(self._tables)
        self._barrier.wait(PATIENCE)
        return gathered

    def sum(self, array: np.ndarray) -> None:
        self.sums.append(array.size)
        array[...] = self.gather(array).sum(axis=0)

    def start_sum(self, array: np.ndarray) -> Done:
        self.sum(array)
        return Done()

    def broadcast(self, array: np.ndarray) -> None:
        array[...] = self.gather(array)[0]

    def abort(self, code: int) -> None:
        self._barrier.abort()


def together(ranks: int, program: Callable[[Thread], Any]) -> list[Any]:
    """What ``program`` returns on each of ``ranks`` ranks; the first error, if one fails."""
    tables, barrier = [None] * ranks, threading.Barrier(ranks)
    results: list[Any] = [None] * ranks
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        try:
            results[rank] = program(Thread(rank, tables, barrier))
        except BaseException as error:
            if not isinstance(error, threading.BrokenBarrierError):
                errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
