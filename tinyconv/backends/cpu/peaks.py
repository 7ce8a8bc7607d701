"""What the machine can do at most, measured: arithmetic in registers, and a walk through memory.

No kernel can do more multiply-adds than ``multiply_adds``, which does nothing else, nor move more bytes than ``triad``.
A convolution's share of these two says how much is left to gain, which its time alone does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import kernel
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.backends.cpu.register_tile import tile_rank1, tile_repeat, tile_rows, tile_save

TILE_ROWS, TILE_VECTORS = host().wide

REPETITIONS = 200_000
"""Some milliseconds of arithmetic."""

TRIAD_BYTES = 128 * 2**20
"""Of each of the three arrays: several times what the caches of usual processors hold."""

SHORTEST, FEWEST_TIMES = 0.25, 5


@kernel
def multiply_adds(threads, repetitions, factors, offsets, sums):
    """A register tile's multiply-adds, whose operands never leave the registers; each thread has its row of sums."""
    for thread in prange(threads):
        mine = sums[thread]
        tile = tile_repeat(TILE_ROWS, TILE_VECTORS, factors, 0)
        rows = tile_rows(TILE_ROWS, factors, offsets, 0)
        for _ in range(repetitions):
            tile = tile_rank1(tile, rows, 0, factors, 0)
        tile_save(tile, mine, 0)


@kernel
def triad(parts, a, b, c, scale):
    """a = b + scale c, in as many parts as there are threads."""
    for part in prange(parts):
        first, end = a.size * part // parts, a.size * (part + 1) // parts
        target, left, right = a[first:end], b[first:end], c[first:end]
        for i in range(target.size):
            target[i] = left[i] + scale * right[i]


def _shortest(run: Callable[[], object]) -> float:
    """The shortest of many runs: a peak is what nothing disturbed."""
    run()
    times: list[float] = []
    end = time.perf_counter() + SHORTEST
    while len(times) < FEWEST_TIMES or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_flops(dtype: Any = np.float32) -> float:
    """Floating-point operations per second (a multiply-add is two) of all threads that kernels run on."""
    dtype = np.dtype(dtype)
    threads, lanes = get_num_threads(), host().lanes(dtype)
    factors = np.full(TILE_VECTORS * lanes, 1e-3, dtype)
    offsets = np.zeros(TILE_ROWS, np.int64)
    sums = np.empty((threads, TILE_ROWS * TILE_VECTORS * lanes), dtype)
    seconds = _shortest(lambda: launch(multiply_adds, threads, REPETITIONS, factors, offsets, sums))
    return 2 * sums.size * REPETITIONS / seconds


def peak_bandwidth() -> float:
    """Bytes per second that all threads read and write in memory, in the way of the STREAM benchmark's triad.

    As there, three arrays are counted; that a processor also reads what it is about to overwrite is not.
    """
    arrays = [np.ones(TRIAD_BYTES // 4, np.float32) for _ in range(3)]
    seconds = _shortest(lambda: launch(triad, get_num_threads(), *arrays, np.float32(0.5)))
    return 3 * TRIAD_BYTES / seconds
