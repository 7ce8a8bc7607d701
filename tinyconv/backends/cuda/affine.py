"""What is done to every pixel with factors of its channel: one pass over the maps.

Threads of a block lie along the channels and down the rows (pixels). Each has its channels' factors in registers and
goes through some rows of one set.
"""

from __future__ import annotations

from typing import Any

from tinyconv.backends.cuda.activation import opened
from tinyconv.backends.cuda.compiler import cuda, divide, remainder
from tinyconv.backends.cuda.grids import block_over
from tinyconv.backends.cuda.kernels import Kernel, kernel
from tinyconv.backends.cuda.launch import blocks_for, launch
from tinyconv.backends.cuda.parameters import Floats, Int, Long
from tinyconv.backends.cuda.vectors import WIDE, moves, width_for

ROWS_OF_A_THREAD = 8
"""So that reading the factors costs little beside the rows."""


def make_passes(width_of_vectors: int) -> tuple[Any, Any]:
    """The kernels for vectors of so many channels: y from x, and dx from dy and x."""
    V = width_of_vectors
    fetch, put = moves(V)

    def affine(
        x: Floats, added: Floats, factors: Floats, rectifies: Int, sets: Int, rows: Long, blocks: Int, groups: Int,
        y: Floats,
    ):  # fmt: skip
        """y = (x - centre) scale + shift, + added unless that is empty, max(., 0) if asked for. NaN passes."""
        group = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        if group < groups:
            which = divide(cuda.blockIdx.x, blocks)
            zero = x.dtype.type(0)
            centre = cuda.local.array(V, x.dtype)
            scale = cuda.local.array(V, x.dtype)
            shift = cuda.local.array(V, x.dtype)
            seen = cuda.local.array(V, x.dtype)
            more = cuda.local.array(V, x.dtype)
            fetch(factors, (which * groups + group) * V, centre)
            fetch(factors, ((sets + which) * groups + group) * V, scale)
            fetch(factors, ((2 * sets + which) * groups + group) * V, shift)
            step = cuda.blockDim.y
            start = remainder(cuda.blockIdx.x, blocks) * (step * ROWS_OF_A_THREAD)
            for row in range(start + cuda.threadIdx.y, min(start + step * ROWS_OF_A_THREAD, rows), step):
                place = ((which * rows + row) * groups + group) * V
                fetch(x, place, seen)
                if added.size:
                    fetch(added, place, more)
                for k in range(V):
                    value = (seen[k] - centre[k]) * scale[k] + shift[k]
                    if added.size:
                        value += more[k]
                    seen[k] = opened(value, value, zero) if rectifies else value
                put(y, place, seen)

    def combine(
        dy: Floats, x: Floats, gate: Floats, factors: Floats, sets: Int, rows: Long, blocks: Int, groups: Int,
        dx: Floats,
    ):  # fmt: skip
        """dx = a g + b (x - centre) + c, where g is dy if (x - centre) scale + shift > 0 or NaN, else 0.

        The gate has centre, scale and shift, the factors are a, b and c.
        """
        group = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        if group < groups:
            which = divide(cuda.blockIdx.x, blocks)
            zero = x.dtype.type(0)
            centre = cuda.local.array(V, x.dtype)
            scale = cuda.local.array(V, x.dtype)
            shift = cuda.local.array(V, x.dtype)
            a = cuda.local.array(V, x.dtype)
            b = cuda.local.array(V, x.dtype)
            c = cuda.local.array(V, x.dtype)
            seen = cuda.local.array(V, x.dtype)
            given = cuda.local.array(V, x.dtype)
            first, second, third = which * groups + group, (sets + which) * groups + group, 2 * sets * groups
            third += which * groups + group
            fetch(gate, first * V, centre)
            fetch(gate, second * V, scale)
            fetch(gate, third * V, shift)
            fetch(factors, first * V, a)
            fetch(factors, second * V, b)
            fetch(factors, third * V, c)
            step = cuda.blockDim.y
            start = remainder(cuda.blockIdx.x, blocks) * (step * ROWS_OF_A_THREAD)
            for row in range(start + cuda.threadIdx.y, min(start + step * ROWS_OF_A_THREAD, rows), step):
                place = ((which * rows + row) * groups + group) * V
                fetch(x, place, seen)
                fetch(dy, place, given)
                for k in range(V):
                    distance = seen[k] - centre[k]
                    g = opened(given[k], distance * scale[k] + shift[k], zero)
                    seen[k] = a[k] * g + b[k] * distance + c[k]
                put(dx, place, seen)

    return kernel(affine, name=f"affine_{V}"), kernel(combine, name=f"combine_{V}")


PASSES = {width: make_passes(width) for width in (1, WIDE)}


def launch_pass(number: int, rows: int, channels: int, sets: int, *arrays: Any) -> None:
    """Run pass ``number`` (0: ``affine``, 1: ``combine``) over rows of a matrix; the last of ``arrays`` is written."""
    width = width_for(channels)
    chosen: Kernel = PASSES[width][number]
    groups, length = channels // width, rows // sets
    lanes, lines = block_over(groups)
    blocks = blocks_for(length, lines * ROWS_OF_A_THREAD)
    grid = sets * blocks, blocks_for(groups, lanes)
    *given, written = arrays
    launch(chosen, grid, (lanes, lines), *given, sets, length, blocks, groups, written)
