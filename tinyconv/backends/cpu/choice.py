"""The one place that chooses how a convolution is computed, from its shape and the user's settings."""

from __future__ import annotations

import functools
from enum import Enum

import numpy as np

from tinyconv.backends.cpu import tuning
from tinyconv.backends.cpu.folding import Fold, fold_forward, fold_gradient
from tinyconv.backends.cpu.patch_gradient import FEW_INPUTS
from tinyconv.backends.cpu.planes import planes_pay
from tinyconv.backends.problem import Problem, Product
from tinyconv.core.algorithms import convolution_algorithm
from tinyconv.core.precision import float32_precision


class Algorithm(Enum):
    """How a convolution, or one of its gradients, is computed."""

    POINTWISE = "pointwise"
    """A 1 x 1 kernel sees no neighbours: the pixels of all images are the rows of one matrix product."""

    DEPTHWISE = "depthwise"
    """Groups of one channel: nothing to sum over channels, so SIMD runs over the groups."""

    GROUPED = "grouped"
    """Several groups: SIMD runs over the outputs of as many as fill a vector."""

    DIRECT = "direct"
    """Sums over taps and channels in register tiles. Takes every shape, and few channels well: where taps lie side by
    side in memory, they and the channels are one run of numbers to sum over."""

    FOLDED = "folded"
    """Direct, with neighbouring pixels as the columns of a tile that few output channels would leave almost empty. It
    multiplies by zeros that are no padding, so an infinite input spreads: in float32, unless it must be exact."""

    WINOGRAD = "winograd"
    """F(4x4, 3x3) and F(2x2, 5x5): 4 and 2.8 times fewer multiplications, for one more rounding on the way in and out.
    Takes 3 x 3 and 5 x 5 kernels at stride 1 and any dilation, in float32 unless it must be exact."""


LEAST_CHANNELS = 16
"""Below, the transforms cost Winograd more than the products that they save."""


def can_compute(algorithm: Algorithm, problem: Problem, precision: str) -> bool:
    """Whether ``algorithm`` is able, and at this precision allowed, to compute ``problem``."""
    p = problem
    if algorithm is Algorithm.POINTWISE:
        return (p.kernel_size, p.stride, p.padding, p.groups) == ((1, 1), (1, 1), (0, 0), 1)
    if algorithm is Algorithm.DEPTHWISE:
        return p.channels == 1
    if algorithm is Algorithm.GROUPED:
        return p.groups > 1
    if p.dtype != np.float32 or precision == "exact":
        return algorithm is Algorithm.DIRECT
    if algorithm is Algorithm.FOLDED:
        return fold_of(p) is not None
    if algorithm is Algorithm.WINOGRAD:
        return (
            p.kernel_size in ((3, 3), (5, 5))
            and (p.stride, p.groups) == ((1, 1), 1)
            and all(padded <= (p.kernel_size[0] - 1) * step for padded, step in zip(p.padding, p.dilation, strict=True))
        )
    return True


def fold_of(problem: Problem) -> Fold | None:
    """How to fold neighbouring pixels of the result into columns, or None where that saves nothing."""
    p = problem
    if p.groups != 1 or (p.product is Product.WEIGHT_GRADIENT and p.channels >= FEW_INPUTS):
        return None
    if p.product is not Product.INPUT_GRADIENT:
        return fold_forward(p.kernel_size, p.stride, p.padding, p.dilation, p.output_size, p.outputs, p.dtype)
    return fold_gradient(p.kernel_size, p.stride, p.padding, p.dilation, p.input_size, p.channels, p.dtype)


def algorithms_for(problem: Problem) -> list[Algorithm]:
    """All that can compute ``problem`` under the present settings."""
    return [algorithm for algorithm in Algorithm if can_compute(algorithm, problem, float32_precision())]


def choose(problem: Problem) -> Algorithm:
    """The algorithm for ``problem``: the forced one if it can compute it, else the one that measured fastest."""
    return _choose(problem, float32_precision(), convolution_algorithm())


@functools.lru_cache(maxsize=1024)
def _choose(problem: Problem, precision: str, forced: str) -> Algorithm:
    able = [algorithm for algorithm in Algorithm if can_compute(algorithm, problem, precision)]
    for algorithm in able:
        if algorithm.value == forced:
            return algorithm
    for name in tuning.learned().get(tuning.key(problem), ()):
        if name in (algorithm.value for algorithm in able):
            return Algorithm(name)
    if Algorithm.DEPTHWISE in able and problem.groups > 1 and problem.outputs < 8:
        return Algorithm.DEPTHWISE
    if Algorithm.GROUPED in able and _grouped_pays(problem):
        return Algorithm.GROUPED
    if Algorithm.POINTWISE in able:
        return Algorithm.POINTWISE
    if Algorithm.WINOGRAD in able and _winograd_pays(problem):
        return Algorithm.WINOGRAD
    if Algorithm.FOLDED in able and not pixels_fill_vectors(problem):
        return Algorithm.FOLDED
    return Algorithm.DIRECT


def forget() -> None:
    """Choose anew from now on: what is known of the machine has changed."""
    _choose.cache_clear()


def pixels_fill_vectors(problem: Problem) -> bool:
    """Whether the direct sum of an input gradient takes its pixels as the columns of tiles: it has few channels."""
    p = problem
    reach = tuple((taps - 1) * step for taps, step in zip(p.kernel_size, p.dilation, strict=True))
    return (
        (p.product, p.stride, p.groups) == (Product.INPUT_GRADIENT, (1, 1), 1)
        and all(padded <= further for padded, further in zip(p.padding, reach, strict=True))
        and planes_pay(p.channels, p.outputs, p.input_size, (reach[0], reach[1]), p.dtype)
    )


def _grouped_pays(problem: Problem) -> bool:
    """Groups that fill a vector by themselves need no others beside them."""
    outputs = problem.channels if problem.product is Product.INPUT_GRADIENT else problem.outputs
    return outputs <= MOST_OUTPUTS


def _winograd_pays(problem: Problem) -> bool:
    """Transforming weights costs as much as a few dozen pixels' products, transforming pixels as a few channels'.

    Where most of a tile hangs over the edge of a small map, its products are no fewer than the sum's own.
    """
    taps = problem.kernel_size[0]
    side = TILE_SIZE - taps + 1
    tiles = problem.images
    for size, step in zip(problem.output_size, problem.dilation, strict=True):
        tiles *= step * -(-size // (side * step))
    saving = problem.pixels * taps**2 / (tiles * TILE_SIZE**2)
    channels = min(problem.channels, problem.outputs)
    return channels >= LEAST_CHANNELS and problem.pixels >= LEAST_PIXELS[problem.product] and saving >= LEAST_SAVING


MOST_OUTPUTS = 8
"""of a group, so that a vector holds several"""

TILE_SIZE = 6
"""Inputs of Winograd's tiles along one axis."""

LEAST_SAVING = 1.5
"""How many times fewer products Winograd must need."""

LEAST_PIXELS = {Product.FORWARD: 256, Product.INPUT_GRADIENT: 256, Product.WEIGHT_GRADIENT: 128}
"""Fewer pixels, as those of one small image, do not repay the transformation of many weights. Forward, the direct sum
packs weights on the way; for the other products it needs another pass over them too."""
