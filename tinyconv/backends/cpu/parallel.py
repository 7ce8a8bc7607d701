"""Threads: how many, whose, and how a kernel is launched on them."""

from __future__ import annotations

import functools
import os
import threading
import time
from pathlib import Path
from typing import Any

import numba as numba_module
from numba.core import config as numba_config

from tinyconv.core.errors import ArgumentError
from tinyconv.core.threads import works_alone

__all__ = ["get_num_threads", "launch", "max_threads", "set_num_threads", "threading_layer"]

numba: Any = numba_module
config: Any = numba_config

_threads: int = config.NUMBA_NUM_THREADS
_launching = threading.Lock()
_starting = threading.Lock()
SPIN_COUNT, SHORT_SPIN, LONG_SPIN = "GOMP_SPINCOUNT", "10000", "1000000"
RUNNING_NOW = Path("/proc/loadavg")


def max_threads() -> int:
    """The most threads a kernel can run on: the processors this process may use, or ``NUMBA_NUM_THREADS``."""
    return int(config.NUMBA_NUM_THREADS)


def set_num_threads(count: int) -> None:
    """Run kernels on ``count`` threads, whichever Python thread launches them. Results do not depend on it."""
    global _threads
    if not 1 <= count <= max_threads():
        raise ArgumentError(
            f"set_num_threads({count}): between 1 and {max_threads()} threads are possible here; "
            "NUMBA_NUM_THREADS, set before Python starts, raises the limit"
        )
    _threads = int(count)


def get_num_threads() -> int:
    """The number of threads that kernels run on."""
    return int(_threads)


def threading_layer() -> str:
    """The library under Numba's parallel loops: ``"tbb"``, ``"omp"`` or ``"workqueue"``. Starts it, the first time."""
    with _starting:  # a cache alone would let two first launches start it, and both change the environment
        return _started_layer()


@functools.cache
def _started_layer() -> str:
    """Start the threads and name their library.

    GNU OpenMP's threads wait for their next work in a busy loop, for a number of turns, and then sleep; to wake one
    takes longer than many a loop of a small network, of which a training step has fifty. So a long wait is best where
    the processors are free: a step of 16 ms took 10.6. Where several other programs want them, each busy loop takes
    time from a thread that others wait for: in three training runs at once on two processors, 77 ms became 145.
    OpenMP reads the number when it is loaded, from the environment, which is put back at once: the user's own choice
    stands, and other libraries' OpenMP is left alone.
    """
    chosen = any(name in os.environ for name in ("OMP_WAIT_POLICY", SPIN_COUNT))
    if not chosen:
        os.environ[SPIN_COUNT] = SHORT_SPIN if _are_processors_wanted() else LONG_SPIN
    try:
        numba.set_num_threads(_threads)
        return str(numba.threading_layer())
    finally:
        if not chosen:
            os.environ.pop(SPIN_COUNT, None)


def _are_processors_wanted() -> bool:
    """Whether the threads of other programs that run now could fill the processors; True where nobody can tell.

    One moment may deceive: the middle of five, a few milliseconds apart, decides.
    """
    counts = []
    for _ in range(5):
        try:
            running = (
                RUNNING_NOW.read_text().split()[3].partition("/")[0]
            )  # such as 2/345, of which one reads this file
            counts.append(int(running) - 1)
        except (OSError, IndexError, ValueError):
            return True
        time.sleep(0.002)
    return sorted(counts)[2] >= max_threads()


class _Known(threading.local):
    """What this Python thread knows: the number of threads it launched on last, which Numba keeps for each thread."""

    threads = 0


_known = _Known()


def launch(kernel: Any, *arguments: Any) -> None:
    """Run ``kernel(*arguments)`` on the chosen number of threads, or in a thread that works alone on that one.

    Numba's thread count belongs to the launching Python thread, so it is set where that launches on another number. The
    ``workqueue`` layer aborts the process when two Python threads launch at once; there they wait for each other.
    """
    count = 1 if works_alone() else _threads
    if _known.threads != count:
        threading_layer()
        numba.set_num_threads(count)
        _known.threads = count
    if _layer_is_shared():
        kernel(*arguments)
    else:
        with _launching:
            kernel(*arguments)


@functools.cache
def _layer_is_shared() -> bool:
    """Whether several Python threads may launch at once."""
    return threading_layer() != "workqueue"
