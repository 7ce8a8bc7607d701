"""Floor 1: arrays in, arrays out. A backend computes on one kind of device and knows no tensor and no gradient tape.

``reference`` defines every function in plain loops; the other backends have the same functions, fast.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from tinyconv.core.devices import Device


def backend(device: Device) -> Any:
    """The module whose functions compute on ``device``. Imported on first use: its compiler takes a while to load."""
    return _loaded(device.type)


@functools.cache
def _loaded(kind: str) -> Any:
    return importlib.import_module(f"tinyconv.backends.{kind}")
