"""Arithmetic on words of 64 bits that drops what does not fit, and the part that it drops."""

from __future__ import annotations

import numpy as np

from tinyconv.backends.cuda.compiler import SIMULATED, helper

if SIMULATED:
    LAST = (1 << 64) - 1

    def upper_product(first, second):
        """The upper 64 bits of the product."""
        return np.uint64(int(first) * int(second) >> 64)

    def product(first, second):
        """The lower 64 bits of the product."""
        return np.uint64(int(first) * int(second) & LAST)

    def sum_of_words(first, second):
        """The lower 64 bits of the sum."""
        return np.uint64(int(first) + int(second) & LAST)

else:
    from llvmlite import ir
    from numba import types
    from numba.core.extending import intrinsic

    @intrinsic
    def upper_product(typing_context, first, second):  # noqa: ARG001
        def generate(context, builder, signature, arguments):  # noqa: ARG001
            double = ir.IntType(128)
            wide = builder.mul(*(builder.zext(argument, double) for argument in arguments))
            return builder.trunc(builder.lshr(wide, ir.Constant(double, 64)), ir.IntType(64))

        return types.uint64(types.uint64, types.uint64), generate

    @helper
    def product(first, second):
        return np.uint64(first) * np.uint64(second)

    @helper
    def sum_of_words(first, second):
        return np.uint64(first) + np.uint64(second)
