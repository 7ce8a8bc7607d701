"""Kernels to interpret, compiled by Numba where that is installed."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tinyconv.core.gpu import is_simulated


@contextmanager
def compiling() -> Iterator[None]:
    """Skips the test where nothing can compile a kernel."""
    if is_simulated():
        pytest.skip("Numba's simulator compiles nothing")
    pytest.importorskip("numba_cuda", reason="kernels are compiled by numba-cuda, which is not installed")
    from cuda.pathfinder import DynamicLibNotFoundError

    from tinyconv.backends.cuda.compiler import cuda

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numba-cuda's own
        try:
            yield
        except (DynamicLibNotFoundError, cuda.cudadrv.error.NvvmSupportError) as error:
            pytest.skip(f"a library that kernels are compiled with is not installed: {str(error).splitlines()[0]}")


@functools.cache
def compiled(function: Callable[..., None], signature: Any, capability: tuple[Any, ...] = (8, 0)) -> str:
    """The PTX of a kernel for GPUs of a capability; (9, 0, "a") has the instructions of Hopper alone."""
    with compiling():
        from tinyconv.backends.cuda.compiler import cuda

        return cuda.compile_ptx(function, signature, cc=capability)[0]
