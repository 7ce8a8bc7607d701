"""Ctrl-C and SIGTERM, held back until a training stands between two steps, where its state is whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class HeldSignals:
    """Notes the first SIGINT or SIGTERM and lets the work go on; who holds it asks and delivers. A second one acts at
    once, for a step may take long.

    A signal that the process ignores stays ignored. Outside the main thread, which alone receives signals, nothing is
    held.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def hold(self) -> None:
        """Hold signals from now on; again does nothing."""
        if self._previous or threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._previous[number] = signal.signal(number, self._note)

    def release(self) -> None:
        """Let signals act as they did before ``hold``."""
        while self._previous:
            signal.signal(*self._previous.popitem())

    def deliver(self) -> None:
        """Release, and let the signal that was received, if any, act now: most likely it raises KeyboardInterrupt."""
        number, self.received = self.received, None
        self.release()
        if number is not None:
            signal.raise_signal(number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        first, self.received = self.received is None, number
        if not first:
            self.deliver()


def interruption_behind(error: BaseException) -> KeyboardInterrupt | None:
    """The Ctrl-C that caused ``error``: a compiler that it interrupts may raise an error of its own over it."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, KeyboardInterrupt):
        reason = reason.__cause__ or reason.__context__
    return reason
