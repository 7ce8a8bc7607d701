"""The host's side of the plain kernels: how many blocks, with which numbers."""

from __future__ import annotations

import functools
import math
from typing import Any

from tinyconv.backends.cuda.arrays import empty
from tinyconv.backends.cuda.launch import blocks_for, launch
from tinyconv.backends.cuda.plain.correlation import FORWARD, INPUT_GRADIENT
from tinyconv.backends.cuda.plain.sums import sum_of_parts
from tinyconv.backends.cuda.plain.tiles import FLAT, NARROW, SQUARE, WIDE, Tile
from tinyconv.backends.cuda.plain.weight_gradient import WEIGHT_GRADIENT
from tinyconv.backends.problem import Problem, Product

Flat = Any
"""A one-dimensional array of the device."""

Grid = tuple[int, int, int]

LEAST_BLOCKS = 264
"""that a weight gradient is divided into: two for each processor of a large GPU. A number of its own, not the GPU's:
the order of a sum, and so its bits, depend on the shape alone."""

LEAST_CHUNKS = 8
"""Steps of a tile that a part of a weight gradient has at least."""


def correlation_tile(columns: int) -> Tile:
    """The tile for a result of so many columns. A few narrow ones side by side beat a wide one that is half empty."""
    return NARROW if columns <= 2 * NARROW.columns else WIDE


def gradient_tile(outputs: int) -> Tile:
    """The tile for a weight gradient of so many outputs."""
    return FLAT if outputs <= FLAT.rows else SQUARE


@functools.lru_cache(maxsize=1024)
def correlation_launch(problem: Problem, tile: Tile) -> tuple[Grid, tuple[int, ...]]:
    """The grid of a convolution or an input gradient, and the numbers that its kernel takes."""
    transposed = problem.product is Product.INPUT_GRADIENT
    channels, outputs = problem.channels, problem.outputs
    size, out_size = problem.input_size, problem.output_size
    phases = (1, 1)
    if transposed:
        channels, outputs, size, out_size, phases = outputs, channels, out_size, size, problem.stride
    phase_height, phase_width = (-(-pixels // steps) for pixels, steps in zip(out_size, phases, strict=True))
    tap_steps = (step // math.gcd(step, gap) for step, gap in zip(problem.stride, problem.dilation, strict=True))
    phase_pixels = problem.images * phase_height * phase_width
    phase_blocks = blocks_for(phase_pixels, tile.rows)
    grid = (phases[0] * phases[1] * phase_blocks, blocks_for(outputs, tile.columns), problem.groups)
    return grid, (
        channels, outputs, *size, *out_size, *problem.kernel_size, *problem.stride, *problem.padding,
        *problem.dilation, *tap_steps, phases[1], phase_height, phase_width, phase_pixels, phase_blocks,
    )  # fmt: skip


def run_correlation(
    problem: Problem, source: Flat, weight: Flat, bias: Flat | None, out: Flat, relu: bool = False
) -> None:
    """``problem``, a convolution or an input gradient, of ``source`` (x or dy) into ``out``: all flat."""
    transposed = problem.product is Product.INPUT_GRADIENT
    tile = correlation_tile(problem.channels if transposed else problem.outputs)
    kernel = (INPUT_GRADIENT if transposed else FORWARD)[tile]
    grid, numbers = correlation_launch(problem, tile)
    constants = (out, 0) if bias is None else (bias, 1)
    launch(kernel, grid, tile.threads, source, weight, constants[0], out, constants[1], int(relu), *numbers)


@functools.lru_cache(maxsize=1024)
def weight_gradient_launch(problem: Problem, tile: Tile) -> tuple[Grid, int, tuple[int, ...]]:
    """The grid of a weight gradient, in how many parts its pixels are summed up, and the numbers of its kernel."""
    kernel_height, kernel_width = problem.kernel_size
    columns = kernel_height * kernel_width * problem.channels
    column_blocks = blocks_for(columns, tile.columns)
    blocks = blocks_for(problem.outputs, tile.rows) * column_blocks
    most = blocks_for(problem.pixels, tile.depth * LEAST_CHUNKS)
    parts = min(blocks_for(LEAST_BLOCKS, blocks * problem.groups), most)
    part_pixels = blocks_for(problem.pixels, parts * tile.depth) * tile.depth
    parts = blocks_for(problem.pixels, part_pixels)
    return (blocks, parts, problem.groups), parts, (
        problem.channels, problem.outputs, *problem.input_size, *problem.output_size, kernel_width,
        *problem.stride, *problem.padding, *problem.dilation, columns, column_blocks, problem.pixels, part_pixels,
    )  # fmt: skip


def run_weight_gradient(problem: Problem, x: Flat, dy: Flat, out: Flat) -> None:
    """The weight gradient of x and dy into ``out``; all flat, channels last."""
    tile = gradient_tile(problem.outputs)
    grid, parts, numbers = weight_gradient_launch(problem, tile)
    sums = out if parts == 1 else empty((parts * out.size,), out.dtype)
    launch(WEIGHT_GRADIENT[tile], grid, tile.threads, x, dy, sums, *numbers)
    if parts > 1:
        sum_of_parts(sums, parts, out)
