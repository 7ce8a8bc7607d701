"""Several processes that compute one thing together, as the floors see them; ``train/parallel`` makes them of MPI.

Every process calls the same methods in the same order, with arrays of the same shape and type: each call is a meeting,
in which those that come early wait for the others. Arrays are C-contiguous and in the processor's memory.
"""

from __future__ import annotations

from typing import Protocol

from tinyconv.core.arrays import Array


class Pending(Protocol):
    """A sum that is on its way."""

    def poke(self) -> None:
        """Let it go on, if it can: most messages only move while somebody asks for them."""

    def wait(self) -> None:
        """Return when the sum stands in the array."""


class Communicator(Protocol):
    """The processes of one training: this one is number ``rank`` (from 0) of ``ranks``.

    Raises: whatever the library under it raises when another process is gone.

    >>> from tinyconv.train.parallel import Alone
    >>> Alone().ranks
    1
    """

    @property
    def rank(self) -> int:
        """The number of this process."""

    @property
    def ranks(self) -> int:
        """How many there are."""

    def sum(self, array: Array) -> None:
        """Replace ``array`` by the sum of all processes' arrays: the same bits everywhere, and each time."""

    def start_sum(self, array: Array) -> Pending:
        """Begin ``sum``; until it has been waited for, ``array`` is neither read nor written."""

    def broadcast(self, array: Array) -> None:
        """Replace ``array`` by that of process 0."""

    def gather(self, array: Array) -> Array:
        """All processes' arrays, (ranks, ...), in the order of their numbers."""

    def abort(self, code: int) -> None:
        """End all processes at once, with exit code ``code``; does not return where there are others."""


class Done:
    """A sum that needs no waiting."""

    def poke(self) -> None:
        return

    def wait(self) -> None:
        return


class Alone(Communicator):
    """The communicator of a process that has no others: sums are what they were.

    Raises: nothing of its own.

    >>> from tinyconv.train.parallel import Alone
    >>> alone, numbers = Alone(), np.array([1.0, 2.0])
    >>> alone.sum(numbers)
    >>> numbers.tolist(), alone.gather(numbers).shape
    ([1.0, 2.0], (1, 2))
    """

    rank, ranks = 0, 1

    def sum(self, array: Array) -> None:
        return

    def start_sum(self, array: Array) -> Pending:
        return Done()

    def broadcast(self, array: Array) -> None:
        return

    def gather(self, array: Array) -> Array:
        gathered: Array = array[None].copy()
        return gathered

    def abort(self, code: int) -> None:
        return


_world: Communicator = Alone()


def world() -> Communicator:
    """The processes that compute together with this one: it alone, unless ``join_world`` met others.

    Raises: nothing of its own.

    >>> from tinyconv.train.parallel import world
    >>> world().rank
    0
    """
    return _world


def join(communicator: Communicator) -> None:
    """Make ``communicator`` the one of everything that is not given another."""
    global _world
    _world = communicator
