"""Several values that meet at one element of an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.arrays import Array


def combine_at(part: Array, index: tuple[Any, ...], values: Array, function: str) -> None:
    """part[index] = f(part[index], values), value after value in their order; written into ``part``.

    ``index``: arrays and slices, as NumPy takes them; an element that it names several times combines with each value.
    ``function``: "add", "multiply", "maximum", "minimum", or "last", which keeps the value.
    """
    places = np.arange(part.size).reshape(part.shape)[index]
    combine = {"last": lambda _, value: value}.get(function) or getattr(np, function)
    for place, value in zip(places.flat, np.broadcast_to(values, places.shape).flat, strict=True):
        element = np.unravel_index(place, part.shape)
        part[element] = combine(part[element], value)
