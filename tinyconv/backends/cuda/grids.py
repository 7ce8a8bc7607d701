"""How many blocks of how many threads do the work, for the shapes that work has."""

from __future__ import annotations

from typing import Any

from tinyconv.backends.cuda.compiler import SIMULATED
from tinyconv.backends.cuda.kernels import Kernel
from tinyconv.backends.cuda.launch import blocks_for, launch, threads_per_block
from tinyconv.backends.cuda.vectors import WIDE

THREADS = 256
"""In a block: no block has more, and shared memory is laid out for so many."""

MOST_LANES = 4 if SIMULATED else 32
"""Threads of a block beside each other along the columns of a matrix: a warp, which reads 512 bytes at once."""


def launch_flat(kernel: Kernel, size: int, *arguments: Any) -> None:
    """Run ``kernel`` so that ``WIDE`` times its threads cover ``size`` elements."""
    threads = threads_per_block(THREADS)
    launch(kernel, blocks_for(size, WIDE * threads), threads, *arguments)


def launch_each(kernel: Kernel, count: int, *arguments: Any) -> None:
    """Run ``kernel`` with a thread for each of ``count`` things."""
    threads = threads_per_block(THREADS)
    launch(kernel, blocks_for(count, threads), threads, *arguments)


def power_of_two(least: int, most: int) -> int:
    """The smallest power of two that is ``least`` or more, but not more than ``most``, which is one."""
    return min(most, 1 << max(0, least - 1).bit_length())


def block_over(columns: int, most_lanes: int = MOST_LANES) -> tuple[int, int]:
    """(lanes, rows) of a block's threads over a matrix: powers of two, the lanes along the ``columns``."""
    lanes = power_of_two(columns, min(most_lanes, MOST_LANES))
    return lanes, (16 if SIMULATED else THREADS) // lanes


def block_along(columns: int) -> tuple[int, int]:
    """(lanes, rows) of a block whose lanes share a row: a warp, or more where that leaves eight columns for each."""
    threads = 16 if SIMULATED else THREADS
    lanes = max(power_of_two(columns, MOST_LANES), power_of_two(columns // 8, threads))
    return lanes, threads // lanes
