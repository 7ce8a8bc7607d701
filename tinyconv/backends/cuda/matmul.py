"""The matrix product, by cuBLAS through CuPy, and what follows it.

cuBLAS rounds float32 to TF32 only where it is told to. CuPy has one setting for that, of the process: it is set for
the product and set back.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinyconv.backends.cuda.activation import opened
from tinyconv.backends.cuda.arrays import flat, flat_view, nothing
from tinyconv.backends.cuda.compiler import SIMULATED, cuda, remainder
from tinyconv.backends.cuda.grids import launch_flat
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.parameters import Floats, Int
from tinyconv.backends.cuda.vectors import WIDE, fetch_some, put_some
from tinyconv.core import gpu
from tinyconv.core.arrays import FloatArray
from tinyconv.core.precision import float32_precision


@kernel
def finish(c: Floats, bias: Floats, relu: Int, columns: Int):
    """c[i, j] = c[i, j] + bias[j], max(., 0) if asked for. NaN passes."""
    zero = c.dtype.type(0)
    numbers = cuda.local.array(WIDE, c.dtype)
    place = WIDE * cuda.grid(1)
    column = place % columns
    fetch_some(c, place, numbers)
    for k in range(WIDE):
        if bias.size:
            numbers[k] += bias[remainder(column + k, columns)]
        numbers[k] = opened(numbers[k], numbers[k], zero) if relu else numbers[k]
    put_some(c, place, numbers)


def matmul(
    a: FloatArray,
    b: FloatArray,
    bias: FloatArray | None = None,
    relu: bool = False,
    memo: Any = None,  # noqa: ARG001
) -> FloatArray:
    """a (M, K) times b (K, N), of any strides, plus bias (N,): (M, N).

    ``relu``: max(c, 0), in which NaN passes. ``memo``: of no use here, cuBLAS takes matrices as they are.
    """
    xp = gpu.array_module()
    if a.shape[1]:
        with _rounding():
            c: FloatArray = xp.matmul(a, b)
    else:
        c = xp.zeros((a.shape[0], b.shape[1]), a.dtype)
    if bias is not None or relu:
        added = nothing(c) if bias is None else flat(bias)
        launch_flat(finish, c.size, flat_view(c), added, int(relu), b.shape[1])
    return c


_lock = threading.Lock()


@contextmanager
def _rounding() -> Iterator[None]:
    """Products of float32 inside the block are rounded as the precision that is set says."""
    if SIMULATED:
        yield
        return
    linear_algebra = importlib.import_module("cupy._core._routines_linalg")
    to_tf32 = float32_precision() == "tf32" and gpu.compute_capability() >= (8, 0)
    with _lock:
        before = linear_algebra.get_compute_type("f")
        linear_algebra.set_compute_type(
            "f", linear_algebra.COMPUTE_TYPE_TF32 if to_tf32 else linear_algebra.COMPUTE_TYPE_FP32
        )
        try:
            yield
        finally:
            linear_algebra.set_compute_type("f", before)
