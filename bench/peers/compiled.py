"""torch.compile, where there is a compiler: its compilation does not count, and must end within a limit."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
import warnings
from collections.abc import Callable, Iterator

import click

NAME = "torch.compile"
LIMIT = 90
"""Seconds that a compilation may take."""


def possible() -> bool:
    """Whether a C++ compiler is found, and an alarm can end a compilation that takes too long."""
    found = any(shutil.which(name) for name in ("g++", "clang++", "c++"))
    return found and hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()


def ready(side: Callable[[], object]) -> bool:
    """Call ``side`` until it is compiled; False, with a line that says why, where that fails."""
    try:
        with _limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            side()
            side()
    except Exception as error:  # whatever an optional peer raises, the other sides are measured
        click.echo(f"{NAME} is left out: {type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.100}")
        return False
    return True


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"not compiled within {LIMIT} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
