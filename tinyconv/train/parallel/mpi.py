"""The communicator that MPI makes of processes. The only file that imports mpi4py."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import numpy as np
from mpi4py import MPI

from tinyconv.core.arrays import Array
from tinyconv.core.communication import Pending
from tinyconv.train.parallel.last_words import wait_until_read

ERROR = 1
"""The exit code of a job of which one process ended with an error that nothing caught."""

PATIENCE = 5.0
"""Seconds that the launcher has to read what a process said last."""


class MPICommunicator:
    """All processes that one launcher started. See ``Communicator`` for the methods.

    Sums that were begun and not waited for have a channel of their own: which of them are on their way, and when, is
    no matter to the other calls.

    MPI adds in an order that depends on the number of processes and the length of an array, not on who comes first: so
    results are the same in every run with as many processes, and on all of them.
    """

    def __init__(self) -> None:
        self._meetings: Any = MPI.COMM_WORLD.Dup()
        self._sums: Any = MPI.COMM_WORLD.Dup()
        self.rank, self.ranks = int(self._meetings.rank), int(self._meetings.size)
        _end_all_after_an_error(self)

    def sum(self, array: Array) -> None:
        self._meetings.Allreduce(MPI.IN_PLACE, array)

    def start_sum(self, array: Array) -> Pending:
        return _Request(self._sums.Iallreduce(MPI.IN_PLACE, array))

    def broadcast(self, array: Array) -> None:
        self._meetings.Bcast(array)

    def gather(self, array: Array) -> Array:
        gathered = np.empty((self.ranks, *array.shape), array.dtype)
        self._meetings.Allgather(array, gathered)
        return gathered

    def abort(self, code: int) -> None:
        MPI.COMM_WORLD.Abort(code)


class _Request:
    """A sum that MPI moves on whenever it is called."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def poke(self) -> None:
        self._request.Test()

    def wait(self) -> None:
        self._request.Wait()


def _end_all_after_an_error(communicator: MPICommunicator) -> None:
    """The others would wait for ever for a process that has ended: they end with it, after its traceback."""
    report = sys.excepthook

    def report_and_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        report(kind, error, trace)
        wait_until_read(sys.stderr, PATIENCE)
        communicator.abort(ERROR)

    sys.excepthook = report_and_end
