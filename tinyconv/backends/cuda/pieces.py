"""Sums over all pixels of a channel: in pieces, whose sums are then put together.

The rows of a matrix (pixels, channels) are cut into pieces, as the shape alone says. A block sums up one piece: its
threads lie along the channels and down the rows, each adds few numbers in the type of the numbers, and those sums in
float64. Moments of pieces are merged as in Chan, Golub & LeVeque, "Updating formulae and a pairwise
algorithm for computing sample variances" (1979):

    M2 = sum of the pieces' M2 + sum of size (mean of the piece - mean)^2

Statistics may be those of several *sets* of rows, one after the other and equally long. Each is cut by itself, into
pieces of one size but for the last.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from tinyconv.backends.cuda.compiler import SIMULATED, cuda, divide, helper, remainder
from tinyconv.backends.cuda.grids import THREADS, block_over
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.launch import blocks_for
from tinyconv.backends.cuda.parameters import Doubles, Floats, Int, Long
from tinyconv.backends.cuda.vectors import WIDE, moves, width_for
from tinyconv.core import gpu
from tinyconv.core.arrays import Array

FEW_ROWS = 32
"""Rows that a thread adds up in the type of the numbers, before it adds the sum in float64."""

PIECE_NUMBERS, MOST_BLOCKS = 64 if SIMULATED else 8192, 528
"""A piece of fewer numbers is not worth a block. More blocks than four for each of the 132 multiprocessors of a large
GPU keep it no busier, but give more to merge. (In the simulator small maps are cut too, to show how pieces are merged.)
"""

LINES = 2
"""Sums that a thread keeps of each channel."""


class Pieces(NamedTuple):
    """``sets`` of ``length`` rows of ``channels``, cut into pieces of ``size``, for vectors of ``width`` channels."""

    length: int
    channels: int
    sets: int
    size: int
    width: int

    @property
    def pieces(self) -> int:
        """Of a set; none is empty."""
        return blocks_for(self.length, self.size)

    @property
    def groups(self) -> int:
        return self.channels // self.width

    @property
    def block(self) -> tuple[int, int]:
        return block_over(self.groups)

    @property
    def grid(self) -> tuple[int, int]:
        """Pieces, and blocks beside each other that have all channels."""
        return self.sets * self.pieces, blocks_for(self.groups, self.block[0])

    @property
    def cut(self) -> tuple[int, int, int, int]:
        """What the kernels want to know of it."""
        return self.length, self.size, self.pieces, self.groups

    def sums(self) -> Array:
        """Where the sums of all pieces go: float64, two numbers for each channel."""
        result: Array = gpu.array_module().empty(LINES * self.sets * self.pieces * self.channels, "float64")
        return result


def pieces_of(rows: int, channels: int, sets: int = 1) -> Pieces:
    """How to cut ``rows`` of ``channels`` in so many ``sets``: a matter of the shape alone."""
    width = width_for(channels)
    groups = channels // width
    beside = blocks_for(groups, block_over(groups)[0])
    length = rows // sets
    pieces = min(MOST_BLOCKS // (sets * beside), length, length * channels // PIECE_NUMBERS)
    return Pieces(length, channels, sets, blocks_for(length, max(1, pieces)), width)


@helper
def bounds_of(piece, pieces, size, length):
    """The rows of a piece, and the set that it belongs to."""
    which = divide(piece, pieces)
    first = which * length + remainder(piece, pieces) * size
    return first, min(first + size, (which + 1) * length), which


def make_totals(width_of_vectors: int) -> tuple[Any, Any]:
    """Of what threads have summed up, ``LINES`` sums of each of so many channels: the two steps to sums of a piece."""
    V = width_of_vectors
    KEPT = LINES * V
    SHARED_NUMBERS = THREADS * KEPT

    @helper
    def add_few(few, sums):
        """Add the sums over few rows to those over the piece, and begin anew."""
        for k in range(KEPT):
            sums[k] += few[k]
            few[k] = 0

    @helper
    def write_sums(sums, piece, channels, group, groups, out):
        """out[piece, line, c] = the sums of all threads of a channel."""
        shared = cuda.shared.array(SHARED_NUMBERS, numba.float64)
        thread = cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        for k in range(KEPT):
            shared[k * THREADS + thread] = sums[k]
        cuda.syncthreads()
        step = cuda.blockDim.y // 2
        while step > 0:
            if cuda.threadIdx.y < step:
                for k in range(KEPT):
                    shared[k * THREADS + thread] += shared[k * THREADS + thread + step * cuda.blockDim.x]
            cuda.syncthreads()
            step //= 2
        if cuda.threadIdx.y == 0 and group < groups:
            for k in range(KEPT):
                out[(piece * LINES + k // V) * channels + group * V + k % V] = shared[k * THREADS + thread]

    return add_few, write_sums


TOTALS = {width: make_totals(width) for width in (1, WIDE)}


def make_sums(width_of_vectors: int) -> tuple[Any, Any, Any]:
    """The kernels that sum up pieces, for vectors of so many channels: moments, products and plain sums."""
    V = width_of_vectors
    KEPT = LINES * V
    fetch, put = moves(V)
    add_few, write_sums = TOTALS[V]

    def moments_of_pieces(
        x: Floats, length: Long, size: Long, pieces: Int, groups: Int, centres: Floats, sums: Doubles
    ):
        """Sums of x - centre and of its square, the centre being the piece's first pixel: nothing large cancels."""
        piece, group = cuda.blockIdx.x, cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        first, end, _ = bounds_of(piece, pieces, size, length)
        centre = cuda.local.array(V, x.dtype)
        seen = cuda.local.array(V, x.dtype)
        few = cuda.local.array(KEPT, x.dtype)
        totals = cuda.local.array(KEPT, numba.float64)
        for k in range(KEPT):
            few[k] = 0
            totals[k] = 0
        if group < groups:
            fetch(x, (first * groups + group) * V, centre)
            for k in range(V):
                if not abs(centre[k]) < x.dtype.type(np.inf):
                    centre[k] = 0
            step = cuda.blockDim.y
            for start in range(first + cuda.threadIdx.y, end, step * FEW_ROWS):
                for row in range(start, min(start + step * FEW_ROWS, end), step):
                    fetch(x, (row * groups + group) * V, seen)
                    for k in range(V):
                        distance = seen[k] - centre[k]
                        few[k] += distance
                        few[V + k] += distance * distance
                add_few(few, totals)
            if cuda.threadIdx.y == 0:
                put(centres, (piece * groups + group) * V, centre)
        write_sums(totals, piece, groups * V, group, groups, sums)

    def products_of_pieces(
        dy: Floats,
        x: Floats,
        y: Floats,
        gate: Floats,
        length: Long,
        size: Long,
        pieces: Int,
        groups: Int,
        g: Floats,
        sums: Doubles,
    ):
        """Sums of g and of g (x - centre), where g is dy if the rectifier was open, else 0. NaN opens it.

        What it saw is ``y``, which has no numbers where g is not wanted, or else (x - centre) scale + shift. The gate
        has these three for each channel of each set: centre, scale and shift.
        """
        piece, group = cuda.blockIdx.x, cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        first, end, which = bounds_of(piece, pieces, size, length)
        sets = divide(cuda.gridDim.x, pieces)
        zero = x.dtype.type(0)
        centre = cuda.local.array(V, x.dtype)
        scale = cuda.local.array(V, x.dtype)
        shift = cuda.local.array(V, x.dtype)
        seen = cuda.local.array(V, x.dtype)
        given = cuda.local.array(V, x.dtype)
        kept = cuda.local.array(V, x.dtype)
        few = cuda.local.array(KEPT, x.dtype)
        totals = cuda.local.array(KEPT, numba.float64)
        for k in range(KEPT):
            few[k] = 0
            totals[k] = 0
        if group < groups:
            fetch(gate, (which * groups + group) * V, centre)
            fetch(gate, ((sets + which) * groups + group) * V, scale)
            fetch(gate, ((2 * sets + which) * groups + group) * V, shift)
            step = cuda.blockDim.y
            for start in range(first + cuda.threadIdx.y, end, step * FEW_ROWS):
                for row in range(start, min(start + step * FEW_ROWS, end), step):
                    place = (row * groups + group) * V
                    fetch(x, place, seen)
                    fetch(dy, place, given)
                    if y.size:
                        fetch(y, place, kept)
                    for k in range(V):
                        distance = seen[k] - centre[k]
                        saw = kept[k] if y.size else distance * scale[k] + shift[k]
                        given[k] = zero if saw <= zero else given[k]
                        few[k] += given[k]
                        few[V + k] += given[k] * distance
                    if y.size:
                        put(g, place, given)
                add_few(few, totals)
        write_sums(totals, piece, groups * V, group, groups, sums)

    def sums_of_pieces(x: Floats, length: Long, size: Long, pieces: Int, groups: Int, sums: Doubles):
        """Sums of x, in the first line of ``sums``."""
        piece, group = cuda.blockIdx.x, cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        first, end, _ = bounds_of(piece, pieces, size, length)
        seen = cuda.local.array(V, x.dtype)
        few = cuda.local.array(KEPT, x.dtype)
        totals = cuda.local.array(KEPT, numba.float64)
        for k in range(KEPT):
            few[k] = 0
            totals[k] = 0
        if group < groups:
            step = cuda.blockDim.y
            for start in range(first + cuda.threadIdx.y, end, step * FEW_ROWS):
                for row in range(start, min(start + step * FEW_ROWS, end), step):
                    fetch(x, (row * groups + group) * V, seen)
                    for k in range(V):
                        few[k] += seen[k]
                add_few(few, totals)
        write_sums(totals, piece, groups * V, group, groups, sums)

    return (
        kernel(moments_of_pieces, name=f"moments_of_pieces_{V}"),
        kernel(products_of_pieces, name=f"products_of_pieces_{V}"),
        kernel(sums_of_pieces, name=f"sums_of_pieces_{V}"),
    )


SUMS = {width: make_sums(width) for width in (1, WIDE)}
MOMENTS, PRODUCTS, PLAIN = range(3)
