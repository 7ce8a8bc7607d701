"""The matrix product, on the register-tile kernels of the convolution.

    c[i, j] = sum over k of a[i, k] b[k, j]

Rows of ``a`` are pixels, ``b`` is a 1 x 1 kernel: a product is a pointwise convolution. A transposed ``a`` would be
read across its memory; then k is the pixel instead, and the product is the weight gradient of that convolution. BLAS is
not used: its sums change order with the number of threads.
"""

from __future__ import annotations

import numpy as np

from tinyconv.backends.cpu.correlation import run_correlation
from tinyconv.backends.cpu.packing import Weight, matrix_weight
from tinyconv.backends.cpu.taps import forward_taps
from tinyconv.backends.cpu.weight_gradient import run_weight_gradient
from tinyconv.core.arrays import FloatArray


def _stored(matrix: FloatArray) -> FloatArray:
    """``matrix``, contiguous by rows or by columns, and writable (see ``core.layout.nhwc``)."""
    if matrix.flags.writeable and (matrix.flags.c_contiguous or matrix.flags.f_contiguous):
        return matrix
    return matrix.copy()


def matmul(a: FloatArray, b: FloatArray) -> FloatArray:
    """a (M, K) times b (K, N), of any strides: (M, N). The same bits for any number of threads."""
    rows, inner = a.shape
    columns = b.shape[1]
    c = np.empty((rows, columns), a.dtype)
    if c.size == 0 or inner == 0:
        c.fill(0)
        return c
    a, b = _stored(a), _stored(b)
    pixels = rows if a.flags.c_contiguous else inner
    taps = forward_taps((1, 1), (1, 1), (0, 0), (1, 1), (1, pixels))
    if a.flags.c_contiguous:
        run_correlation(a[None, None], matrix_weight(b), None, c[None, None], taps)
    else:
        b = np.ascontiguousarray(b)
        out = Weight(c.reshape(-1), (1, rows, columns), (0, columns, 1, 0, 0))
        run_weight_gradient(b[None, None], a.T[None, None], out, taps)
    return c
