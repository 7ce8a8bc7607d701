"""Compile every kernel for GPUs to PTX, which is kept on the disk for the tests that want it."""

from __future__ import annotations

import os
import warnings

from tinyconv.backends.cuda.kernels import all_kernels

if __name__ == "__main__":
    os.nice(10)
    warnings.simplefilter("ignore", DeprecationWarning)  # numba-cuda's own
    for kernel in sorted(all_kernels(), key=lambda each: not each.name.startswith(("correlation", "weight"))):
        for working in kernel.working_types:
            kernel.ptx(working, kernel.target((9, 0)))
