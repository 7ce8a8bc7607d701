"""The kernels for every precision: their tiles, and how fast each is thought to be."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from tinyconv.backends.cuda.kernels import Capability, Kernel
from tinyconv.backends.cuda.tensor_cores import correlation, weight_gradient
from tinyconv.backends.cuda.tensor_cores.products import plain_product, tensor_core_product
from tinyconv.backends.cuda.tensor_cores.products_across import plain_product_across, tensor_core_product_across
from tinyconv.backends.cuda.tensor_cores.tiles import Tile
from tinyconv.backends.cuda.tensor_cores.warp_group_products import warp_group_product

LEAST = (8, 0)
"""Tensor cores that take TF32, and copies to shared memory that go on by themselves."""

HOPPER = (9, 0, "a")
"""Its generation alone has the instructions of warp groups."""


class Arithmetic(Enum):
    """How numbers are multiplied, as ``set_float32_precision`` names it."""

    EXACT = "exact"
    """As float32."""
    FAST = "fast"
    """By tensor cores, as three products of TF32."""
    TF32 = "tf32"
    """By tensor cores, rounded to TF32."""


PRODUCTS = {Arithmetic.FAST: 3, Arithmetic.TF32: 1}
"""Of TF32, for each product of two numbers."""


Rates = Mapping[Tile, float]
"""Products of numbers that a processor is expected to do in a clock with a tile. An H100's does 128 of float32, and
about 640 of TF32 by the instructions used here."""

WARP_GROUP_TILE = Tile(128, 128, 32, 16, 128, 3)
"""For Hopper alone, where four warps multiply together; its kernel takes weights that were rounded before."""

CORRELATION_RATES: dict[tuple[Arithmetic, int], Rates] = {
    (Arithmetic.EXACT, 4): {Tile(128, 128, 32, 32, 64, 3): 100.0, Tile(64, 64, 32, 32, 32, 4): 75.0},
    (Arithmetic.FAST, 4): {Tile(128, 64, 32, 64, 32, 3): 170.0, Tile(64, 64, 32, 32, 32, 4): 160.0},
    (Arithmetic.TF32, 4): {
        WARP_GROUP_TILE: 650.0,
        Tile(128, 128, 32, 64, 64, 3): 500.0,
        Tile(128, 64, 32, 64, 32, 3): 420.0,
        Tile(64, 64, 32, 32, 32, 4): 320.0,
    },
    (Arithmetic.EXACT, 1): {Tile(128, 64, 32, 32, 32, 3): 70.0},
    (Arithmetic.FAST, 1): {Tile(128, 64, 32, 32, 32, 3): 120.0},
    (Arithmetic.TF32, 1): {Tile(128, 64, 32, 32, 32, 3): 200.0},
}
"""Of the forward and the input gradient; tiles of pixels x outputs."""

WEIGHT_GRADIENT_RATES: dict[tuple[Arithmetic, int], Rates] = {
    (Arithmetic.EXACT, 4): {Tile(128, 128, 32, 32, 64, 3): 100.0, Tile(64, 64, 32, 32, 32, 3): 75.0},
    (Arithmetic.FAST, 4): {Tile(128, 64, 32, 64, 32, 3): 170.0, Tile(64, 64, 32, 32, 32, 3): 150.0},
    (Arithmetic.TF32, 4): {Tile(128, 128, 32, 64, 64, 3): 450.0, Tile(64, 64, 32, 32, 32, 3): 300.0},
    (Arithmetic.EXACT, 1): {Tile(64, 128, 32, 32, 32, 3): 70.0},
    (Arithmetic.FAST, 1): {Tile(64, 128, 32, 32, 32, 3): 120.0},
    (Arithmetic.TF32, 1): {Tile(64, 128, 32, 32, 32, 3): 200.0},
}
"""Of the weight gradient; tiles of outputs x terms."""


class Choice(NamedTuple):
    """Kernels that compute the same with different tiles."""

    kernels: Mapping[Tile, Kernel]
    rates: Rates
    shared: Mapping[Tile, int]


def _correlations(arithmetic: Arithmetic, width: int, rates: Rates) -> Choice:
    kernels, shared = {}, {}
    for tile in rates:
        least: Capability = LEAST
        if arithmetic is Arithmetic.EXACT:
            product = plain_product(tile)
        elif tile is WARP_GROUP_TILE:
            product, least = warp_group_product(tile), HOPPER
        else:
            product = tensor_core_product(tile, PRODUCTS[arithmetic])
        kernels[tile] = correlation.correlation_kernel(tile, product, width, least)
        shared[tile] = correlation.shared_bytes(tile, product.alignment)
    return Choice(kernels, rates, shared)


def _weight_gradients(arithmetic: Arithmetic, width: int, rates: Rates) -> Choice:
    kernels, shared = {}, {tile: weight_gradient.shared_bytes(tile) for tile in rates}
    for tile in rates:
        exact = arithmetic is Arithmetic.EXACT
        product = plain_product_across(tile) if exact else tensor_core_product_across(tile, PRODUCTS[arithmetic])
        kernels[tile] = weight_gradient.weight_gradient_kernel(tile, product, width, LEAST)
    return Choice(kernels, rates, shared)


CORRELATIONS = {key: _correlations(*key, rates) for key, rates in CORRELATION_RATES.items()}
WEIGHT_GRADIENTS = {key: _weight_gradients(*key, rates) for key, rates in WEIGHT_GRADIENT_RATES.items()}
"""By arithmetic, and by how many channels are copied at a time: 4, or 1 where they do not come in fours, as those of
images."""
