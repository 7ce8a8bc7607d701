"""What the card can do at most, measured: bytes copied, and products of float32 matrices with and without TF32."""

from __future__ import annotations

from collections.abc import Iterator

from bench.gpu.case import Case, Lines
from bench.gpu.place import Place, torch, torch_is_there
from bench.gpu.sides import Side, take_turns, theirs
from bench.numbers import normal
from tinyconv.core.devices import array_module

COPIED, SIDE, SECONDS = 2**30, 8192, 0.5
"""Bytes; the rows of square matrices; seconds for each."""


def cases(place: Place) -> Iterator[Case]:
    """Without PyTorch, which brings cuBLAS, the bandwidth alone."""
    yield Case("copy", lambda: copy(place, COPIED))
    if torch_is_there():
        yield Case("products", lambda: products(place, SIDE))


def copy(place: Place, size: int) -> Lines:
    """Bytes read and written per second, from one array to another."""
    x = place.there(normal((size // 4,)))
    y = array_module(place.device).empty_like(x)

    def run() -> None:
        y[...] = x

    seconds = take_turns({"copy": Side(run)}, place.clock, SECONDS).timings.median("copy")
    rate = 2 * size / seconds
    return [{"ceiling": "bandwidth", "rate": rate, "says": f"{rate / 1e12:.2f} TB/s read and written"}]


def products(place: Place, side: int) -> Lines:
    """Operations per second of cuBLAS, on random matrices."""
    a, b = (torch().from_numpy(normal((side, side), seed)).to(place.device.type) for seed in (0, 1))
    sides = {"float32": theirs(lambda: a @ b, tf32=False), "tf32": theirs(lambda: a @ b, tf32=True)}
    timings = take_turns(sides, place.clock, SECONDS).timings
    found = []
    for name in sides:
        rate = 2 * side**3 / timings.median(name)
        found.append({"ceiling": name, "rate": rate, "says": f"{rate / 1e12:.1f} TFLOP/s {name}"})
    return found
