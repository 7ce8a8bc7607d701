"""The one place that imports ``numba.cuda``, and what kernels use of it besides.

On a GPU it is the package numba-cuda, which stands in for the ``numba.cuda`` that Numba brings. That one is enough for
the simulator, which runs every thread of a kernel as a thread of Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.core.gpu import is_simulated

vars(np).setdefault("row_stack", np.vstack)  # NumPy 2.5 dropped what numba-cuda 0.30 looks up when it compiles

import numba.cuda  # noqa: E402
from numba import types  # noqa: E402

__all__ = ["SIMULATED", "cuda", "divide", "helper", "narrow", "place", "remainder"]

cuda: Any = numba.cuda
"""Without types: what is in it, it makes while it is imported."""

SIMULATED = is_simulated()
"""Whether kernels run in the simulator: no warp-level functions, no intrinsics, few and slow threads."""


def helper(function: Callable[..., Any]) -> Any:
    """Make a function that kernels call: it becomes part of each of them.

    Compiled by itself, numba-cuda would ask for the GPU that is there, and kernels are compiled without one too.
    """
    return cuda.jit(device=True, inline="always")(function)


# Numba computes with integers in 64 bits, which take a GPU twice as long: what stays small is made `narrow` again. The
# `place` of an element is unsigned: it needs no code for a count from the end.
narrow, place = (int, int) if SIMULATED else (types.int32, types.uint64)

if SIMULATED:

    def divide(dividend, divisor):
        """dividend // divisor."""
        return dividend // divisor

    def remainder(dividend, divisor):
        """dividend % divisor."""
        return dividend % divisor

else:
    from numba.core.extending import intrinsic

    def _on_32_bits(operation: str) -> Any:
        """The operation on unsigned numbers of 32 bits: a few instructions, where 64 bits take about a hundred."""

        @intrinsic
        def operate(typing_context, dividend, divisor):  # noqa: ARG001
            def generate(context, builder, signature, arguments):
                narrow = [
                    context.cast(builder, value, kind, types.uint32)
                    for value, kind in zip(arguments, signature.args, strict=True)
                ]
                return getattr(builder, operation)(*narrow)

            return types.uint32(dividend, divisor), generate

        return operate

    divide, remainder = _on_32_bits("udiv"), _on_32_bits("urem")
