"""Arrays from one device to another. What arrives is a copy in the engine's order, whatever the order was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.core import gpu, layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import Device, array_module


def to_host(array: Any) -> Array:
    """The elements of ``array`` for code that computes with NumPy: NumPy's array itself, a copy of a GPU's."""
    if isinstance(array, np.ndarray):
        return array
    stored: Any = layout.stored(array)
    return layout.logical(stored.get())  # a copy to the host keeps no order but C's


def to_gpu(array: Array) -> Any:
    """A copy of NumPy's ``array`` on the GPU."""
    xp = gpu.array_module()
    stored = layout.stored(array)
    return layout.logical(xp.array(np.ascontiguousarray(stored).reshape(stored.shape)))


def placed(array: Array, device: Device) -> Any:
    """NumPy's ``array`` on ``device``: itself on the CPU, else a copy."""
    return array if device.type == "cpu" else to_gpu(array)


def moved(array: Any, source: Device, target: Device) -> Any:
    """A copy of ``array``, which is on ``source``, on ``target``."""
    if source == target:
        return layout.copy(array, array_module(target))
    if target.type == "cuda":
        return to_gpu(array)
    copied = to_host(array)
    return layout.copy(copied) if copied is array else copied  # the simulator's arrays are NumPy's


def on_its_way(array: Any) -> Callable[[], Any]:
    """A function that gives the numbers of ``array`` as they are now, and waits for them no longer than it must.

    A GPU copies them to the host when it has them, while it is given other work. An array of the host is there.
    """
    if isinstance(array, np.ndarray | np.generic):
        return lambda: array
    return gpu.copied_meanwhile(array)
