"""Seconds that go on counting where a resumed training left off."""

from __future__ import annotations

import time


class Stopwatch:
    """Runs between ``start`` and ``stop``; ``seconds`` may be read and set at any time."""

    def __init__(self) -> None:
        self._before = 0.0
        self._started: float | None = None

    def start(self) -> None:
        """Count from now on."""
        self._started = time.perf_counter()

    def stop(self) -> None:
        """Keep what was counted."""
        self._before, self._started = self.seconds, None

    @property
    def seconds(self) -> float:
        """What was counted until now."""
        return self._before + (0.0 if self._started is None else time.perf_counter() - self._started)

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._before = value
        if self._started is not None:
            self.start()
