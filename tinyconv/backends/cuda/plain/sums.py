"""The second pass of a weight gradient: partial sums, each of other pixels, added up in a fixed order."""

from __future__ import annotations

from typing import Any

from tinyconv.backends.cuda.compiler import SIMULATED, cuda, place
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.launch import blocks_for, launch
from tinyconv.backends.cuda.parameters import Floats, Int

ACROSS, DOWN = (8, 2) if SIMULATED else (32, 8)
"""Elements that a block sums up, and threads for each."""


@kernel(threads=ACROSS * DOWN)
def sum_parts(parts: Floats, count: Int, out: Floats):
    """out[e] = the sum of parts[p, e]: thread d adds parts d, d + DOWN, ..., then the threads' sums are halved."""
    sums = cuda.shared.array((DOWN, ACROSS), parts.dtype)
    across, down = cuda.threadIdx.x, cuda.threadIdx.y
    element = cuda.blockIdx.x * ACROSS + across
    total = parts.dtype.type(0)
    if element < out.size:
        for part in range(down, count, DOWN):
            total += parts[place(part * out.size + element)]
    sums[down, across] = total
    cuda.syncthreads()
    half = DOWN // 2
    while half > 0:
        if down < half:
            sums[down, across] += sums[down + half, across]
        cuda.syncthreads()
        half //= 2
    if down == 0 and element < out.size:
        out[place(element)] = sums[0, across]


def sum_of_parts(parts: Any, count: int, out: Any) -> None:
    """The sums over the first of the axes (``count``, elements) of ``parts``, which is flat, into ``out``."""
    launch(sum_parts, blocks_for(out.size, ACROSS), (ACROSS, DOWN), parts, count, out)
