"""The simulator itself: a kernel runs on NumPy arrays, and threads of a block share memory and meet at barriers."""

import numpy as np
from numba import cuda, float64


def reversed_in_blocks(x, y):
    """Each block reverses its part of ``x``."""
    part = cuda.shared.array(4, float64)
    place, start = cuda.threadIdx.x, cuda.blockIdx.x * cuda.blockDim.x
    part[place] = x[start + place]
    cuda.syncthreads()
    y[start + place] = part[cuda.blockDim.x - 1 - place]


def test_a_block_shares_memory():
    x, y = np.arange(8.0), np.full(8, np.nan)
    cuda.jit(reversed_in_blocks)[2, 4](x, y)
    np.testing.assert_array_equal(y, [3, 2, 1, 0, 7, 6, 5, 4])
