"""What a run was made with: versions, machine, command line. Two runs that differ can be told apart by it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from typing import Any

PACKAGES = (
    "tinyconv",
    "numpy",
    "numba",
    "llvmlite",
    "numba-cuda",
    "cupy-cuda13x",
    "safetensors",
    "pillow",
    "scikit-image",
    "scikit-learn",
)
SIMD_FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx512vl", "amx-tile", "neon", "sve")
GPU_TIMEOUT_SECONDS = 10


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result may depend on; "not installed" where one is missing."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> dict[str, Any]:
    """Operating system, processor as the kernels see it, and threads."""
    import llvmlite.binding as llvm
    import numpy as np

    from tinyconv.ops import machine as computing

    processor = computing.processor()
    tile = processor.wide
    lanes = processor.lanes(np.dtype(np.float32))
    return {
        "platform": platform.platform(),
        "processor": llvm.get_host_cpu_name(),
        "processor features": ", ".join(name for name in SIMD_FEATURES if llvm.get_host_cpu_features().get(name)),
        "processors": os.cpu_count(),
        "vector": f"{8 * processor.vector_bytes} bits, {lanes} float32",
        "register tile": f"{tile.rows} rows x {tile.vectors} vectors",
        "threads": computing.get_num_threads(),
        "threading layer": computing.threading_layer(),
    }


def kernel_cache() -> str:
    """The folder in which compiled kernels are kept."""
    from tinyconv.ops import machine as computing

    return computing.kernel_cache_folder() or "none: no folder is writable, every process compiles anew"


def gpu() -> str:
    """The GPU that tinyconv can compute on; where it cannot, the cards that NVIDIA's driver reports, and the reason."""
    from tinyconv.core import gpu as computing

    reason = computing.problem()
    if reason is None:
        return f"{computing.name()}, compute capability {'.'.join(map(str, computing.compute_capability()))}"
    cards = _cards()
    return f"not used: {reason}" if cards is None else f"{cards}, not used: {reason}"


def _cards() -> str | None:
    """What ``nvidia-smi`` lists; None where it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603  (a fixed command, found on the user's own path)
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=GPU_TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ", ".join(answer.stdout.split("\n")).strip(", ")


def command_line() -> list[str]:
    """The command that started this process, its program without the folder it lies in."""
    return [os.path.basename(sys.argv[0]), *sys.argv[1:]]  # noqa: PTH119  (argv[0] may be empty or "-c", no path)
