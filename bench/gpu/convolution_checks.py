"""Convolutions and matrix products: what to compute, and how far from float64 it may be.

u is the unit of rounding, n the number of products in a sum. The error of a sum of random numbers, in float32 and one
after another, is about 0.4 u sqrt(n) of its size. Tensor cores cut their sums off where others round them, which adds
up over n: "fast" may take u n / 16 more. In "tf32" each product of two rounded factors is off by 2^-10 of its size at
most, if they are rounded to the nearest, and by 2^-9 if they are cut off.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from bench.cases import CONVOLUTIONS
from bench.gpu import tiles
from bench.gpu.checks import ROUNDING, Arguments, Call, Check, Draw, Limits, Way
from bench.gpu.place import Place
from tinyconv.core.algorithms import set_convolution_algorithm
from tinyconv.core.devices import CPU
from tinyconv.core.precision import set_float32_precision
from tinyconv.utils.speed.shapes import ConvolutionShape

MOST_ELEMENTS = 1_000_000
"""Of an array of a real layer: the batch is as small as it takes, so that comparing takes no longer than computing."""

Pair = tuple[int, int]
S = ConvolutionShape

RAGGED = (
    S((1, 1, 8, 8), 1, (1, 1)),
    S((2, 3, 9, 11), 5, (3, 3), padding=(1, 1)),
    S((3, 17, 13, 7), 33, (3, 3), (2, 2), (1, 1)),
    S((2, 8, 10, 12), 16, (3, 2), (2, 1), (1, 0), (2, 1)),
    S((2, 16, 14, 15), 8, (5, 5), (1, 1), (4, 4), (2, 2)),
    S((4, 20, 3, 3), 7, (3, 3)),
    S((2, 5, 4, 6), 9, (7, 7), (1, 1), (3, 3)),
    S((2, 130, 12, 10), 70, (1, 1)),
    S((2, 36, 15, 13), 68, (1, 1), (2, 2)),
    S((2, 64, 17, 19), 128, (3, 3), padding=(1, 1)),
    S((1, 72, 11, 9), 136, (3, 3), (3, 2), (2, 1)),
    S((4, 3, 33, 35), 64, (7, 7), (2, 2), (3, 3)),
    S((2, 3, 60, 61), 64, (11, 11), (4, 4), (2, 2)),
    S((2, 6, 9, 9), 9, (3, 3), padding=(1, 1), groups=3),
    S((2, 64, 14, 13), 64, (3, 3), (2, 2), (1, 1), groups=4),
    S((2, 33, 14, 15), 33, (3, 3), (2, 2), (1, 1), groups=33),
    S((2, 12, 9, 10), 24, (5, 3), (1, 1), (2, 1), groups=12),
    S((1, 96, 20, 20), 96, (3, 3), (1, 1), (2, 2), (2, 2), groups=96),
)


def checks() -> Iterator[Check]:
    """Ragged shapes, the layers of networks, and matrix products."""
    shapes = dict.fromkeys((*RAGGED, *(smaller(case.shape) for case in CONVOLUTIONS)))
    for shape in shapes:
        yield from convolution(shape)
    for rows, terms, columns in ((1, 1, 1), (7, 33, 5), (64, 130, 67), (256, 1000, 130), (64, 4096, 512)):
        yield matmul(rows, terms, columns)


def smaller(shape: ConvolutionShape) -> ConvolutionShape:
    """``shape`` with fewer images, if its arrays are large."""
    image = max(math.prod(shape.x[1:]), math.prod(shape.y[1:]))
    images = max(1, min(shape.x[0], MOST_ELEMENTS // image))
    return dataclasses.replace(shape, x=(images, *shape.x[1:]))


def convolution(shape: ConvolutionShape) -> Iterator[Check]:
    """The three products, the forward with a bias and the rectifier too."""
    title = named(shape)
    x, weight, y = shape.x, shape.weight, shape.y
    geometry, taps, spatial = shape.geometry, math.prod(shape.kernel), (x[2], x[3])

    def both(draw: Draw) -> Arguments:
        return draw.normal(*x), draw.normal(*weight), draw.normal(y[1]), *geometry, True

    sizes = {
        "conv2d": (lambda draw: (draw.normal(*x), draw.normal(*weight), None, *geometry), weight[1] * taps),
        "conv2d_input_gradient": (
            lambda draw: (draw.normal(*y), draw.normal(*weight), spatial, *geometry),
            y[1] // shape.groups * taps,
        ),
        "conv2d_weight_gradient": (
            lambda draw: (draw.normal(*x), draw.normal(*y), shape.kernel, *geometry),
            y[0] * y[2] * y[3],
        ),
    }
    for function, (make, terms) in sizes.items():
        yield product(function, title, make, terms, partial(all_ways, function, shape))
    yield product("conv2d", f"{title} + bias, ReLU", both, weight[1] * taps)


def matmul(rows: int, terms: int, columns: int) -> Check:
    """A product of matrices."""

    def make(draw: Draw) -> Arguments:
        return draw.normal(rows, terms), draw.normal(terms, columns), draw.normal(columns)

    return product("matmul", f"{rows}x{terms}x{columns}", make, terms)


def named(shape: ConvolutionShape) -> str:
    """In few letters."""
    extras = (("s", shape.stride, (1, 1)), ("p", shape.padding, (0, 0)), ("d", shape.dilation, (1, 1)))
    said = "".join(f" {letter}{_pair(value)}" for letter, value, usual in extras if value != usual)
    groups = f" g{shape.groups}" if shape.groups > 1 else ""
    return f"{'x'.join(map(str, shape.x))} -> {shape.filters}, {'x'.join(map(str, shape.kernel))}{said}{groups}"


def _pair(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]},{pair[1]}"


def ways(place: Place) -> Iterator[Way]:
    """float32 in every precision, and float64."""
    for mode in place.modes:
        yield Way("float32", mode, within=lambda mode=mode: set_float32_precision(mode))
    yield Way("float64")


def bound(call: Call, terms: int) -> Callable[[Arguments], Limits]:
    """Of each element, a share of the sum of its products' sizes; of the result, by the formulas above."""

    def limits(arguments: Arguments) -> Limits:
        from tinyconv.backends import cpu

        # A rectifier changes none of these sums, which are positive.
        sizes = (np.abs(each.astype(np.float64)) if isinstance(each, np.ndarray) else each for each in arguments)
        total = np.asarray(call(cpu, tuple(sizes)))

        def of(way: Way) -> tuple[np.ndarray, float]:
            element, whole = roundings(way, terms)
            return element * total, whole

        return of

    return limits


def roundings(way: Way, terms: int) -> tuple[float, float]:
    """What an element, and a result as a whole, may be off by, for sums of so many products."""
    unit, root = ROUNDING[way.dtype], math.sqrt(terms)
    if way.dtype == "float64" or way.mode == "exact":
        return unit * (16 + root / 4), unit * (4 + root)
    if way.mode == "fast":
        return unit * (64 + root / 4 + terms / 16), unit * (16 + root + terms / 16)
    return 2**-9 + unit * (64 + terms / 16), 1e-3 + unit * (root + terms / 16)


def all_ways(function: str, shape: ConvolutionShape, place: Place) -> Iterator[Way]:
    """The same, and of tensor cores every tile; depthwise kernels and tiles too, whatever was chosen."""
    for way in ways(place):
        yield way
        if place.device == CPU:
            continue
        if shape.groups > 1 and shape.weight[1] == 1 and way.mode == "exact":
            for name in ("depthwise", "direct"):
                yield way._replace(algorithm=name, within=partial(_forced, name, way))
        for tile in tiles.offered(function, shape, way.mode) if way.dtype == "float32" else ():
            yield way._replace(algorithm=tile.name, within=partial(_with_tile, function, tile, way))


@contextmanager
def _forced(name: str, way: Way) -> Iterator[None]:
    with way.within(), set_convolution_algorithm(name):
        yield


@contextmanager
def _with_tile(function: str, tile: Any, way: Way) -> Iterator[None]:
    with way.within(), tiles.only(function, tile):
        yield


def product(
    function: str,
    title: str,
    make: Callable[[Draw], Arguments],
    terms: int,
    ways: Callable[[Place], Iterator[Way]] = ways,
) -> Check:
    """A check of ``function``, which sums ``terms`` products."""

    def call(module: Any, arguments: Arguments) -> Any:
        return getattr(module, function)(*arguments)

    return Check(function, title, make, ways=ways, bound=bound(call, terms))
