"""Several values that meet at one element of an array, in the order in which they come.

Atomic additions would meet in whatever order threads run. Here values are sorted by their places, which keeps the order
of those that share one, and a thread has all the values of a place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.backends.cuda.compiler import cuda, helper
from tinyconv.backends.cuda.grids import launch_each
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.parameters import Floats, Int, Longs
from tinyconv.core import gpu
from tinyconv.core.arrays import Array

ADD, MULTIPLY, MAXIMUM, MINIMUM, LAST = range(5)
FUNCTIONS = {"add": ADD, "multiply": MULTIPLY, "maximum": MAXIMUM, "minimum": MINIMUM, "last": LAST}


@helper
def combine(places, order, values, part, function):
    """part[p] = f(part[p], v) for the place p of this thread, with one value v after the other."""
    first = cuda.grid(1)
    if first < places.size and (first == 0 or places[first - 1] != places[first]):
        place = places[first]
        result = part[place]
        number = first
        while number < places.size and places[number] == place:
            value = values[order[number]]
            if function == ADD:
                result += value
            elif function == MULTIPLY:
                result *= value
            elif (
                function == LAST
                or (function == MAXIMUM and value > result)
                or (function == MINIMUM and value < result)
                or value != value  # NaN wins over numbers
            ):
                result = value
            number += 1
        part[place] = result


@kernel
def combine_floats(places: Longs, order: Longs, values: Floats, part: Floats, function: Int):
    """``places`` are sorted by ``order``; ``values`` are not."""
    combine(places, order, values, part, function)


@kernel
def combine_integers(places: Longs, order: Longs, values: Longs, part: Longs, function: Int):
    """The same for whole numbers."""
    combine(places, order, values, part, function)


def combine_at(part: Array, index: tuple[Any, ...], values: Array, function: str) -> None:
    """part[index] = f(part[index], values), value after value; see ``backends.reference.combine_at``."""
    xp: Any = gpu.array_module()
    places = xp.arange(part.size).reshape(part.shape)[index]
    values = xp.ascontiguousarray(xp.broadcast_to(values, places.shape)).reshape(-1)
    places = places.reshape(-1)
    order = xp.argsort(places, kind="stable")
    floats = part.dtype.kind == "f"
    dtype = part.dtype if floats else np.dtype(np.int64)
    combined = xp.array(part, dtype, order="C").reshape(-1)  # a copy, for ``part`` may be a view with gaps
    launch_each(
        combine_floats if floats else combine_integers, places.size,
        places[order], order, values.astype(dtype, copy=False), combined, FUNCTIONS[function],
    )  # fmt: skip
    part[...] = combined.reshape(part.shape)
