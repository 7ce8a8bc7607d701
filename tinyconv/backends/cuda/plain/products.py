"""The host's side of the plain kernels: how many blocks, with which numbers."""

from __future__ import annotations

import functools
import math
from typing import Any

from tinyconv.backends.cuda.arrays import empty
from tinyconv.backends.cuda.launch import blocks_for, launch
from tinyconv.backends.cuda.plain import depthwise
from tinyconv.backends.cuda.plain.correlation import FORWARD, INPUT_GRADIENT
from tinyconv.backends.cuda.plain.sums import sum_of_parts
from tinyconv.backends.cuda.plain.tiles import FLAT, NARROW, SQUARE, WIDE, Tile
from tinyconv.backends.cuda.plain.weight_gradient import WEIGHT_GRADIENT
from tinyconv.backends.problem import Problem, Product
from tinyconv.core.arrays import Pair

Flat = Any
"""A one-dimensional array of the device."""

Grid = tuple[int, int, int]

LEAST_BLOCKS = 264
"""that a weight gradient is divided into: two for each processor of a large GPU. A number of its own, not the GPU's:
the order of a sum, and so its bits, depend on the shape alone."""

LEAST_DEPTHWISE_BLOCKS = 4 * LEAST_BLOCKS
"""that a depthwise one is divided into, whose blocks wait for memory: a processor has several at a time."""

LEAST_CHUNKS = 8
"""Steps that a part of a weight gradient has at least."""


def correlation_tile(columns: int) -> Tile:
    """The tile for a result of so many columns. A few narrow ones side by side beat a wide one that is half empty."""
    return NARROW if columns <= 2 * NARROW.columns else WIDE


def gradient_tile(outputs: int) -> Tile:
    """The tile for a weight gradient of so many outputs."""
    return FLAT if outputs <= FLAT.rows else SQUARE


@functools.lru_cache(maxsize=1024)
def correlation_launch(problem: Problem, tile: Tile) -> tuple[Grid, tuple[int, ...]]:
    """The grid of a convolution or an input gradient, and the numbers that its kernel takes."""
    channels, outputs = _channels(problem)
    window, phases, (height, width) = _window(problem)
    pixels = problem.images * height * width
    phase_blocks = blocks_for(pixels, tile.rows)
    grid = (phases[0] * phases[1] * phase_blocks, blocks_for(outputs, tile.columns), problem.groups)
    return grid, (channels, outputs, *window, phases[1], height, width, pixels, phase_blocks)


def _channels(problem: Problem) -> tuple[int, int]:
    """Of the source and of the result, in each group."""
    if problem.product is Product.INPUT_GRADIENT:
        return problem.outputs, problem.channels
    return problem.channels, problem.outputs


def _window(problem: Problem) -> tuple[tuple[int, ...], Pair, Pair]:
    """The numbers by which ``axes.py`` tells what an output sums over, the phases, and the outputs of one."""
    size, out_size, phases = problem.input_size, problem.output_size, (1, 1)
    if problem.product is Product.INPUT_GRADIENT:
        size, out_size, phases = out_size, size, problem.stride
    tap_steps = (step // math.gcd(step, gap) for step, gap in zip(phases, problem.dilation, strict=True))
    shape = problem.kernel_size, problem.stride, problem.padding, problem.dilation
    numbers = (*size, *out_size, *(number for pair in shape for number in pair), *tap_steps)
    return numbers, phases, (blocks_for(out_size[0], phases[0]), blocks_for(out_size[1], phases[1]))


def run_correlation(
    problem: Problem, source: Flat, weight: Flat, bias: Flat | None, out: Flat, relu: bool = False
) -> None:
    """``problem``, a convolution or an input gradient, of ``source`` (x or dy) into ``out``: all flat."""
    tile = correlation_tile(_channels(problem)[1])
    kernel = (INPUT_GRADIENT if problem.product is Product.INPUT_GRADIENT else FORWARD)[tile]
    grid, numbers = correlation_launch(problem, tile)
    launch(kernel, grid, tile.threads, source, weight, *_constants(bias, out), int(relu), *numbers)


def _constants(bias: Flat | None, out: Flat) -> tuple[Flat, Flat, int]:
    """Bias, result, and whether there is a bias: without one, any array stands in its place."""
    return (out, out, 0) if bias is None else (bias, out, 1)


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


@functools.lru_cache(maxsize=1024)
def depthwise_launch(problem: Problem) -> tuple[Grid, tuple[int, ...]]:
    """The grid of a depthwise convolution or input gradient, and the numbers that its kernel takes."""
    channels, outputs = _channels(problem)
    window, phases, (height, width) = _window(problem)
    runs = blocks_for(width, depthwise.RUN)
    all_runs = problem.images * height * runs
    phase_blocks = blocks_for(all_runs, depthwise.ROWS)
    groups = problem.groups
    grid = (phases[0] * phases[1] * phase_blocks, blocks_for(outputs * groups, depthwise.LANES), 1)
    sizes = (channels * groups, outputs * groups, outputs, channels)
    return grid, (*sizes, *window, phases[1], height, runs, all_runs, phase_blocks)


def run_depthwise(
    problem: Problem, source: Flat, weight: Flat, bias: Flat | None, out: Flat, relu: bool = False
) -> None:
    """``run_correlation`` for groups of one channel."""
    kernel = depthwise.INPUT_GRADIENT if problem.product is Product.INPUT_GRADIENT else depthwise.FORWARD
    grid, numbers = depthwise_launch(problem)
    block = depthwise.LANES, depthwise.ROWS
    launch(kernel, grid, block, source, weight, *_constants(bias, out), int(relu), *numbers)


@functools.lru_cache(maxsize=1024)
def depthwise_gradient_launch(problem: Problem) -> tuple[Grid, int, tuple[int, ...]]:
    """The grid of a depthwise weight gradient, its parts, and the numbers that its kernel takes."""
    p, taps = problem, math.prod(problem.kernel_size)
    channels, outputs = p.groups, p.groups * p.outputs
    blocks = (blocks_for(outputs, depthwise.LANES), blocks_for(taps, depthwise.GRADIENT_TAPS))
    most = blocks_for(p.pixels, depthwise.ROWS * LEAST_CHUNKS)
    parts = min(blocks_for(LEAST_DEPTHWISE_BLOCKS, blocks[0] * blocks[1]), most)
    part_pixels = blocks_for(p.pixels, parts)
    parts = blocks_for(p.pixels, part_pixels)
    return (parts, *blocks), parts, (
        channels, outputs, *p.input_size, *p.output_size, taps, p.kernel_size[1],
        *p.stride, *p.padding, *p.dilation, p.pixels, part_pixels,
    )  # fmt: skip


def run_depthwise_weight_gradient(problem: Problem, x: Flat, dy: Flat, out: Flat) -> None:
    """``run_weight_gradient`` for groups of one channel."""
    grid, parts, numbers = depthwise_gradient_launch(problem)
    sums = out if parts == 1 else empty((parts * out.size,), out.dtype)
    block = depthwise.LANES, depthwise.ROWS
    launch(depthwise.depthwise_weight_gradient, grid, block, x, dy, sums, *numbers)
    if parts > 1:
        sum_of_parts(sums, parts, out)
