"""What computes, for the floors above, which do not import the backends: threads, compilation, the processor.

Asking loads the compiler, which importing tinyconv does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyconv.core import cache
from tinyconv.core.devices import CPU, Device
from tinyconv.core.errors import ArgumentError, UnsupportedError


def set_num_threads(count: int) -> None:
    """Run kernels on ``count`` threads (1 to the processors available). Results have the same bits for any number.

    Raises: ``ArgumentError`` for less than one, or more than there are.

    >>> tc.set_num_threads(1)
    >>> tc.get_num_threads()
    1
    """
    from tinyconv.backends.cpu import parallel

    parallel.set_num_threads(count)


def get_num_threads() -> int:
    """The number of threads that kernels run on.

    Raises: nothing of its own.

    >>> tc.get_num_threads() >= 1
    True
    """
    from tinyconv.backends.cpu import parallel

    return parallel.get_num_threads()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results with the same bits in every run, which tinyconv's always have.

    ``mode``: True, which changes nothing; there are no faster algorithms that False could allow. ``warn_only``: has
    no occasion to warn.

    Raises: ``UnsupportedError`` for False, ``ArgumentError`` for what is no bool.

    >>> tc.use_deterministic_algorithms(True)
    """
    if not isinstance(mode, bool) or not isinstance(warn_only, bool):
        raise ArgumentError(f"use_deterministic_algorithms: mode and warn_only are bools, got {mode!r}, {warn_only!r}")
    if not mode:
        raise UnsupportedError(
            "use_deterministic_algorithms: mode=False is not offered: all algorithms are deterministic; delete the line"
        )


def threading_layer() -> str:
    """The library under the kernels' threads: ``"tbb"``, ``"omp"`` or ``"workqueue"``. Starts it, the first time."""
    from tinyconv.backends.cpu import parallel

    return parallel.threading_layer()


def on_first_compile(callback: Callable[[str], None]) -> Callable[[], None]:
    """Call ``callback(kernel name)`` before a kernel is compiled, which takes seconds; not when the cache has it.

    Returns a function that takes the callback off again.
    """
    from tinyconv.backends import notices

    return notices.on_first_compile(callback)


def on_preparation(callback: Callable[[str, bool], None]) -> Callable[[], None]:
    """Call ``callback(kernel name, True)`` before a kernel is read from the cache or compiled, with False afterwards.

    Returns a function that takes the callback off again.
    """
    from tinyconv.backends import notices

    return notices.on_preparation(callback)


def kernel_cache_folder(device: Device = CPU) -> str | None:
    """The folder in which the compiled kernels of ``device`` are kept; ``None`` where no folder is writable."""
    if device.type == "cuda":
        return str(cache.folder() / "ptx")
    from tinyconv.backends.cpu import compilation

    return compilation.cache_folder()


def processor() -> Any:
    """The processor as the kernels see it: ``vector_bytes``, ``lanes(dtype)``, and the register tile, ``wide``."""
    from tinyconv.backends.cpu import host

    return host.host()


def peak_flops() -> float:
    """Measured: the float32 operations per second (a multiply-add is two) of the threads that kernels run on."""
    from tinyconv.backends.cpu import peaks

    return peaks.peak_flops()


def peak_bandwidth() -> float:
    """Measured: the bytes per second that the threads read and write in memory."""
    from tinyconv.backends.cpu import peaks

    return peaks.peak_bandwidth()
