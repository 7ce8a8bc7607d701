"""Floor 1: arrays in, arrays out. A backend computes on one kind of device and knows no tensor and no gradient tape.

``reference`` defines every function in plain loops; the other backends have the same functions, fast;
``shapes`` only says which shapes the results have.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from tinyconv.core import shapes as mode
from tinyconv.core.devices import Device


def backend(device: Device) -> Any:
    """The module whose functions compute on ``device``. Imported on first use: its compiler takes a while to load.

    Where shapes alone are wanted (``core.shapes``), it is the one that computes these in the place of the processor.
    """
    kind = device.type
    if mode.blocks and kind == "cpu" and mode.is_shapes_only():
        kind = "shapes"
    return _loaded(kind)


@functools.cache
def _loaded(kind: str) -> Any:
    return importlib.import_module(f"tinyconv.backends.{kind}")
