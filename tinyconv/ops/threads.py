"""How many threads compute. Asking loads the compiler, which importing tinyconv does not."""

from __future__ import annotations


def set_num_threads(count: int) -> None:
    """Run kernels on ``count`` threads (1 to the processors available). Results have the same bits for any number."""
    from tinyconv.backends.cpu import parallel

    parallel.set_num_threads(count)


def get_num_threads() -> int:
    """The number of threads that kernels run on."""
    from tinyconv.backends.cpu import parallel

    return parallel.get_num_threads()
