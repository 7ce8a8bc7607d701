"""A GPU that is not there: arrays as strict as CuPy's, a driver that decodes what it is handed, kernels as real PTX.

Nothing of the engine is replaced. Its kernels are compiled for the GPU and launched as they would be: the driver, which
stands in for CUDA's, gets the bytes of the parameters, and the interpreter of ``ptx`` runs the program that was loaded,
on memory where every address outside an array is a fault. So a whole training step goes through the kernels for tensor
cores, their choice, their workspaces and the packing of their arguments.

    with virtual_gpu(capability=(9, 0)) as driver:
        tc.ones(2, device="cuda") ...
    driver.launched    # the names of the kernels, in order
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from device_arrays import DeviceArray, xp
from ptx import Memory, Program, run

MULTIPROCESSORS = 8  # few, so that small tensors are split for them too
CAPACITY = 1 << 28  # bytes, of which none is given back: enough for a few steps of small networks


class HostMemory(Memory):
    """The interpreter's memory, whose addresses are those of the process: an array's pointer is where NumPy has it."""

    def __init__(self) -> None:
        super().__init__(CAPACITY)
        self.base = self.data.ctypes.data

    def place(self, array: np.ndarray) -> np.ndarray:
        """``array`` as a view of this memory: itself if it is one, else a copy of the same order."""
        if array.size == 0 or self.data.ctypes.data <= array.ctypes.data < self.data.ctypes.data + self.capacity:
            return array
        order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))  # the largest steps first
        laid_out = np.asarray(array.transpose(order), order="C")
        at = self.put(laid_out) - self.base
        view = self.data[at : at + array.nbytes].view(array.dtype).reshape(laid_out.shape)
        return view.transpose(sorted(range(array.ndim), key=order.__getitem__))


@functools.cache
def one_memory() -> HostMemory:
    """One for the process, as a GPU has: what the engine keeps there outlives a test."""
    return HostMemory()


class Driver:
    """What ``cupy_backends.cuda.api.driver`` is to the engine. ``launched``: the kernels' names, in order."""

    class CUDADriverError(RuntimeError):
        pass

    def __init__(self, memory: HostMemory) -> None:
        self.memory, self.launched = memory, []
        self._functions: dict[int, Program] = {}
        self._numbers = itertools.count(1)
        self._dynamic: dict[int, int] = {}

    def loaded(self, program: Program) -> int:
        """A handle of ``program``."""
        number = next(self._numbers)
        self._functions[number] = program
        return number

    def funcSetAttribute(self, function: int, attribute: int, value: int) -> None:
        assert attribute == 8, "CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES"
        self._dynamic[function] = value

    def launchKernel(
        self, function: int, gx: int, gy: int, gz: int, bx: int, by: int, bz: int,
        shared: int, stream: int, parameters: int, extra: int,
    ) -> None:  # fmt: skip
        assert parameters == 0, "the parameters come packed"
        assert shared <= max(48 * 1024, self._dynamic.get(function, 0)), f"{shared} bytes of shared memory unasked for"
        assert max(gy, gz) < 65536, f"a grid of {(gx, gy, gz)} blocks"
        assert gx < 2**31, f"a grid of {(gx, gy, gz)} blocks"
        tag, buffer, second, size, end = (ctypes.c_void_p * 5).from_address(extra)
        assert (tag, second, end) == (1, 2, None), "CU_LAUNCH_PARAM_BUFFER_POINTER, _SIZE, _END"
        program = self._functions[function]
        packed = ctypes.string_at(buffer, ctypes.c_size_t.from_address(size).value)
        self.launched.append(program.name)
        run(program, self.memory, (gx, gy, gz), (bx, by, bz), _unpacked(program, packed), shared=shared)


def _unpacked(program: Program, packed: bytes) -> list[bytes]:
    """The bytes of each parameter, at its own alignment, as the hardware reads them."""
    found, at = [], 0
    for parameter in program.parameters:
        at += -at % parameter.align
        found.append(packed[at : at + parameter.dtype.itemsize])
        at += parameter.dtype.itemsize
    assert at == len(packed), f"{program.name} has {at} bytes of parameters, and {len(packed)} came"
    return found


class Module:
    """CuPy's ``cuda.function.Module``, of one driver."""

    driver: Driver

    def load(self, code: bytes) -> None:
        self.program = Program(code.decode())

    def get_function(self, name: str) -> Any:
        assert name == self.program.name
        return SimpleNamespace(ptr=self.driver.loaded(self.program))


class ProductTypes(ModuleType):
    """How cuBLAS is told to round: CuPy's setting, of the process. Here no product is rounded."""

    COMPUTE_TYPE_DEFAULT, COMPUTE_TYPE_FP32, COMPUTE_TYPE_TF32 = 0, 2, 3

    def __init__(self) -> None:
        super().__init__("cupy._core._routines_linalg")
        self.types: dict[str, int] = {"f": self.COMPUTE_TYPE_DEFAULT}

    def get_compute_type(self, dtype: str) -> int:
        return self.types[dtype]

    def set_compute_type(self, dtype: str, compute_type: int) -> None:
        self.types[dtype] = compute_type


@contextmanager
def virtual_gpu(capability: tuple[int, int] = (9, 0)) -> Iterator[Driver]:
    """Let the device "cuda" be a GPU of ``capability`` that the interpreter of PTX plays."""
    from tinyconv.backends.cuda import launch
    from tinyconv.core import gpu

    memory = one_memory()
    driver = Driver(memory)
    loader = type("Module", (Module,), {"driver": driver})
    stream = SimpleNamespace(ptr=0)
    modules = {
        "cupy": _module("cupy"),
        "cupy._core": _module("cupy._core"),
        "cupy._core._routines_linalg": ProductTypes(),
        "cupy.cuda": _module("cupy.cuda", get_current_stream=lambda: stream),
        "cupy.cuda.function": _module("cupy.cuda.function", Module=loader),
        "cupy_backends": _module("cupy_backends"),
        "cupy_backends.cuda": _module("cupy_backends.cuda"),
        "cupy_backends.cuda.api": _module("cupy_backends.cuda.api", driver=driver),
    }
    launch.loaded.cache_clear()
    try:
        with (
            patch.dict(sys.modules, modules),
            patch.object(gpu, "problem", lambda: None),
            patch.object(gpu, "array_module", lambda: xp),
            patch.object(gpu, "compute_capability", lambda: capability),
            patch.object(gpu, "multiprocessors", lambda: MULTIPROCESSORS),
            patch.object(DeviceArray, "place", staticmethod(memory.place)),
        ):
            yield driver
    finally:
        launch.loaded.cache_clear()


def _module(name: str, **contents: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(contents)
    return made
