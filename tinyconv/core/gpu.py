"""The GPU: whether there is one that can be used, and the array module that computes on it.

Arrays on a GPU are CuPy's; kernels are compiled by numba-cuda. Neither is imported before somebody asks for a GPU. In
Numba's simulator (the environment variable ``NUMBA_ENABLE_CUDASIM=1``), which runs kernels on the processor, NumPy's
arrays stand in for CuPy's.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyconv.core.errors import DeviceError, DeviceMemoryError

INSTALL = 'python -m pip install "tinyconv[cuda]"'

_stand_in: Any = None


class Memory(NamedTuple):
    """Bytes of the GPU's memory: what arrays hold, what waits for the next ones, what is free, and all of it."""

    used: int
    waiting: int
    free: int
    total: int


def is_simulated() -> bool:
    """Whether Numba's simulator stands in for a GPU in this process."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


@functools.cache
def problem() -> str | None:
    """Why no GPU can be used here, with the way out; None where one can."""
    if is_simulated():
        return None
    missing = [name for name in ("cupy", "numba_cuda") if importlib.util.find_spec(name) is None]
    if missing:
        return f"support for GPUs is not installed ({' and '.join(missing)} missing): {INSTALL}"
    try:
        runtime = importlib.import_module("cupy").cuda.runtime
    except ImportError as error:  # CuPy's message says which library of CUDA it did not find
        return f"CuPy cannot be imported ({str(error).strip().splitlines()[0]}): {INSTALL}"
    try:
        driver = int(runtime.driverGetVersion())
    except runtime.CUDARuntimeError:
        driver = 0
    if driver == 0:
        return "no NVIDIA driver was found: install the driver of your GPU, and check it with nvidia-smi"
    needed = int(runtime.runtimeGetVersion())
    if driver // 1000 < needed // 1000:
        return (
            f"the NVIDIA driver is too old: it knows CUDA {_version(driver)}, and the installed CuPy is made for CUDA "
            f"{_version(needed)}; update the driver, or install a CuPy for CUDA {driver // 1000}"
        )
    try:
        count = int(runtime.getDeviceCount())
    except runtime.CUDARuntimeError as error:
        return f"the NVIDIA driver cannot be used ({error}); nvidia-smi and CUDA_VISIBLE_DEVICES may say why"
    return None if count else "the NVIDIA driver finds no GPU; CUDA_VISIBLE_DEVICES may hide it"


def _version(number: int) -> str:
    """13.0 of 13000: how CUDA counts its versions."""
    return f"{number // 1000}.{number % 1000 // 10}"


def require(name: object = "cuda") -> None:
    """Raise ``DeviceError``, of the device that was asked for, where no GPU can be used."""
    reason = problem()
    if reason is not None:
        raise DeviceError(f"device {name!r} is not available: {reason}; device 'cpu' always is")


def count() -> int:
    """How many GPUs the driver shows to this process."""
    if problem() is not None:
        return 0
    return 1 if is_simulated() else int(array_module().cuda.runtime.getDeviceCount())


def array_module() -> Any:
    """CuPy, prepared so that running out of memory is explained; under the simulator what stands in for it."""
    if _stand_in is not None:
        return _stand_in
    return np if is_simulated() else _cupy()


def stand_in(module: Any) -> None:
    """Under the simulator: let ``module`` make the arrays, in place of NumPy."""
    global _stand_in
    _stand_in = module


@functools.cache
def _cupy() -> Any:
    require()
    cupy = importlib.import_module("cupy")
    pool = cupy.get_default_memory_pool()

    def allocate(size: int) -> Any:
        try:
            return pool.malloc(size)
        except cupy.cuda.memory.OutOfMemoryError:
            raise DeviceMemoryError(out_of_memory(size, _memory_of(cupy))) from None

    cupy.cuda.set_allocator(allocate)
    return cupy


def _memory_of(cupy: Any) -> Memory:
    pool = cupy.get_default_memory_pool()
    return Memory(pool.used_bytes(), pool.free_bytes(), *cupy.cuda.runtime.memGetInfo())


def memory() -> Memory:
    """How full the GPU is. The simulator's is the computer's own, of which nothing is counted."""
    return Memory(0, 0, 0, 0) if is_simulated() else _memory_of(_cupy())


def empty_cache() -> None:
    """Give back the memory that waits for the next arrays."""
    if not is_simulated():
        _cupy().get_default_memory_pool().free_all_blocks()


def synchronize() -> None:
    """Wait until the GPU has done all that it was given; the simulator does everything at once."""
    if not is_simulated():
        _cupy().cuda.runtime.deviceSynchronize()


def copied_meanwhile(array: Any) -> Callable[[], Any]:
    """A copy of ``array`` to the host, which the GPU makes in its turn: a function that waits for it and gives it."""
    if _stand_in is not None:
        found = array.get()
        return lambda: found
    cupy, pinned = _cupy(), importlib.import_module("cupyx").empty_pinned(array.shape, array.dtype)
    array.get(out=pinned, blocking=False)
    event = cupy.cuda.Event(disable_timing=True)
    event.record()

    def wait() -> Any:
        event.synchronize()
        return pinned

    return wait


def name() -> str:
    """What the GPU is called."""
    if is_simulated():
        return "simulated by Numba"
    return str(_cupy().cuda.runtime.getDeviceProperties(0)["name"].decode())


def out_of_memory(asked: int, memory: Memory) -> str:
    """What a user reads who asked for so many bytes of a GPU whose memory is full."""
    others = max(0, memory.total - memory.free - memory.used - memory.waiting)
    return (
        f"the GPU is out of memory: {_amount(asked)} were asked for; of its {_amount(memory.total)}, tensors here hold "
        f"{_amount(memory.used)}, {_amount(memory.waiting)} wait to be used again in other sizes, "
        f"{_amount(memory.free)} are free and "
        f"{_amount(others)} belong to others. A smaller batch needs less; so does evaluation inside no_grad(), and "
        "tinyconv.cuda.empty_cache() gives back what waits"
    )


def _amount(size: int) -> str:
    """Bytes as a person reads them."""
    amount, unit = float(size), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.3g} {unit}"


@functools.cache
def compute_capability() -> tuple[int, int]:
    """(9, 0) for Hopper: what instructions the GPU has. The simulator has those of every GPU, and no tensor cores."""
    if is_simulated():
        return (5, 0)
    digits = str(array_module().cuda.Device().compute_capability)
    return int(digits[:-1]), int(digits[-1])


@functools.cache
def multiprocessors() -> int:
    """How many the GPU has, each of which runs blocks of threads by itself; the simulator is like one."""
    if is_simulated():
        return 1
    return int(array_module().cuda.Device().attributes["MultiProcessorCount"])
