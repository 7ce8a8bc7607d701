"""Weights in the order in which the dense kernel reads them.

    packed[g, panel, t, c, k]  =  W[g, panel width + k, c, row(t), column(t)]        (0 past the last output channel)

A *panel* is as many output channels as a register tile is wide; a tile reads one panel from its beginning to its end.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import kernel
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.taps import Taps
from tinyconv.core import layout, pool
from tinyconv.core.arrays import FloatArray


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
    stored = layout.nhwc(weight)
    outputs, height, width, inputs = stored.shape
    strides = (outputs // groups * height * width * inputs, height * width * inputs, 1, width * inputs, inputs)
    return Weight(stored.reshape(-1), (groups, outputs // groups, inputs), strides)


def matrix_weight(matrix: FloatArray) -> Weight:
    """A matrix (inputs, outputs), stored by rows or by columns, as the weight of a 1 x 1 convolution."""
    inputs, outputs = matrix.shape
    if matrix.flags.c_contiguous:
        return Weight(matrix.reshape(-1), (1, outputs, inputs), (0, 1, outputs, 0, 0))
    return Weight(matrix.T.reshape(-1), (1, outputs, inputs), (0, inputs, 1, 0, 0))


@kernel
def pack_weight(numbers, strides, outputs, kernel_rows, kernel_columns, packed):
    """Fill ``packed``, (groups, panels, taps, inputs, panel width)."""
    groups, panels, taps, inputs, width = packed.shape
    for index in prange(groups * panels * taps):
        job = np.int64(index)
        rest, t = divmod(job, taps)
        g, panel = divmod(rest, panels)
        filled = min(width, outputs - panel * width)
        first = g * strides[0] + panel * width * strides[1]
        first += kernel_rows[t] * strides[3] + kernel_columns[t] * strides[4]
        for c in range(inputs):
            for k in range(filled):
                packed[g, panel, t, c, k] = numbers[first + c * strides[2] + k * strides[1]]
            for k in range(filled, width):
                packed[g, panel, t, c, k] = 0


def aligned(shape: tuple[int, ...], dtype: Any) -> FloatArray:
    """An uninitialised array at the beginning of a cache line: a vector across two lines takes two loads."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size >= pool.SMALLEST:
        return pool.empty(shape, dtype)
    memory = np.empty(size + pool.LINE, np.uint8)
    start = -memory.ctypes.data % pool.LINE
    numbers: FloatArray = memory[start : start + size].view(dtype).reshape(shape)
    return numbers


def pack(weight: Weight, taps: Taps, width: int) -> FloatArray:
    """``weight`` in panels of ``width`` outputs: (groups, panels, taps, inputs, width)."""
    groups, outputs, inputs = weight.shape
    numbers = weight.numbers if weight.numbers.flags.writeable else weight.numbers.copy()
    packed = aligned((groups, -(-outputs // width), taps.kernel_rows.size, inputs, width), numbers.dtype)
    launch(pack_weight, numbers, weight.strides, outputs, taps.kernel_rows, taps.kernel_columns, packed)
    return packed
