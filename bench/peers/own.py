"""tinyconv's side of every comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.cases import Convolution

FAST, EXACT = "tinyconv", "tinyconv exact"


def exactly(side: Callable[[], object]) -> Callable[[], object]:
    """``side`` with precision "exact": direct kernels only."""
    import tinyconv as tc

    def run() -> object:
        with tc.set_float32_precision("exact"):
            return side()

    return run


def convolution(case: Convolution, arrays: dict[str, np.ndarray]) -> dict[str, Callable[[], object]]:
    """The three products. Nothing is kept from call to call: each packs the weights and allocates its result."""
    from tinyconv.backends import cpu
    from tinyconv.core import layout

    x, weight, dy = (layout.copy(arrays[name]) for name in ("x", "weight", "dy"))
    geometry: tuple[Any, ...] = (*((step, step) for step in (case.stride, case.padding, case.dilation)), case.groups)
    size, kernel = (case.height, case.width), (case.kernel, case.kernel)
    return {
        "forward": lambda: cpu.conv2d(x, weight, None, *geometry),
        "input gradient": lambda: cpu.conv2d_input_gradient(dy, weight, size, *geometry),
        "weight gradient": lambda: cpu.conv2d_weight_gradient(x, dy, kernel, *geometry),
    }
