"""Devices, and the array module that computes on each.

A tensor's device is stated when the tensor is made and never guessed from the type of its array, because the CUDA
simulator computes with NumPy arrays too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core import gpu
from tinyconv.core.errors import DeviceError

KINDS = ("cpu", "cuda")


class Device:
    """Where a tensor lives: ``device("cpu")``, ``device("cuda")``. Equal devices compare and hash equal.

    ``name``: "cpu", "cuda" or either with ":0" behind it, or a device. ``index``: which one, where the name does not
    say it: of each kind a process uses the first. Another GPU is chosen by the environment variable
    ``CUDA_VISIBLE_DEVICES``, before the process starts.
    Raises: ``DeviceError`` for a device that is not there, with the reason.

    >>> tc.device("cpu"), tc.zeros(2).device == tc.device("cpu:0")
    (device(type='cpu'), True)
    """

    __slots__ = ("index", "type")

    def __init__(self, name: str | Device = "cpu", index: int | None = None) -> None:
        if isinstance(name, Device):
            self.type: str = name.type
            self.index: int | None = name.index
            return
        kind, colon, number = str(name).partition(":")
        if colon and not number.isdigit():
            raise DeviceError(f"device {name!r}: after the colon stands a number, as in 'cpu:0'")
        self.type, self.index = kind, int(number) if colon else index
        if kind not in KINDS:
            raise DeviceError(f"device {name!r} is not available: tinyconv computes on {', '.join(KINDS)}")
        if kind == "cuda":
            gpu.require(name)
        if self.index not in (None, 0):
            raise DeviceError(f"device {name!r} is not available: {_ONE[kind]}")

    def __repr__(self) -> str:
        return f"device(type={self.type!r})"

    def __str__(self) -> str:
        return self.type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.type == other.type

    def __hash__(self) -> int:
        return hash(self.type)


_ONE = {
    "cpu": "there is one cpu device, 'cpu'",
    "cuda": "a process computes on one GPU, 'cuda'; start it with CUDA_VISIBLE_DEVICES=1, say, for the second one",
}

CPU = Device("cpu")


def array_module(device: Device) -> Any:
    """The module (``xp``) with NumPy's interface whose arrays live on ``device``."""
    return np if device.type == "cpu" else gpu.array_module()
