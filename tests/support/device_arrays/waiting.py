"""Where the host waits for the device: the stand-in notes each such call, and where in tinyconv it came from."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_notes: list[list[str]] = []
_lock = threading.Lock()


def wait(what: str) -> None:
    """Note that the host waits for the device."""
    if not _notes:
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and "support/device_arrays/" in frame.f_code.co_filename:
        frame = frame.f_back
    place = f"{what} at {frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"
    with _lock:
        for notes in _notes:
            notes.append(place)


@contextmanager
def synchronisations() -> Iterator[list[str]]:
    """The list of all waits inside the block, on any thread."""
    notes: list[str] = []
    with _lock:
        _notes.append(notes)
    try:
        yield notes
    finally:
        with _lock:
            _notes[:] = [other for other in _notes if other is not notes]
