"""The kernels for every precision: their tiles, and how fast each is thought to be."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from tinyconv.backends.cuda.kernels import Kernel
from tinyconv.backends.cuda.tensor_cores.correlation import correlation_kernel, shared_bytes
from tinyconv.backends.cuda.tensor_cores.products import Product, plain_product, tensor_core_product
from tinyconv.backends.cuda.tensor_cores.tiles import Tile

LEAST = (8, 0)
"""Tensor cores that take TF32, and copies to shared memory that go on by themselves."""


class Arithmetic(Enum):
    """How numbers are multiplied, as ``set_float32_precision`` names it."""

    EXACT = "exact"
    """As float32."""
    FAST = "fast"
    """By tensor cores, as three products of TF32."""
    TF32 = "tf32"
    """By tensor cores, rounded to TF32."""


RATES = {
    Arithmetic.EXACT: {
        Tile(128, 128, 32, 32, 64, 3): 100.0,
        Tile(64, 64, 32, 32, 32, 4): 75.0,
    },
    Arithmetic.FAST: {
        Tile(128, 64, 32, 64, 32, 3): 170.0,
        Tile(64, 64, 32, 32, 32, 4): 150.0,
    },
    Arithmetic.TF32: {
        Tile(128, 128, 32, 64, 64, 3): 500.0,
        Tile(128, 64, 32, 64, 32, 3): 420.0,
        Tile(64, 64, 32, 32, 32, 4): 320.0,
    },
}
"""Products that a processor is expected to do in a clock, for channels that are copied 4 at a time. An H100's processor
does 128 of float32, and about 640 of TF32 by the instructions used here."""

NARROW_RATES = {
    Arithmetic.EXACT: {Tile(128, 64, 32, 32, 32, 3): 70.0},
    Arithmetic.FAST: {Tile(128, 64, 32, 32, 32, 3): 120.0},
    Arithmetic.TF32: {Tile(128, 64, 32, 32, 32, 3): 200.0},
}
"""The same for channels that are copied one at a time: those of images, mostly."""


def _product(tile: Tile, arithmetic: Arithmetic) -> Product:
    if arithmetic is Arithmetic.EXACT:
        return plain_product(tile)
    return tensor_core_product(tile, 3 if arithmetic is Arithmetic.FAST else 1)


class Choice(NamedTuple):
    """Kernels that compute the same with different tiles."""

    kernels: Mapping[Tile, Kernel]
    rates: Mapping[Tile, float]
    shared: Mapping[Tile, int]


def _correlations(arithmetic: Arithmetic, width: int) -> Choice:
    rates = (RATES if width == 4 else NARROW_RATES)[arithmetic]
    kernels = {tile: correlation_kernel(tile, _product(tile, arithmetic), width, LEAST) for tile in rates}
    return Choice(kernels, rates, {tile: shared_bytes(tile) for tile in rates})


CORRELATIONS = {(arithmetic, width): _correlations(arithmetic, width) for arithmetic in Arithmetic for width in (4, 1)}
"""By arithmetic, and by how many channels are copied at a time."""
