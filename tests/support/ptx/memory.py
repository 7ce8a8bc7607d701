"""Memory that knows which of its bytes exist and which were ever written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from ptx.errors import PtxError, ThreadError, refuse
from ptx.types import BITS
from ptx.writers import Writers

EXISTS, WRITTEN, CHANGED = 1, 2, 4  # the state of a byte; CHANGED: by the kernel that runs
POISON = np.frombuffer(np.uint64(0x7FF8DEAD7FC0DEAD).tobytes(), np.uint8)  # a NaN in either width
PAGE = 256  # arrays begin at its multiples, and at least as many bytes lie between them that do not exist
BASE = 0x7F00_0000_0000


class Store:
    """Bytes and their states; positions are in bytes and, as GPUs demand, multiples of what is read there."""

    def __init__(self, size: int):
        size = -(-size // 16) * 16 + 16
        self.data = np.zeros(size, np.uint8)
        self.state = np.zeros(size, np.uint8)

    def states(self, at: np.ndarray, size: int) -> tuple[np.ndarray, int]:
        """The states of ``size`` bytes at each position as one number, and the factor that repeats a state in it."""
        return self.state.view(BITS[size])[at // size], int("01" * size, 16)

    def check(self, at: np.ndarray, size: int, needed: int, refused: int = 0) -> np.ndarray:
        """Where some byte lacks a ``needed`` state or has a ``refused`` one."""
        states, each = self.states(at, size)
        return (states & states.dtype.type((needed | refused) * each)) != needed * each

    def load(self, at: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return self.data.view(dtype)[at // dtype.itemsize]

    def store(self, at: np.ndarray, values: np.ndarray) -> None:
        """The last thread to write a place wins, as on the hardware some thread does."""
        size = values.dtype.itemsize
        self.data.view(values.dtype)[at // size] = values
        self.state.view(BITS[size])[at // size] = (EXISTS | WRITTEN | CHANGED) * int("01" * size, 16)


class Memory(Store):
    """A GPU's global memory: arrays with gaps between them, in which every access is out of bounds."""

    def __init__(self, capacity: int = 1 << 26):
        super().__init__(capacity)
        self.capacity = capacity
        self.base = BASE  # the address of the first byte
        self.constants: dict[bytes, int] = {}
        self.writers = Writers(capacity)
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.top = PAGE

    def put(self, array: Any) -> int:
        """The address of a copy of ``array``, in C order."""
        array = np.asarray(array, order="C")
        address = self.fresh(array.shape, array.dtype)
        at = address - self.base
        self.data[at : at + array.nbytes] = np.frombuffer(array.tobytes(), np.uint8)
        self.state[at : at + array.nbytes] = EXISTS | WRITTEN
        return address

    def fresh(self, shape: int | Sequence[int], dtype: Any = np.float32) -> int:
        """The address of an array that was never written: NaN to ``get``, and a fault to a kernel that reads it."""
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        at, self.top = self.top, self.top + -(-size // PAGE) * PAGE + PAGE
        if self.top > self.capacity:
            raise PtxError(f"the interpreter's memory of {self.capacity} bytes is full: Memory(capacity=...)")
        self.starts.append(at)
        self.ends.append(at + size)
        self.data[at : at + size] = np.resize(POISON, size)
        self.state[at : at + size] = EXISTS
        return self.base + at

    def get(self, address: int, shape: int | Sequence[int], dtype: Any = np.float32) -> np.ndarray:
        """A copy of what lies at ``address``."""
        dtype = np.dtype(dtype)
        at, size = address - self.base, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if at < 0 or not (self.state[at : at + size] & EXISTS).all():
            raise PtxError(f"{size} bytes at {address:#x} are not all inside one array")
        return np.frombuffer(self.data[at : at + size].tobytes(), dtype).reshape(shape).copy()

    def constant(self, values: np.ndarray) -> int:
        """The address of a table that programs read; the same table lies there once."""
        content = values.tobytes()
        if content not in self.constants:
            self.constants[content] = self.put(values)
        return self.constants[content]

    def begin(self) -> None:
        """A kernel begins: it has changed nothing yet."""
        self.state[: self.top] &= EXISTS | WRITTEN
        self.writers.begin(self.top)

    def locate(self, address: np.ndarray, size: int, items: int, doing: str) -> np.ndarray:
        """The positions of ``items`` values of ``size`` bytes each; a fault where they are not all in one array."""
        total = size * items
        refuse(address % total != 0, f"{doing} {total} bytes at {{:#x}}, which is no multiple of {total}", address)
        at = address - self.base
        # Arrays are at least a page apart, and no access is longer than 16 bytes: existing bytes are of one array.
        bad = (at < 0) | (at + size * items > self.capacity)
        for item in range(items):
            bad |= self.check(np.where(bad, 0, at) + size * item, size, EXISTS)
        self._refuse(bad, f"{doing} {total} bytes of global memory out of bounds", at)
        return at

    def _where(self, at: int) -> str:
        """In words, for an address outside every array."""
        array = bisect_right(self.starts, at) - 1
        if array < 0:
            return f"address {at + self.base:#x}, before every array"
        size = self.ends[array] - self.starts[array]
        return f"at byte {at - self.starts[array]} of array {array}, which has {size}"

    def initialised(self, at: np.ndarray, size: int, doing: str, refused: int = 0) -> None:
        self._refuse(self.check(at, size, WRITTEN), f"{doing} global memory that was never written", at)
        if refused:
            self._refuse(self.check(at, size, 0, refused), f"{doing} as constant (.nc) what this kernel writes", at)

    def _refuse(self, bad: np.ndarray, reason: str, at: np.ndarray) -> None:
        if bad.any():
            first = int(np.argmax(bad))
            raise ThreadError(f"{reason}: {self._where(int(at[first]))}", first)


class LocalMemory(Store):
    """Each thread's own bytes, one thread's behind the other's."""

    def __init__(self, threads: int, size: int):
        self.size = -(-size // 16) * 16
        super().__init__(threads * self.size)
        self.state[:] = EXISTS

    def locate(self, address: np.ndarray, threads: np.ndarray, size: int, items: int, doing: str) -> np.ndarray:
        bad = (address % (size * items) != 0) | (address < 16) | (address + size * items > self.size)
        refuse(bad, f"{doing} {size * items} bytes of local memory out of bounds: byte {{}} of {self.size}", address)
        return threads * self.size + address

    def initialised(self, at: np.ndarray, size: int, doing: str) -> None:
        refuse(self.check(at, size, WRITTEN), f"{doing} local memory that was never written")
