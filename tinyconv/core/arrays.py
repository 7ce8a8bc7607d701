"""The array types that annotations use, and what arrays of every device are asked alike."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""An array of any element type. NumPy's today; a device's own array type stands in for it on other devices."""

FloatArray = NDArray[np.floating[Any]]
"""An array of float32 or float64."""

Pair = tuple[int, int]
"""(vertical, horizontal), the order in which PyTorch and tinyconv write everything that has two spatial directions."""

Sizes = tuple[int, ...]
"""One number for each spatial direction: (depth, vertical, horizontal) where there are three."""


def is_writable(array: Any) -> bool:
    """Whether ``array`` may be written. A GPU's always may."""
    return bool(getattr(array.flags, "writeable", True))


def let_write(view: Any, source: Any) -> None:
    """Let ``view`` be written where ``source`` may be: NumPy makes some views read-only, CuPy none."""
    if hasattr(view.flags, "writeable"):
        view.flags.writeable = is_writable(source)


def address(array: Any) -> int:
    """Where in the memory of its device the first element lies."""
    found: int = array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data.ptr
    return found
