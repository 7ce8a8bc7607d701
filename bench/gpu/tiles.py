"""One tile at a time for the tensor cores' kernels, whose plans choose among several by what they should cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyconv.core import gpu
from tinyconv.utils.speed.shapes import ConvolutionShape

PRODUCTS = {
    "conv2d": "forward",
    "conv2d_input_gradient": "input_gradient",
    "conv2d_weight_gradient": "weight_gradient",
}
"""Of a convolution, by the backend's functions."""


def offered(function: str, shape: ConvolutionShape, mode: str) -> list[Any]:
    """The tiles that ``function`` may take in the precision ``mode`` here; none where other kernels are chosen."""
    if gpu.is_simulated():
        return []
    from tinyconv.backends.cuda import choice
    from tinyconv.backends.cuda.tensor_cores.catalog import Arithmetic
    from tinyconv.backends.problem import Product, problem_of

    product = Product(PRODUCTS[function])
    problem = problem_of(product, shape.x[2:], shape.y, shape.weight, shape.geometry, np.dtype(np.float32))
    if choice.method(problem, mode, "automatic", gpu.compute_capability()).value != mode:
        return []
    channels, outputs = shape.weight[1] % 4 == 0, shape.filters // shape.groups % 4 == 0
    in_fours = {"forward": channels, "input_gradient": outputs, "weight_gradient": channels and outputs}
    kernels = _catalogue(function)[Arithmetic(mode), 4 if in_fours[product.value] else 1].kernels
    here = gpu.compute_capability()
    return [tile for tile, kernel in kernels.items() if kernel.runs_on(here)]


@contextmanager
def only(function: str, tile: Any) -> Iterator[None]:
    """Inside, ``function`` takes ``tile`` wherever it may."""
    catalogue = _catalogue(function)
    kept = dict(catalogue)
    for key, choice in kept.items():
        if tile in choice.kernels:
            catalogue[key] = type(choice)(*({tile: column[tile]} for column in choice))
    _forget()
    try:
        yield
    finally:
        catalogue.update(kept)
        _forget()


def _catalogue(function: str) -> dict[Any, Any]:
    from tinyconv.backends.cuda.tensor_cores import catalog

    return catalog.WEIGHT_GRADIENTS if function == "conv2d_weight_gradient" else catalog.CORRELATIONS


def _forget() -> None:
    """The plans that were made remember their tiles."""
    from tinyconv.backends.cuda.tensor_cores import correlation_plans, weight_gradient_plans

    correlation_plans.plan_forward.cache_clear()
    correlation_plans.plan_input_gradient.cache_clear()
    weight_gradient_plans.plan_weight_gradient.cache_clear()
