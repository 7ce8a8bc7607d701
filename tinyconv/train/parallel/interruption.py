"""Ctrl-C and SIGTERM, where several processes must stop at the same place.

A process that stops at once, in the middle of a step, leaves the others waiting for it for ever. So it remembers the
signal, tells the others at the next batch, and all stop there together.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """What this process has heard."""

    def __init__(self) -> None:
        self._heard: int | None = None
        self._handlers: dict[int, Any] = {}

    @property
    def is_wanted(self) -> bool:
        """Whether a signal has come."""
        return self._heard is not None

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """A block in which the first signal is remembered; a second one acts at once, as without this.

        Only signals that raise an exception are: one that is ignored, or ends the process, goes on to do so.
        """
        if threading.current_thread() is not threading.main_thread():  # it may not listen to signals
            yield
            return
        self._heard = None
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self._handlers = {number: handler for number, handler in before.items() if callable(handler)}
        for number in self._handlers:
            signal.signal(number, self._hear)
        try:
            yield
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: Any) -> None:
        if self._heard is None:
            self._heard = number
        else:
            self._handlers[number](number, frame)

    def act(self) -> NoReturn:
        """Raise what the signal would have raised; ``KeyboardInterrupt`` where another process heard it."""
        heard, self._heard = self._heard, None
        if heard is not None:
            self._handlers[heard](heard, None)
        raise KeyboardInterrupt
