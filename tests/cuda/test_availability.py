"""What a user reads where no GPU can be used, or its memory is full: the driver's answers are made up."""

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.core import gpu
from tinyconv.core.errors import DeviceError, DeviceMemoryError


class CUDARuntimeError(RuntimeError):
    """As CuPy raises it."""


class Runtime:
    """``cupy.cuda.runtime``: versions as CUDA counts them, an error for what is None."""

    CUDARuntimeError = CUDARuntimeError

    def __init__(self, driver=13000, needed=13000, count=1):
        self.driver, self.needed, self.count = driver, needed, count

    def driverGetVersion(self):
        return self._answer(self.driver, "cudaErrorInsufficientDriver")

    def runtimeGetVersion(self):
        return self.needed

    def getDeviceCount(self):
        return self._answer(self.count, "cudaErrorNoDevice: no CUDA-capable device is detected")

    def memGetInfo(self):
        return 2 * 10**9, 80 * 10**9

    def getDeviceProperties(self, number):
        return {"name": f"GPU {number}".encode()}

    def deviceSynchronize(self):
        self.waited = True

    def _answer(self, number, error):
        if number is None:
            raise CUDARuntimeError(error)
        return number


class Pool:
    """``cupy.get_default_memory_pool()`` when nothing more fits."""

    def __init__(self, error):
        self.error = error

    def malloc(self, size):
        if size > 10**9:
            raise self.error
        return f"{size} bytes"

    def used_bytes(self):
        return 70 * 10**9

    def free_bytes(self):
        return 5 * 10**9

    def free_all_blocks(self):
        self.freed = True


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What was found of this machine is not known inside a test, nor what a test made up after it."""
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    caches = gpu.problem, gpu._cupy
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def cupy(runtime):
    """A module of the few names that the engine asks CuPy for."""
    made = ModuleType("cupy")
    error = type("OutOfMemoryError", (MemoryError,), {})
    pool, made.allocators = Pool(error("Out of memory allocating")), []
    made.get_default_memory_pool = lambda: pool
    made.cuda = SimpleNamespace(
        runtime=runtime, memory=SimpleNamespace(OutOfMemoryError=error), set_allocator=made.allocators.append
    )
    return made


def installed(*names):
    """``importlib.util.find_spec`` where only these of CuPy and numba-cuda are installed."""
    find = importlib.util.find_spec
    absent = {"cupy", "numba_cuda"} - set(names)
    return patch.object(
        importlib.util, "find_spec", lambda name, *rest: None if name in absent else names.count(name) or find(name)
    )


def reason(runtime):
    """Why there is no GPU, where CuPy and numba-cuda are installed and the driver answers so."""
    with installed("cupy", "numba_cuda"), patch.dict(sys.modules, {"cupy": cupy(runtime)}):
        return gpu.problem()


@pytest.mark.parametrize("present", [(), ("cupy",), ("numba_cuda",)])
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(present):
    with installed(*present):
        found = gpu.problem()
    for name in ("cupy", "numba_cuda"):
        assert (name in found.partition(":")[0]) == (name not in present)
    assert 'pip install "tinyconv[cuda]"' in found


def test_a_cupy_that_cannot_be_imported_says_why():
    with installed("cupy", "numba_cuda"), patch.dict(sys.modules, {"cupy": None}):
        assert "CuPy cannot be imported" in gpu.problem()


@pytest.mark.parametrize("driver", [0, None])
def test_no_driver(driver):
    assert "no NVIDIA driver was found" in reason(Runtime(driver=driver))


def test_a_driver_that_is_too_old_is_told_from_one_that_is_not():
    found = reason(Runtime(driver=12040, needed=13000))
    for words in ("too old", "CUDA 12.4", "CUDA 13.0", "update the driver", "a CuPy for CUDA 12"):
        assert words in found


@pytest.mark.parametrize("driver", [13000, 13010, 14000])
def test_a_driver_of_the_same_generation_or_a_later_one_will_do(driver):
    gpu.problem.cache_clear()
    assert reason(Runtime(driver=driver, needed=13010)) is None


@pytest.mark.parametrize(("count", "words"), [(0, "finds no GPU"), (None, "no CUDA-capable device")])
def test_no_gpu(count, words):
    found = reason(Runtime(count=count))
    assert words in found
    assert "CUDA_VISIBLE_DEVICES" in found


def test_a_device_that_is_not_there_is_an_error_with_the_reason():
    with installed():
        assert not tc.cuda.is_available()
        assert tc.cuda.device_count() == 0
        for use in (lambda: tc.device("cuda"), lambda: tc.zeros(1, device="cuda"), lambda: tc.zeros(1).to("cuda:0")):
            with pytest.raises(DeviceError, match=r"'cuda(:0)?' is not available: .*tinyconv\[cuda\]"):
                use()


def test_in_the_simulator_there_is_a_gpu_without_cupy(monkeypatch):
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")
    with installed():
        assert gpu.problem() is None
        assert gpu.count() == 1


def test_a_full_memory_says_what_was_asked_what_is_held_and_what_to_try():
    made = cupy(Runtime())
    with installed("cupy", "numba_cuda"), patch.dict(sys.modules, {"cupy": made}):
        assert gpu.array_module() is made
        assert gpu.count() == 1
        (allocate,) = made.allocators
        assert allocate(10**6) == "1000000 bytes"
        with pytest.raises(DeviceMemoryError) as raised:
            allocate(6 * 10**9)
    assert isinstance(raised.value, MemoryError)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    message = str(raised.value)
    for words in ("6 GB were asked for", "80 GB", "hold 70 GB", "5 GB wait", "2 GB are free", "3 GB belong to others"):
        assert words in message
    for way_out in ("smaller batch", "no_grad()", "empty_cache()"):
        assert way_out in message


def test_what_the_gpu_is_and_holds_is_the_drivers_answer():
    runtime = Runtime()
    made = cupy(runtime)
    with installed("cupy", "numba_cuda"), patch.dict(sys.modules, {"cupy": made}):
        assert (tc.cuda.is_available(), tc.cuda.device_count(), tc.cuda.current_device()) == (True, 1, 0)
        assert tc.cuda.get_device_name("cuda:0") == "GPU 0"
        assert tc.cuda.mem_get_info() == (2 * 10**9, 80 * 10**9)
        assert tc.cuda.memory_allocated() == 70 * 10**9
        assert tc.cuda.memory_reserved() == 75 * 10**9
        tc.cuda.synchronize()
        tc.cuda.empty_cache()
        assert runtime.waited
        assert made.get_default_memory_pool().freed
        with pytest.raises(DeviceError, match="one GPU"):
            tc.cuda.synchronize(1)


def test_without_a_gpu_nothing_is_held_and_nothing_can_be_waited_for():
    with installed():
        assert tc.cuda.memory_allocated() == tc.cuda.memory_reserved() == 0
        tc.cuda.empty_cache()
        for use in (tc.cuda.synchronize, tc.cuda.mem_get_info, tc.cuda.get_device_name, tc.cuda.current_device):
            with pytest.raises(DeviceError, match="is not available"):
                use()


def test_a_copy_to_the_host_is_made_meanwhile_and_waited_for_when_it_is_asked_for():
    moments = []

    class Array:
        shape, dtype = (2,), np.dtype(np.float32)

        def get(self, out, blocking):
            moments.append(("copy", blocking))
            out[...] = [3, 4]

    class Event:
        def __init__(self, disable_timing):
            assert disable_timing

        def record(self):
            moments.append("record")

        def synchronize(self):
            moments.append("wait")

    made, extra = cupy(Runtime()), ModuleType("cupyx")
    made.cuda.Event, extra.empty_pinned = Event, np.empty
    with installed("cupy", "numba_cuda"), patch.dict(sys.modules, {"cupy": made, "cupyx": extra}):
        wait = gpu.copied_meanwhile(Array())
        assert moments == [("copy", False), "record"]
        assert wait().tolist() == [3, 4]
    assert moments[2:] == ["wait"]
