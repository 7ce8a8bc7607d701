"""Writing to a terminal or pipe that may have gone away, as with ``tinyconv train 2>&1 | head -1``."""

from __future__ import annotations

import contextlib
import os
from typing import Any, TextIO


class LenientStream:
    """``stream``, on which a write that fails with one of ``errors`` makes this and all later ones go nowhere.

    ``stream``: a text stream, or None (what Python has for a standard stream that was closed before it started).
    """

    def __init__(self, stream: TextIO | None, errors: type[OSError] = OSError) -> None:
        self._stream = stream
        self._errors = errors

    def write(self, text: str) -> int:
        if self._stream is not None:
            try:
                self._stream.write(text)
            except self._errors:
                self._silence()
        return len(text)

    def flush(self) -> None:
        if self._stream is not None:
            try:
                self._stream.flush()
            except self._errors:
                self._silence()

    def line(self, text: str) -> None:
        """Write a line of its own, at once."""
        self.write(text + "\n")
        self.flush()

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def _silence(self) -> None:
        """What is still in the stream's buffer would fail again when Python ends: let it go to the null device."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        with contextlib.suppress(OSError, ValueError):  # a stream in memory has no file number
            null = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(null, stream.fileno())
            finally:
                os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
