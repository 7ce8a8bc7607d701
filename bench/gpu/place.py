"""Where the cases compute: on the GPU, or in tests on the processor, by the same code."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.gpu.clock import Clock, EventClock, HostClock
from tinyconv.backends import backend
from tinyconv.core import gpu, transfer
from tinyconv.core.devices import CPU, Device, array_module
from tinyconv.core.precision import MODES

POISON = 0xFF
"""The byte that fresh memory is filled with: a NaN in floating point, -1 or 255 in integers."""


@dataclass(frozen=True)
class Place:
    """``modes``: the precisions there; ``processes``: how many may compile at once."""

    device: Device
    clock: Clock
    modes: tuple[str, ...]
    processes: int = 1

    @classmethod
    def gpu(cls, processes: int) -> Place:
        """The GPU; in Numba's simulator, what stands in for it."""
        return cls(Device("cuda"), HostClock() if gpu.is_simulated() else EventClock(), MODES, processes)

    @classmethod
    def processor(cls) -> Place:
        """The processor, where the cases themselves are tested."""
        return cls(CPU, HostClock(), ("exact", "fast"))

    @property
    def backend(self) -> Any:
        """Its functions."""
        return backend(self.device)

    def there(self, array: Any) -> Any:
        """A copy of NumPy's ``array`` on the device."""
        return transfer.moved(array, CPU, self.device)

    def here(self, array: Any) -> Any:
        """A copy of an array of the device for NumPy."""
        return transfer.moved(array, self.device, CPU)

    def holds(self, array: Any) -> bool:
        """Whether ``array`` is one of the device's."""
        return isinstance(array, array_module(self.device).ndarray)

    @contextlib.contextmanager
    def poisoned(self) -> Iterator[None]:
        """Whatever is allocated inside is full of NaN, so that what is not written shows."""
        if self.device == CPU:
            yield
            return
        xp = gpu.array_module()
        with _poisoned_pool(xp) if hasattr(xp, "get_default_memory_pool") else _poisoned_module(xp):
            yield

    def release(self) -> None:
        """Give unused memory back: tinyconv and PyTorch share the GPU's, and keep what they once had."""
        if self.device == CPU or gpu.is_simulated():
            return
        gpu.array_module().get_default_memory_pool().free_all_blocks()
        if "torch" in sys.modules:
            sys.modules["torch"].cuda.empty_cache()


@contextlib.contextmanager
def _poisoned_pool(cupy: Any) -> Iterator[None]:
    pool = cupy.get_default_memory_pool()

    def allocate(size: int) -> Any:
        memory = pool.malloc(size)
        if size:
            memory.memset_async(POISON, size)
        return memory

    with cupy.cuda.using_allocator(allocate):
        yield


@contextlib.contextmanager
def _poisoned_module(xp: Any) -> Iterator[None]:
    """Of what stands in for CuPy, ``empty`` and ``empty_like`` are all that gives memory as it is."""
    kept = {name: getattr(xp, name) for name in ("empty", "empty_like")}

    def poisoned(make: Any) -> Any:
        def made(*arguments: Any, **options: Any) -> Any:
            array = make(*arguments, **options)
            array.fill(float("nan") if array.dtype.kind == "f" else array.dtype.type(POISON))
            return array

        return made

    try:
        for name, make in kept.items():
            setattr(xp, name, poisoned(make))
        yield
    finally:
        for name, make in kept.items():
            setattr(xp, name, make)


def torch_is_there() -> bool:
    """Whether PyTorch can stand beside."""
    return importlib.util.find_spec("torch") is not None


def torch() -> Any:
    """PyTorch, ready to show its best: cuDNN tries all its algorithms for a shape once, and keeps the fastest."""
    library = importlib.import_module("torch")
    library.backends.cudnn.benchmark = True
    return library
