"""A device "cuda" without a GPU: arrays are the strict stand-in's, and the kernels are of the caller's choice.

In an ordinary process the kernels of ``backends.cpu`` compute on the memory behind the arrays: everything above the
backends is tested so, in the time that the CPU takes. Under Numba's simulator the CUDA kernels themselves run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from device_arrays import DeviceArray, xp

from tinyconv import backends
from tinyconv.core import gpu

HOST_ARGUMENT = {"adam_step": 3, "sgd_step": 3}
"""Which argument is an array of the host: the sizes of steps, a few numbers for each parameter."""


class KernelsOfTheHost:
    """The functions of ``backends.cpu``, on the memory behind arrays of the device."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(backends.backend(backends.Device("cpu")), name)

        def on_device(*args: Any, **keywords: Any) -> Any:
            plain = [
                value if HOST_ARGUMENT.get(name) == position else _of_host(value, name)
                for position, value in enumerate(args)
            ]
            return _of_device(function(*plain, **{key: _of_host(value, name) for key, value in keywords.items()}))

        return on_device


def _of_host(value: Any, name: str) -> Any:
    if isinstance(value, np.ndarray):
        raise TypeError(f"{name}: an array of the host for a kernel of the device")
    if isinstance(value, DeviceArray):
        return value.simulated
    if type(value) in (list, tuple):
        return type(value)(_of_host(item, name) for item in value)
    return value


def _of_device(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return DeviceArray(value)
    if type(value) in (list, tuple):
        return type(value)(map(_of_device, value))
    return value


@contextmanager
def cuda_without_gpu() -> Iterator[None]:
    """Inside, ``Device("cuda")`` can be used."""
    problem, loaded = gpu.problem, backends._loaded
    kernels = KernelsOfTheHost()
    gpu.stand_in(xp)
    if not gpu.is_simulated():
        gpu.problem = lambda: None
        backends._loaded = lambda kind: kernels if kind == "cuda" else loaded(kind)
    try:
        yield
    finally:
        gpu.problem, backends._loaded = problem, loaded
        gpu.stand_in(None)
