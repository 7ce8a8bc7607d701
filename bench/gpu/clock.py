"""How long calls take: on a GPU between two events, on a processor by its clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from tinyconv.core import gpu


class Passed(NamedTuple):
    """Seconds for each of several calls in a row. ``host``: until Python was free again, on a GPU perhaps sooner."""

    device: float
    host: float


class Clock(Protocol):
    """What measures."""

    def time(self, call: Callable[[], object], calls: int) -> Passed:
        """``calls`` in a row, nothing waited for between them."""

    def behind(self, ahead: Callable[[], object], call: Callable[[], object]) -> Passed:
        """One ``call``, handed over while the device is still busy with what ``ahead`` gave it."""

    def synchronize(self) -> None:
        """Wait until everything is computed. Raises what went wrong on the device."""


class HostClock:
    """For a device whose calls return when they are done."""

    def time(self, call: Callable[[], object], calls: int) -> Passed:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        seconds = (time.perf_counter() - start) / calls
        return Passed(seconds, seconds)

    def behind(self, ahead: Callable[[], object], call: Callable[[], object]) -> Passed:
        ahead()
        return self.time(call, 1)

    def synchronize(self) -> None:
        """Nothing is ever pending."""


class EventClock:
    """Events of CUDA, in the stream that CuPy, and PyTorch too unless told otherwise, computes in."""

    def __init__(self) -> None:
        self.cuda: Any = gpu.array_module().cuda

    def time(self, call: Callable[[], object], calls: int) -> Passed:
        self.synchronize()
        return self._between(call, calls)

    def behind(self, ahead: Callable[[], object], call: Callable[[], object]) -> Passed:
        self.synchronize()
        ahead()
        return self._between(call, 1)

    def _between(self, call: Callable[[], object], calls: int) -> Passed:
        before, after = self.cuda.Event(), self.cuda.Event()
        start = time.perf_counter()
        before.record()
        for _ in range(calls):
            call()
        after.record()
        host = time.perf_counter() - start
        after.synchronize()
        return Passed(self.cuda.get_elapsed_time(before, after) / 1000 / calls, host / calls)

    def synchronize(self) -> None:
        self.cuda.runtime.deviceSynchronize()
