"""The array types that annotations use."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""An array of any element type. NumPy's today; a device's own array type stands in for it on other devices."""

FloatArray = NDArray[np.floating[Any]]
"""An array of float32 or float64."""

Pair = tuple[int, int]
"""(vertical, horizontal), the order in which PyTorch and tinyconv write everything that has two spatial directions."""
