"""Compile every kernel for GPUs to PTX, which is kept on the disk for the tests that want it."""

from __future__ import annotations

import importlib
import os
import pkgutil
import warnings

from tinyconv.backends import cuda
from tinyconv.backends.cuda.kernels import all_kernels

if __name__ == "__main__":
    os.nice(10)
    warnings.simplefilter("ignore", DeprecationWarning)  # numba-cuda's own
    for module in pkgutil.walk_packages(cuda.__path__, f"{cuda.__name__}."):
        importlib.import_module(module.name)
    for kernel in sorted(all_kernels(), key=lambda each: not each.name.startswith(("correlation", "weight"))):
        for working in kernel.working_types:
            kernel.ptx(working, kernel.target((9, 0)))
