"""The GPU: whether tinyconv can compute on one here, how much memory it has, and when its work is done.

Where the last of these are asked for and no GPU can be used, ``DeviceError`` says why.
"""

from __future__ import annotations

from typing import Any

from tinyconv.core import gpu
from tinyconv.core.absent import explaining
from tinyconv.core.errors import DeviceError
from tinyconv.core.random import Generator

__getattr__ = explaining(__name__)


def is_available() -> bool:
    """Whether tensors can be on ``"cuda"``: a GPU with its driver, CuPy and numba-cuda, or Numba's simulator.

    ``unavailable_because()`` says why not.

    Raises: nothing of its own.

    >>> tc.zeros(2, device="cuda" if tc.cuda.is_available() else "cpu").sum().item()
    0.0
    """
    return gpu.problem() is None


def unavailable_because() -> str | None:
    """Why no GPU can be used, and what to do about it; None where one can.

    Raises: nothing of its own.

    >>> (tc.cuda.unavailable_because() is None) == tc.cuda.is_available()
    True
    """
    return gpu.problem()


def device_count() -> int:
    """How many GPUs the driver shows to this process, which computes on the first.

    Raises: nothing of its own.

    >>> tc.cuda.device_count() >= tc.cuda.is_available()
    True
    """
    return gpu.count()


def current_device() -> int:
    """The number of the GPU that tensors are on: 0, the first that the process sees.

    Raises: ``DeviceError`` where no GPU can be used.

    >>> tc.cuda.current_device() if tc.cuda.is_available() else 0
    0
    """
    gpu.require()
    return 0


def get_device_name(device: Any = None) -> str:
    """What the GPU is called.

    ``device``: may be "cuda" or 0.

    Raises: ``DeviceError`` where no GPU can be used, or not this one.

    >>> isinstance(tc.cuda.get_device_name() if tc.cuda.is_available() else "none", str)
    True
    """
    _require(device)
    return gpu.name()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The generation of the GPU's instructions, as (9, 0): tensor cores for TF32 are there from (8, 0) on.

    ``device``: may be "cuda" or 0.

    Raises: ``DeviceError`` where no GPU can be used, or not this one.

    >>> len(tc.cuda.get_device_capability() if tc.cuda.is_available() else (9, 0))
    2
    """
    _require(device)
    return gpu.compute_capability()


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done all that it was given. Reading a number, as ``item()`` does, waits by itself.

    ``device``: may be "cuda" or 0.

    Raises: ``DeviceError`` where no GPU can be used, or not this one.

    >>> tc.cuda.synchronize() if tc.cuda.is_available() else None
    """
    _require(device)
    gpu.synchronize()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Bytes of the GPU's memory that are free, and all of it.

    ``device``: may be "cuda" or 0.

    Raises: ``DeviceError`` where no GPU can be used, or not this one.

    >>> free, total = tc.cuda.mem_get_info() if tc.cuda.is_available() else (0, 0)
    >>> free <= total
    True
    """
    _require(device)
    memory = gpu.memory()
    return memory.free, memory.total


def memory_allocated(device: Any = None) -> int:
    """Bytes of the GPU's memory that tensors hold.

    ``device``: may be "cuda" or 0.

    Raises: ``DeviceError`` for a device that is none; without a GPU the answer is 0.

    >>> tc.cuda.memory_allocated() >= 0
    True
    """
    return _memory(device).used


def memory_reserved(device: Any = None) -> int:
    """Bytes that tensors hold, and those that wait for the next tensors.

    ``device``: may be "cuda" or 0.

    Raises: ``DeviceError`` for a device that is none; without a GPU the answer is 0.

    >>> tc.cuda.memory_reserved() >= tc.cuda.memory_allocated()
    True
    """
    memory = _memory(device)
    return memory.used + memory.waiting


def empty_cache() -> None:
    """Give the memory that waits for the next tensors back to the GPU, for other programs. Tensors stay.

    Raises: nothing of its own.

    >>> tc.cuda.empty_cache()
    """
    if is_available():
        gpu.empty_cache()


def manual_seed(seed: Any) -> None:
    """Seed the current CUDA device: as in PyTorch nothing happens where there is none.

    ``tc.manual_seed`` seeds all numbers that tinyconv draws, on every device.

    Raises: ``ArgumentError`` for what is no seed.

    >>> tc.cuda.manual_seed(0)
    """
    Generator().manual_seed(seed)


def manual_seed_all(seed: Any) -> None:
    """Seed all CUDA devices, of which there may be none: then, as in PyTorch, nothing happens.

    ``tc.manual_seed`` seeds all numbers that tinyconv draws, on every device.

    Raises: ``ArgumentError`` for what is no seed.

    >>> tc.cuda.manual_seed_all(0)
    """
    manual_seed(seed)


def _require(device: Any) -> None:
    gpu.require()
    _check(device)


def _check(device: Any) -> None:
    """Raise ``DeviceError`` for what does not name the one GPU that a process computes on."""
    if str(device) not in ("None", "0", "cuda", "cuda:0"):
        raise DeviceError(f"device {device!r}: a process computes on one GPU, 'cuda', which is also number 0")


def _memory(device: Any) -> gpu.Memory:
    _check(device)
    return gpu.memory() if is_available() else gpu.Memory(0, 0, 0, 0)
