"""The card, its driver and the versions of all that computes."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.gpu.case import Case, Lines
from bench.gpu.place import Place, torch, torch_is_there
from tinyconv.core import gpu
from tinyconv.train import environment

PACKAGES = ("numba-cuda", "cupy-cuda13x", "cupy-cuda12x", "torch", "nvidia-nvvm", "nvidia-cuda-nvrtc")
QUERY = "name,driver_version,memory.total,power.limit,clocks.max.sm,clocks.max.memory"


def cases(place: Place) -> Iterator[Case]:
    """Three, of which the driver's own program may be missing."""
    del place
    yield Case("versions", versions)
    yield Case("card", card)
    yield Case("driver", driver)


def versions() -> Lines:
    """Of Python, the packages, cuDNN and tinyconv itself."""
    found: dict[str, Any] = environment.versions()
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if torch_is_there():
        found["cudnn"] = torch().backends.cudnn.version()
    found["revision"] = revision()
    return [{"versions": found, "says": ", ".join(f"{name} {version}" for name, version in found.items() if version)}]


def revision() -> str | None:
    """Of the checkout, with a mark where it was changed; None outside one."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def card() -> Lines:
    """As CUDA describes it."""
    if gpu.is_simulated():
        return [{"card": {"name": "simulator"}, "says": "simulator"}]
    runtime = gpu.array_module().cuda.runtime
    properties = runtime.getDeviceProperties(0)
    facts = {
        "name": properties["name"].decode(),
        "multiprocessors": properties["multiProcessorCount"],
        "memory": properties["totalGlobalMem"],
        "l2": properties["l2CacheSize"],
        "capability": list(gpu.compute_capability()),
        "driver_cuda": runtime.driverGetVersion(),
        "runtime_cuda": runtime.runtimeGetVersion(),
    }
    return [{"card": facts, "says": f"{facts['name']}, {facts['multiprocessors']} multiprocessors"}]


def driver() -> Lines:
    """What its program reports; nothing without one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={QUERY}", "--format=csv,noheader"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    values = [value.strip() for value in answer.stdout.strip().split("\n")[0].split(",")]
    return [{"driver": dict(zip(QUERY.split(","), values, strict=False)), "says": ", ".join(values)}]
