"""The functions of ``backends.cuda`` called with arrays of the host: moved to the stand-in for CuPy, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from device_arrays import DeviceArray, synchronisations, xp

from tinyconv.core import gpu, layout
from tinyconv.core.transfer import to_gpu, to_host


@contextmanager
def standing_in() -> Iterator[None]:
    """Arrays on the GPU are the stand-in's inside the block."""
    gpu.stand_in(xp)
    try:
        yield
    finally:
        gpu.stand_in(None)


def on_device(value: Any) -> Any:
    """``value`` with every array in it on the GPU."""
    if isinstance(value, np.ndarray):
        return to_gpu(value)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(on_device(item) for item in value)
    return value


def on_host(value: Any) -> Any:
    """``value`` with every array in it back on the host."""
    if isinstance(value, DeviceArray):
        return to_host(value)
    if isinstance(value, list | tuple):
        return type(value)(on_host(item) for item in value)
    assert not isinstance(value, np.ndarray), "an array of the host among those of the GPU"
    return value


def run(function: Any, *arguments: Any, **keywords: Any) -> Any:
    """What ``function`` of the backend gives for arguments of the host. It must not wait for the GPU."""
    moved = [on_device(argument) for argument in arguments]
    with synchronisations() as waits:
        found = function(*moved, **keywords)
    assert waits == []
    for array in found if isinstance(found, tuple) else (found,):
        assert layout.is_engine_order(array)
    return on_host(found)
