"""What computes, for the floors above, which do not import the backends: threads, compilation, the processor.

Asking loads the compiler, which importing tinyconv does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def set_num_threads(count: int) -> None:
    """Run kernels on ``count`` threads (1 to the processors available). Results have the same bits for any number."""
    from tinyconv.backends.cpu import parallel

    parallel.set_num_threads(count)


def get_num_threads() -> int:
    """The number of threads that kernels run on."""
    from tinyconv.backends.cpu import parallel

    return parallel.get_num_threads()


def threading_layer() -> str:
    """The library under the kernels' threads: ``"tbb"``, ``"omp"`` or ``"workqueue"``. Starts it, the first time."""
    from tinyconv.backends.cpu import parallel

    return parallel.threading_layer()


def on_first_compile(callback: Callable[[str], None]) -> Callable[[], None]:
    """Call ``callback(kernel name)`` before a kernel is compiled, which takes seconds; not when the cache has it.

    Returns a function that takes the callback off again.
    """
    from tinyconv.backends.cpu import parallel

    return parallel.on_first_compile(callback)


def kernel_cache_folder() -> str | None:
    """The folder in which compiled kernels are kept; ``None`` where no folder is writable."""
    from tinyconv.backends.cpu import compilation

    return compilation.cache_folder()


def processor() -> Any:
    """The processor as the kernels see it: ``vector_bytes``, ``lanes(dtype)``, and the register tile, ``wide``."""
    from tinyconv.backends.cpu import host

    return host.host()
