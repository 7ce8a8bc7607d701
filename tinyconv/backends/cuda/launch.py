"""Launching kernels: on the GPU through the driver, with arguments packed into a few bytes; or in the simulator.

What Numba and CuPy do themselves at a launch takes 20 us for three arrays and some numbers, more than many kernels
run. Here a kernel's parameters are packed by one compiled ``struct`` and handed to the driver as they are.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import threading
from collections.abc import Callable
from typing import Any

from tinyconv.backends.cuda.compiler import SIMULATED
from tinyconv.backends.cuda.kernels import Kernel
from tinyconv.core import gpu
from tinyconv.core.errors import DeviceError

Grid = int | tuple[int, ...]

SHARED_AT_MOST = 48 * 1024
"""Bytes of shared memory that a block gets without asking the driver for more."""

MOST_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
BUFFER_POINTER, BUFFER_SIZE, END = 1, 2, 0  # CU_LAUNCH_PARAM_...: how the driver is told of packed parameters

SIMULATED_THREADS = 32
"""In a block of the simulator, where each is a thread of Python."""


def threads_per_block(wanted: int) -> int:
    """How many threads to give a block that would do best with ``wanted``: few in the simulator."""
    return min(wanted, SIMULATED_THREADS) if SIMULATED else wanted


def blocks_for(count: int, each: int) -> int:
    """How many blocks cover ``count`` things, ``each`` of them per block."""
    return -(-count // each)


def launch(kernel: Kernel, grid: Grid, block: Grid, *arguments: Any, shared: int = 0) -> None:
    """Run ``kernel`` on ``grid`` blocks of ``block`` threads (x, y, z), with ``shared`` bytes of memory per block.

    Nothing is waited for: the kernel runs after what was given to CuPy's current stream before it. A grid without
    blocks is none: nothing is run.
    """
    if grid == 0 or (isinstance(grid, tuple) and 0 in grid):
        return
    if kernel.simulated is not None:
        plain = [getattr(argument, "simulated", argument) for argument in arguments]
        kernel.simulated[_three(grid), _three(block), 0, shared](*plain)
        return
    index = kernel.working_index
    working = "f" if index is None else arguments[index].dtype.char
    loaded(kernel, working).launch(_three(grid), _three(block), shared, arguments)


def _three(sizes: Grid) -> tuple[int, int, int]:
    if isinstance(sizes, int):
        return sizes, 1, 1
    return (*sizes, *(1,) * (3 - len(sizes)))  # type: ignore[return-value]


class _Loaded:
    """A kernel on the GPU, and the bytes in which its arguments are handed over, one launch at a time."""

    def __init__(self, kernel: Kernel, working: str) -> None:
        from cupy.cuda import get_current_stream
        from cupy.cuda.function import Module
        from cupy_backends.cuda.api import driver

        self.driver, self.current_stream = driver, get_current_stream
        self.module = Module()
        text = kernel.ptx(working, kernel.target(gpu.compute_capability()))
        try:
            self.module.load(text.encode())
        except driver.CUDADriverError as error:
            raise DeviceError(
                f"kernel {kernel.name} cannot be loaded ({error}): the driver may be older than the compiler that "
                "nvidia-nvvm installed; update the driver, or install an nvidia-nvvm of the driver's version of CUDA"
            ) from None
        self.function = self.module.get_function(kernel.entry(working)).ptr
        packer = struct.Struct("@" + "".join(each.layout(working) for each in kernel.parameters))
        self.buffer = ctypes.create_string_buffer(packer.size)
        self.pack = _packing(kernel, functools.partial(packer.pack_into, self.buffer, 0))
        self.size = ctypes.c_size_t(packer.size)
        self.told = (ctypes.c_void_p * 5)(
            BUFFER_POINTER, ctypes.addressof(self.buffer), BUFFER_SIZE, ctypes.addressof(self.size), END
        )
        self.address = ctypes.addressof(self.told)
        self.lock = threading.Lock()
        self.shared = SHARED_AT_MOST

    def launch(
        self, grid: tuple[int, int, int], block: tuple[int, int, int], shared: int, arguments: tuple[Any, ...]
    ) -> None:
        with self.lock:  # the driver copies the bytes before it returns
            if shared > self.shared:
                self.driver.funcSetAttribute(self.function, MOST_SHARED, shared)
                self.shared = shared
            self.pack(*arguments)
            self.driver.launchKernel(self.function, *grid, *block, shared, self.current_stream().ptr, 0, self.address)


@functools.cache
def loaded(kernel: Kernel, working: str) -> _Loaded:
    """``working``: the letter of T."""
    return _Loaded(kernel, {"f": "float32", "d": "float64"}[working])


def _packing(kernel: Kernel, pack: Callable[..., None]) -> Callable[..., None]:
    """A function of the kernel's arguments that packs them, written out: a loop over them takes ten times as long."""
    names = [f"argument_{index}" for index in range(len(kernel.parameters))]
    parts = (each.flattened(name) for each, name in zip(kernel.parameters, names, strict=True))
    source = f"lambda {', '.join(names)}: pack({', '.join(parts)})"
    made: Callable[..., None] = eval(source, {"pack": pack})  # noqa: S307 (of nothing but numbered names)
    return made
