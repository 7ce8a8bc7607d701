"""The memory that results hold while a profile watches: made, kept for the backward, let go."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from tinyconv.core.arrays import Array


class _Block:
    """One piece of memory, for as long as an array holds it."""

    def __init__(self, owner: Array, gone: Callable[[Any], None]) -> None:
        self.bytes = owner.nbytes
        self.kept = False
        self.reference = weakref.ref(owner, gone)


class LiveMemory:
    """Counts every piece of memory once, however many views of it there are, until its last one is gone."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        # Arrays may go at any moment and on any thread: that is only noted, and counted at the next look.
        self._gone: deque[int] = deque()
        self.bytes = 0
        self.peak = 0

    def made(self, results: Iterable[Array], operands: Iterable[Array]) -> int:
        """Note the results of an operation; returns how many bytes of memory are new (those of views are not)."""
        self.settle()
        known = {id(_owner(array)) for array in operands}
        return sum(self._add(_owner(array)) for array in results if id(_owner(array)) not in known)

    def kept(self, arrays: Iterable[Array], operands: Iterable[Array]) -> int:
        """Note what an operation keeps for its backward; returns how many bytes nobody kept before.

        Operands that no watched operation made are parameters, or the user's data: they are there anyway.
        """
        self.settle()
        given = {id(_owner(array)) for array in operands}
        count = 0
        for owner in map(_owner, arrays):
            if id(owner) not in self._blocks:
                if id(owner) in given:
                    continue
                self._add(owner)
            block = self._blocks[id(owner)]
            if not block.kept:
                block.kept = True
                count += block.bytes
        return count

    def settle(self) -> int:
        """The bytes that are held now."""
        while self._gone:
            self.bytes -= self._blocks.pop(self._gone.popleft()).bytes
        return self.bytes

    def _add(self, owner: Array) -> int:
        key = id(owner)
        if key in self._blocks:
            return 0

        block = self._blocks[key] = _Block(owner, lambda _: self._gone.append(key))
        self.bytes += block.bytes
        self.peak = max(self.peak, self.bytes)
        return block.bytes


def _owner(array: Array) -> Array:
    """The array that owns the memory under ``array``."""
    while isinstance(array.base, type(array)):
        array = array.base
    return array
