"""Several values that meet at one element of an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.arrays import Array


def combine_at(part: Array, index: tuple[Any, ...], values: Array, function: str) -> None:
    """part[index] = f(part[index], values), value after value; see ``backends.reference.combine_at``."""
    if function == "last":
        part[index] = values
    else:
        getattr(np, function).at(part, index, values)
