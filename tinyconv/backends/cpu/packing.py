"""Weights in the order in which the dense kernel reads them.

    packed[g, panel, t, c, k]  =  W[g, panel width + k, c, row(t), column(t)]        (0 past the last output channel)

A *panel* is as many output channels as a register tile is wide; a tile reads one panel from its beginning to its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import VECTOR_BYTES
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import transpose_square
from tinyconv.backends.cpu.taps import Taps
from tinyconv.core import layout, pool
from tinyconv.core.arrays import FloatArray

Memo = dict[Any, Any] | None
"""Where a weight's transformed copies are kept, as long as it does not change; None to keep none."""

JOB_NUMBERS = 4096
"""Fewer are packed before another thread would have begun."""


def kept(memo: Memo, key: Any, make: Callable[[], FloatArray]) -> FloatArray:
    """What ``make`` returns, from ``memo`` if it is there."""
    if memo is None:
        return make()
    if key not in memo:
        memo[key] = make()
    found: FloatArray = memo[key]
    return found


class Weight(NamedTuple):
    """A weight as its numbers in memory and the strides to find them: Numba would compile again for each layout."""

    numbers: FloatArray
    """One-dimensional."""
    shape: tuple[int, int, int]
    """(groups, outputs of each, inputs of each)."""
    strides: tuple[int, int, int, int, int]
    """Steps in ``numbers`` along (group, output, input, kernel row, kernel column)."""

    def transposed(self) -> Weight:
        """The weight of the adjoint: outputs and inputs change places."""
        groups, outputs, inputs = self.shape
        group, output, input_, row, column = self.strides
        return Weight(self.numbers, (groups, inputs, outputs), (group, input_, output, row, column))


def convolution_weight(weight: FloatArray, groups: int) -> Weight:
    """The weight (K, C / groups, R, S) of a convolution."""
    stored = layout.nhwc(weight)  # writable: read-only arrays would compile every kernel again
    outputs, height, width, inputs = stored.shape
    strides = (outputs // groups * height * width * inputs, height * width * inputs, 1, width * inputs, inputs)
    return Weight(stored.reshape(-1), (groups, outputs // groups, inputs), strides)


@helper
def pack_taps(numbers, order, first, end, first_input, end_input, inputs, width, g, panel, packed, place):
    """Write the taps ``first`` ... ``end`` of one panel at ``packed[place]``, (taps, inputs, width)."""
    strides, outputs, kernel_rows, kernel_columns = order
    lanes = VECTOR_BYTES // packed.itemsize
    filled = min(width, outputs - panel * width)
    for t in range(first, end):
        source = g * strides[0] + panel * width * strides[1]
        source += kernel_rows[t] * strides[3] + kernel_columns[t] * strides[4]
        end_of_squares, squares_across = first_input, 0
        if strides[2] == 1:  # numbers that follow each other in memory lie a row apart when packed
            end_of_squares += (end_input - first_input) // lanes * lanes
            squares_across = filled // lanes * lanes
        for k in range(0, squares_across, lanes):
            for c in range(first_input, end_of_squares, lanes):
                from_, to = source + k * strides[1] + c, place + c * width + k
                transpose_square(numbers, from_, strides[1], packed, to, width)
        for c in range(first_input, end_input):
            row, index = place + c * width, source + c * strides[2]
            if strides[1] == 1:
                for k in range(filled):
                    packed[row + k] = numbers[index + k]
            else:
                for k in range(squares_across if c < end_of_squares else 0, filled):
                    packed[row + k] = numbers[index + k * strides[1]]
            for k in range(filled, width):
                packed[row + k] = 0
        place += inputs * width


@kernel
def pack_weight(job, jobs, numbers, strides, outputs, kernel_rows, kernel_columns, shape, parts, packed):
    """Fill ``packed``, of ``shape`` (groups, panels, taps, inputs, panel width), flat.

    A job takes a few taps of a few panels; or, in ``parts``, a few inputs of all of them.
    """
    groups, panels, taps, inputs, width = shape
    order = (strides, outputs, kernel_rows, kernel_columns)
    if parts > 1:
        g, part = divmod(job, parts)
        first, end = inputs * part // parts, inputs * (part + 1) // parts
        for panel in range(panels):
            place = (g * panels + panel) * taps * inputs * width
            pack_taps(numbers, order, 0, taps, first, end, inputs, width, g, panel, packed, place)
        return
    pieces = groups * panels * taps
    for piece in range(pieces * job // jobs, pieces * (job + 1) // jobs):
        rest, tap = divmod(piece, taps)
        g, panel = divmod(rest, panels)
        pack_taps(numbers, order, tap, tap + 1, 0, inputs, inputs, width, g, panel, packed, piece * inputs * width)


def aligned(shape: tuple[int, ...], dtype: Any) -> FloatArray:
    """An uninitialised array at the beginning of a cache line: a vector across two lines takes two loads."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size >= pool.SMALLEST:
        return pool.empty(shape, dtype)
    memory = np.empty(size + pool.LINE, np.uint8)
    start = -memory.ctypes.data % pool.LINE
    numbers: FloatArray = memory[start : start + size].view(dtype).reshape(shape)
    return numbers


@helper
def aligned_buffer(size, like):
    """An uninitialised array of ``size`` numbers of the type of ``like``, at the beginning of a cache line."""
    line = 64 // like.itemsize
    memory = np.empty(size + line, like.dtype)
    start = -(memory.ctypes.data // like.itemsize) % line
    return memory[start : start + size]


def pack(weight: Weight, taps: Taps, width: int) -> FloatArray:
    """``weight`` in panels of ``width`` outputs: (groups, panels, taps, inputs, width), flat."""
    groups, outputs, inputs = weight.shape
    shape = (groups, -(-outputs // width), taps.kernel_rows.size, inputs, width)
    packed = aligned((math.prod(shape),), weight.numbers.dtype)
    # Where outputs lie side by side, an input's row of memory holds all taps and panels: it is read in one go. Read a
    # panel at a time, each input would lie in another page of memory.
    parts = -(-inputs // 16) if weight.strides[1] == 1 else 1
    launch(
        pack_weight,
        groups * parts if parts > 1 else min(math.prod(shape[:3]), 1 + packed.size // JOB_NUMBERS),
        weight.numbers,
        weight.strides,
        outputs,
        taps.kernel_rows,
        taps.kernel_columns,
        shape,
        parts,
        packed,
    )
    return packed
