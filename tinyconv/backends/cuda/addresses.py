"""Arrays that kernels find by their addresses: so many of them at once that they cannot all be parameters.

A table has a row of words for each of the arrays that belong together, in the same memory order, such as a parameter,
its gradient and its moments: their addresses, how many elements they have, which block is the first of theirs, and
some numbers. Blocks take ``CHUNK`` elements each. The simulator has no addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinyconv.backends.cuda.arrays import address_of
from tinyconv.backends.cuda.compiler import SIMULATED, cuda, helper
from tinyconv.backends.cuda.launch import blocks_for
from tinyconv.core import gpu
from tinyconv.core.arrays import Array, FloatArray

CHUNK = 4096

MOST_ARRAYS, MOST_NUMBERS = 5, 2
SIZE, FIRST_BLOCK, NUMBERS = MOST_ARRAYS, MOST_ARRAYS + 1, MOST_ARRAYS + 2
WORDS = NUMBERS + MOST_NUMBERS
"""Of a row: the addresses, the size, the first block, and the numbers, in the bits of float64."""


class Table(NamedTuple):
    """The table on the GPU, as words and as numbers, how many rows it has, and how many blocks they need."""

    words: Array
    numbers: Array
    rows: int
    blocks: int


def table_of(groups: Sequence[Sequence[FloatArray]], numbers: Array) -> Table:
    """Of each group of arrays, and of the row of ``numbers`` that it has."""
    words = np.zeros((len(groups), WORDS), np.int64)
    words.view(np.float64)[:, NUMBERS : NUMBERS + numbers.shape[1]] = numbers
    blocks = 0
    for row, arrays in zip(words, groups, strict=True):
        row[: len(arrays)] = [address_of(array) for array in arrays]
        row[SIZE], row[FIRST_BLOCK] = arrays[0].size, blocks
        blocks += blocks_for(arrays[0].size, CHUNK)
    on_gpu = gpu.array_module().asarray(words.reshape(-1))
    return Table(on_gpu, on_gpu.view("float64"), len(groups), blocks)


@helper
def row_of_block(words, rows):
    """Where the row of the block's arrays begins in the table: the last whose first block is not behind it."""
    low, high = 0, rows
    while high - low > 1:
        middle = (low + high) // 2
        if words[middle * WORDS + FIRST_BLOCK] <= cuda.blockIdx.x:
            low = middle
        else:
            high = middle
    return low * WORDS


if not SIMULATED:
    from llvmlite import ir
    from numba import types
    from numba.core import extending

    intrinsic: Any = extending.intrinsic

    GLOBAL = 1
    """The address space of a GPU's memory in LLVM."""

    def _place(context: Any, builder: Any, element: Any, arguments: Any) -> Any:
        kind = context.get_data_type(element)
        return builder.gep(builder.inttoptr(arguments[0], ir.PointerType(kind, GLOBAL)), [arguments[1]])

    @intrinsic
    def load_at(typing_context, address, index, like):  # noqa: ARG001
        """Element ``index`` of the array at ``address``, of the type of the array ``like``."""

        def generate(context, builder, signature, arguments):
            return builder.load(_place(context, builder, signature.return_type, arguments))

        return like.dtype(types.int64, types.int64, like), generate

    @intrinsic
    def store_at(typing_context, address, index, number):  # noqa: ARG001
        """The same for writing ``number``."""

        def generate(context, builder, signature, arguments):
            builder.store(arguments[2], _place(context, builder, signature.args[2], arguments))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, number), generate
