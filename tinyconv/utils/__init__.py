"""Floor 5: PyTorch's ``utils.data``, and the writing of files that are never half-written."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyconv.utils import data as data


def __getattr__(name: str) -> Any:
    """Load ``data`` when it is first asked for."""
    if name == "data":
        return importlib.import_module("tinyconv.utils.data")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
