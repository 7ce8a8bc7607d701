"""How a user hears that kernels are compiled, which takes seconds, whatever they are compiled for."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import warnings
from collections.abc import Callable

_callbacks: list[Callable[[str], None]] = []
_preparations: list[Callable[[str, bool], None]] = []
_warned = threading.Event()


def on_first_compile(callback: Callable[[str], None]) -> Callable[[], None]:
    """Call ``callback(kernel name)`` before a kernel is compiled, which takes seconds; not when the cache has it.

    Returns a function that takes the callback off again.
    """
    _callbacks.append(callback)
    return functools.partial(_callbacks.remove, callback)


def on_preparation(callback: Callable[[str, bool], None]) -> Callable[[], None]:
    """Call ``callback(kernel name, True)`` before a kernel is read from the cache or compiled, with False afterwards.

    So whoever measures a first call can take that time out. Returns a function that takes the callback off again.
    """
    _preparations.append(callback)
    return functools.partial(_preparations.remove, callback)


def prepare(kernel_name: str, begins: bool) -> None:
    """A kernel is about to be read from the cache or compiled, or has been."""
    for callback in tuple(_preparations):
        callback(kernel_name, begins)


def compiles(kernel_name: str) -> None:
    """A kernel is about to be compiled."""
    if not _callbacks:
        announce()
    for callback in tuple(_callbacks):
        callback(kernel_name)


@functools.cache
def announce() -> None:
    """One line, once, to somebody who waits before a terminal; nothing in files, notebooks and tests."""
    if sys.stderr is not None and sys.stderr.isatty():
        text = "tinyconv: compiling kernels for this machine, once; `tinyconv warmup` does it beforehand\n"
        with contextlib.suppress(OSError):
            sys.stderr.write(text)


def uncached(reason: object) -> None:
    """Warn, once, that what is compiled cannot be kept."""
    if _warned.is_set():
        return
    _warned.set()
    warnings.warn(
        f"compiled kernels cannot be kept on disk ({reason}): every process will compile them again; "
        "set NUMBA_CACHE_DIR and TINYCONV_CACHE_DIR to writable folders",
        RuntimeWarning,
        stacklevel=2,
    )
