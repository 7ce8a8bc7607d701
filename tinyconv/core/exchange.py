"""Arrays of other libraries, taken over without a copy where that is possible.

Libraries hand each other arrays by four protocols: DLPack (``__dlpack__``), which knows devices; NumPy's description of
memory (``__array_interface__``) and its counterpart on GPUs (``__cuda_array_interface__``); and ``__array__``, which
may copy. A capsule is what DLPack really passes on: the description of memory, and a function that gives it back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core import gpu
from tinyconv.core.devices import CPU, Device
from tinyconv.core.errors import ArgumentError, DeviceError, DTypeError, ExchangeError, TinyconvError

ON_CPU = (1, 3)
ON_GPU = (2, 13)
"""DLPack's numbers for memory of the host (3: pinned), and for that of a CUDA device (13: managed)."""

PROTOCOLS = ("__dlpack__", "__cuda_array_interface__", "__array_interface__", "__array__")

_REFUSALS = (BufferError, RuntimeError, TypeError, ValueError)
"""What producers and NumPy raise for memory that cannot be handed over as it is."""


class _Holder:
    """A capsule as an object that gives it, which is what NumPy and CuPy ask for."""

    def __init__(self, capsule: Any, device: tuple[int, int]) -> None:
        self.capsule, self.device = capsule, device

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


class _Writable:
    """The memory of ``array``, described as memory that may be written."""

    def __init__(self, array: Any) -> None:
        address, _ = array.__array_interface__["data"]
        self.owner = array
        self.__array_interface__ = {**array.__array_interface__, "data": (address, False)}


def is_capsule(value: Any) -> bool:
    """Whether ``value`` is a bare DLPack capsule. Python has no name for its type."""
    return type(value).__name__ == "PyCapsule"


def is_foreign(value: Any) -> bool:
    """Whether ``value`` is an array of another library, as its protocols say; NumPy's own and its numbers are not."""
    return not isinstance(value, np.ndarray | np.generic) and any(hasattr(value, name) for name in PROTOCOLS)


def from_dlpack(source: Any) -> tuple[Any, Device]:
    """The array over the memory that ``source`` gives by DLPack, or that a capsule describes; and where it is."""
    if is_capsule(source):
        return _of_capsule(source)
    kind, index = source.__dlpack_device__()
    if kind in ON_CPU:
        # NumPy asks for the newest version; what an old producer gives counts as read-only, for it cannot say.
        return _taken(np.from_dlpack, source, source), CPU
    if kind in ON_GPU:
        device = Device("cuda", int(index))
        return _taken(gpu.array_module().from_dlpack, source, source), device
    raise DeviceError(
        f"from_dlpack: a {_name(source)} on a device of DLPack's kind {int(kind)}; tinyconv computes on cpu and cuda"
    )


def _of_capsule(capsule: Any) -> tuple[Any, Device]:
    """A capsule does not say where its memory is; NumPy looks into it, and refuses that of a GPU."""
    # Its name: "dltensor", once taken "used_dltensor"; since version 1, which can say read-only, "dltensor_versioned".
    text = repr(capsule)
    if '"used_' in text or '"dltensor' not in text:
        raise ArgumentError(
            f"from_dlpack: {text} cannot be taken: a capsule of DLPack is called dltensor, and can be taken once"
        )
    try:
        array = np.from_dlpack(_Holder(capsule, (ON_CPU[0], 0)))
    except _REFUSALS:
        if gpu.problem() is not None:
            raise
        module = gpu.array_module()
        return _taken(module.from_dlpack, _Holder(capsule, (ON_GPU[0], 0)), capsule), Device("cuda")
    if '"dltensor_versioned"' not in text:
        # By the protocol before version 1, memory that must not be written was not handed over at all.
        array = np.asarray(_Writable(array))
    return array, CPU


def _taken(take: Any, source: Any, named: Any) -> Any:
    try:
        return take(source)
    except TinyconvError:
        raise
    except _REFUSALS as error:
        raise ExchangeError(
            f"from_dlpack: a {_name(named)} cannot be taken over ({' '.join(str(error).split())})"
        ) from None


def foreign(name: str, source: Any) -> tuple[Any, Device]:
    """The array of another library's ``source``, over its memory where its protocols allow; and where it is.

    ``name``: of the function that a message names.
    """
    if hasattr(source, "__dlpack__"):
        return from_dlpack(source)
    if hasattr(source, "__cuda_array_interface__"):
        return _taken(gpu.array_module().asarray, source, source), Device("cuda")
    try:
        array = np.asarray(source)
    except _REFUSALS as error:
        raise DTypeError(f"{name}: a {_name(source)} cannot be read as an array ({error})") from None
    if array.dtype == object:
        raise DTypeError(f"{name}: a {_name(source)} holds Python objects; give numbers of one type")
    return array, CPU


def _name(source: Any) -> str:
    kind = type(source)
    return f"{kind.__module__.partition('.')[0]} {kind.__name__}" if kind.__module__ != "builtins" else kind.__name__
