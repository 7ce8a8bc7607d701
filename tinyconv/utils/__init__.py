"""Floor 5: PyTorch's ``utils.data`` and ``utils.dlpack``, and the writing of files that are never half-written."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyconv.utils import data as data
    from tinyconv.utils import dlpack as dlpack

_FILES = ("data", "dlpack")


def __getattr__(name: str) -> Any:
    """Load ``data`` or ``dlpack`` when it is first asked for."""
    if name in _FILES:
        return importlib.import_module(f"tinyconv.utils.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
