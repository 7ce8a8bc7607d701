"""Arrays of more elements than 32 bits count to: their last images must become what they become alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from bench.gpu.case import Case, Lines
from bench.gpu.place import Place
from bench.numbers import normal
from tinyconv.core import gpu, layout
from tinyconv.core.devices import CPU, array_module
from tinyconv.core.windows import sliding_windows

IMAGE, ELEMENTS, FILTERS = (64, 224, 224), 2**31, 8
"""Channels, height and width; how many elements at least; the outputs of the convolution."""

ALONE = 2
"""The last images, which are computed again by themselves."""

ALLOWED = 1e-5
"""How far apart the two may be: other blocks may add up in another order."""

BYTES = 24
"""For each element, while it is computed: the array, its result, and what is made on the way."""

GEOMETRY = ((1, 1), (0, 0), (1, 1), 1)


def cases(place: Place) -> Iterator[Case]:
    """One for each kind of kernel."""
    for name in functions(place, IMAGE):
        yield Case(f"{name}, more than 2^31 elements", lambda name=name: compared(name, place, IMAGE, ELEMENTS))


def functions(place: Place, image: tuple[int, int, int]) -> dict[str, tuple[int, Callable[[Any], Any]]]:
    """How many channels each takes, and what it does with them."""
    channels, height, width = image
    backend = place.backend
    windows = sliding_windows((height, width), (2, 2), (2, 2), (0, 0), (1, 1), False)

    def convolved(x: Any) -> Any:
        return backend.conv2d(x, place.there(normal((FILTERS, channels, 1, 1), 1)), None, *GEOMETRY)

    def spread(dy: Any) -> Any:
        weight = place.there(normal((FILTERS, channels, 1, 1), 1))
        return backend.conv2d_input_gradient(dy, weight, (height, width), *GEOMETRY)

    def normalised(x: Any) -> Any:
        statistics = tuple(array_module(place.device).ones(channels) for _ in range(2))
        return backend.batch_norm(x, None, None, 0.0, statistics, None, True)[0]

    return {
        "conv2d": (channels, convolved),
        "conv2d_input_gradient": (FILTERS, spread),
        "max_pool2d": (channels, lambda x: backend.max_pool2d(x, windows)[0]),
        "batch_norm": (channels, normalised),
        "relu": (channels, backend.relu),
    }


def compared(name: str, place: Place, image: tuple[int, int, int], elements: int) -> Lines:
    """One line; none of it where the memory is too small."""
    images = elements // math.prod(image) + ALONE
    needed = BYTES * images * math.prod(image)
    if place.device != CPU and gpu.memory().free < needed:
        return [{"says": f"left out: it takes {needed / 1e9:.0f} GB"}]
    channels, compute = functions(place, image)[name]
    xp = array_module(place.device)
    x = filled(place, (images, channels, *image[1:]))
    alone = compute(layout.copy(x[-ALONE:], xp))
    found = compute(x)[-ALONE:]
    error = float(xp.linalg.norm((found - alone).ravel()) / xp.linalg.norm(alone.ravel()))
    passed = error <= ALLOWED
    line = {"function": name, "title": f"{images} images", "dtype": "float32", "mode": "fast", "algorithm": ""}
    return [
        line | {"error": error / ALLOWED, "element": 0.0, "same_bits": True, "passed": passed, "says": f"{error:.2g}"}
    ]


def filled(place: Place, shape: tuple[int, ...]) -> Any:
    """Random numbers, a few images of which are repeated."""
    xp = array_module(place.device)
    x, some = layout.empty(shape, "float32", xp), place.there(normal((ALONE + 1, *shape[1:])))
    for first in range(0, shape[0], len(some)):
        part = x[first : first + len(some)]
        part[...] = some[: len(part)]
    return x
