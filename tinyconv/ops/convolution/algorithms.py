"""The algorithms of a convolution, for the floors above: which can compute it, and which were measured fastest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.devices import CPU, Device, array_module

Geometry = tuple[Pair, Pair, Pair, int]


def products(
    x: FloatArray, weight: FloatArray, dy: FloatArray, geometry: Geometry, device: Device = CPU
) -> dict[str, Callable[[], FloatArray]]:
    """The three products as calls. They keep nothing: each packs the weight and allocates its result.

    x (N, C, H, W), weight (K, C / groups, R, S), dy (N, K, H', W'), all on ``device``; ``geometry``: stride, padding,
    dilation, groups.
    """
    computing, xp = backend(device), array_module(device)
    x, weight, dy = (layout.ordered(array, xp) for array in (x, weight, dy))
    size, kernel = (x.shape[2], x.shape[3]), (weight.shape[2], weight.shape[3])
    return {
        "forward": lambda: computing.conv2d(x, weight, None, *geometry),
        "input gradient": lambda: computing.conv2d_input_gradient(dy, weight, size, *geometry),
        "weight gradient": lambda: computing.conv2d_weight_gradient(x, dy, kernel, *geometry),
    }


Shapes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Of x (N, C, H, W), y (N, K, H', W') and the weight (K, C / groups, R, S)."""


def able(product: str, shapes: Shapes, geometry: Geometry) -> list[str]:
    """The algorithms that can compute ``product`` in float32 at the present precision, the chosen one first."""
    from tinyconv.backends.cpu import choice

    problem = _problem(product, shapes, geometry)
    chosen = choice.choose(problem)
    return [chosen.value, *(each.value for each in choice.algorithms_for(problem) if each is not chosen)]


def remember(product: str, shapes: Shapes, geometry: Geometry, order: list[str]) -> None:
    """Keep ``order``, the fastest algorithm first, for this machine: from now on the choice follows it.

    Raises: ``RunError`` where the file cannot be written.
    """
    from tinyconv.backends.cpu import choice, tuning

    tuning.save({tuning.key(_problem(product, shapes, geometry)): order})
    choice.forget()


def tuning_file() -> str:
    """Where the machine's measurements are kept."""
    from tinyconv.backends.cpu import tuning

    return str(tuning.path())


def _problem(product: str, shapes: Shapes, geometry: Geometry) -> Any:
    from tinyconv.backends.problem import Problem, Product

    x, y, weight = shapes
    stride, padding, dilation, groups = geometry
    return Problem(
        Product(product.replace(" ", "_")),
        y[0],
        groups,
        weight[1],
        weight[0] // groups,
        (x[2], x[3]),
        (y[2], y[3]),
        (weight[2], weight[3]),
        stride,
        padding,
        dilation,
        np.dtype(np.float32),
    )
