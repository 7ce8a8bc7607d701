"""Normalisation over channels: the passes over all pixels that batch, group and instance normalisation consist of.

Their statistics are those of sets of images: of all of them (batch), or of each one by itself (group, instance). What
is computed for each channel of a set comes and goes in float64, (sets, C); the formulas that connect the passes stand
in ``tinyconv.ops.normalization``.
"""

from __future__ import annotations

from typing import Any

from tinyconv.backends.cuda.affine import launch_pass
from tinyconv.backends.cuda.arrays import empty, flat, flat_view, nothing
from tinyconv.backends.cuda.grids import block_over, launch_each
from tinyconv.backends.cuda.kernels import Kernel
from tinyconv.backends.cuda.launch import blocks_for, launch
from tinyconv.backends.cuda.merging import (
    combination_factors,
    merge_moments,
    merge_products,
    merge_sums,
    open_gate,
    rounded_factors,
)
from tinyconv.backends.cuda.pieces import MOMENTS, PLAIN, PRODUCTS, SUMS, Pieces, pieces_of
from tinyconv.core import gpu
from tinyconv.core.arrays import Array, FloatArray

MERGING_LANES = 8
"""Neighbouring channels of a block that merges: few, so that many threads share the pieces of each."""


def launch_sums(which: int, pieces: Pieces, *arguments: Any) -> None:
    """Run the kernel that sums up pieces: MOMENTS, PRODUCTS or PLAIN."""
    launch(SUMS[pieces.width][which], pieces.grid, pieces.block, *arguments)


def launch_merge(merge: Kernel, pieces: Pieces, *arguments: Any) -> None:
    """Run the kernel that puts pieces together."""
    lanes, lines = block_over(pieces.channels, MERGING_LANES)
    launch(merge, (pieces.sets, blocks_for(pieces.channels, lanes)), (lanes, lines), *arguments)


def measure(
    x: FloatArray, pieces: Pieces, weight: FloatArray, bias: FloatArray, eps: float, factors: FloatArray
) -> tuple[Array, Array]:
    """Mean and biased variance of flat x, float64 (sets C,), and the factors that ``merge_moments`` makes of them."""
    xp = gpu.array_module()
    sums, centres = pieces.sums(), xp.empty(pieces.sets * pieces.pieces * pieces.channels, x.dtype)
    mean, variance = (xp.empty(pieces.sets * pieces.channels, "float64") for _ in range(2))
    launch_sums(MOMENTS, pieces, x, *pieces.cut, centres, sums)
    parts = pieces.length, pieces.size, pieces.pieces, pieces.channels
    launch_merge(merge_moments, pieces, centres, sums, *parts, mean, variance, weight, bias, eps, factors)
    return mean, variance


def channel_moments(x: FloatArray, sets: int) -> tuple[Array, Array]:
    """Mean and biased variance of every channel of x (N, C, H, W) in each of ``sets`` sets of images: (sets, C)."""
    channels = x.shape[1]
    if x.size == 0:
        xp = gpu.array_module()
        return xp.full((sets, channels), xp.nan), xp.full((sets, channels), xp.nan)
    none = nothing(x)
    mean, variance = measure(flat(x), pieces_of(x.size // channels, channels, sets), none, none, 0.0, none)
    return mean.reshape(sets, channels), variance.reshape(sets, channels)


def channel_affine(x: FloatArray, mean: Array, scale: Array, shift: Array) -> FloatArray:
    """y = (x - mean) scale + shift for x (N, C, H, W), the others (sets, C)."""
    y = empty(x.shape, x.dtype)
    if y.size:
        channels = x.shape[1]
        factors = gpu.array_module().empty(3 * mean.size, x.dtype)
        launch_each(rounded_factors, mean.size, flat(mean), flat(scale), flat(shift), factors)
        launch_pass(0, x.size // channels, channels, len(mean), flat(x), nothing(x), factors, 0, flat_view(y))
    return y


def channel_products(dy: FloatArray, x: FloatArray, mean: Array) -> tuple[Array, Array]:
    """The sums of dy and of dy (x - mean) over the pixels of each set: dy and x (N, C, H, W), the others (sets, C)."""
    xp = gpu.array_module()
    sums, products = (xp.zeros(mean.shape, "float64") for _ in range(2))
    if x.size:
        channels, sets = x.shape[1], len(mean)
        pieces = pieces_of(x.size // channels, channels, sets)
        of_pieces, none, gate = pieces.sums(), nothing(x), xp.empty(3 * mean.size, x.dtype)
        launch_each(open_gate, mean.size, flat(mean), gate)
        launch_sums(PRODUCTS, pieces, flat(dy), flat(x), none, gate, *pieces.cut, none, of_pieces)
        parts = pieces.pieces, channels, flat(mean), gate
        launch_merge(merge_products, pieces, of_pieces, *parts, sums.reshape(-1), products.reshape(-1))
    return sums, products


def channel_combination(
    dy: FloatArray, x: FloatArray, mean: Array, dy_scale: Array, x_scale: Array, shift: Array
) -> FloatArray:
    """dx = dy_scale dy + x_scale (x - mean) + shift for dy and x (N, C, H, W), the others (sets, C)."""
    dx = empty(x.shape, x.dtype)
    if dx.size:
        channels = x.shape[1]
        gate, factors = (gpu.array_module().empty(3 * mean.size, x.dtype) for _ in range(2))
        launch_each(combination_factors, mean.size, *map(flat, (mean, dy_scale, x_scale, shift)), gate, factors)
        launch_pass(1, x.size // channels, channels, len(mean), flat(dy), flat(x), gate, factors, flat_view(dx))
    return dx


def channel_sum(dy: FloatArray) -> FloatArray:
    """The sum of dy (N, C, H, W) over all but its channels, (C,): the gradient of a bias."""
    xp, channels = gpu.array_module(), dy.shape[1]
    if dy.size == 0:
        return xp.zeros(channels, dy.dtype)
    total = xp.empty(channels, dy.dtype)
    pieces = pieces_of(dy.size // channels, channels)
    sums = pieces.sums()
    launch_sums(PLAIN, pieces, flat(dy), *pieces.cut, sums)
    launch_merge(merge_sums, pieces, sums, pieces.pieces, channels, total)
    return total
