"""Unpooling: numbers to the pixels that indices name, and back from there. Arrays are (N, pixels, C).

Where indices name a pixel twice, the order of the sum must not depend on when threads run: a thread has all of a
channel of an image, and goes through it pixel by pixel. Neighbouring threads have neighbouring channels.
"""

from __future__ import annotations

from tinyconv.backends.cuda.arrays import empty, flat, flat_view
from tinyconv.backends.cuda.compiler import cuda, divide, remainder
from tinyconv.backends.cuda.grids import THREADS
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.launch import blocks_for, launch, threads_per_block
from tinyconv.backends.cuda.parameters import Floats, Int, Long, Longs
from tinyconv.core.arrays import Array, FloatArray, Pair

FEW_THREADS = 64
"""In a block, where a thread has all of a channel: so that there are enough blocks for all of the GPU."""

AHEAD = 4
"""Pixels that are read before their numbers are added: a read that waits for a write would wait for memory."""


@kernel
def scatter_pixels(dy: Floats, indices: Longs, dx: Floats, given: Int, pixels: Int, channels: Int, columns: Long):
    """dx[n, indices[n, pixel, c], c] += dy[n, pixel, c], all of a column (n, c) in order; dy has ``given`` pixels."""
    column = cuda.grid(1)
    if column < columns:
        image, c = divide(column, channels), remainder(column, channels)
        source, target = image * given * channels + c, image * pixels * channels + c
        numbers = cuda.local.array(AHEAD, dy.dtype)
        places = cuda.local.array(AHEAD, indices.dtype)
        for pixel in range(pixels):
            dx[target + pixel * channels] = 0
        for start in range(0, given, AHEAD):
            for k in range(AHEAD):
                at = source + min(start + k, given - 1) * channels
                numbers[k] = dy[at]
                places[k] = indices[at]
            for k in range(AHEAD):
                if start + k < given:
                    dx[target + places[k] * channels] += numbers[k]


@kernel
def gather_pixels(x: Floats, indices: Longs, y: Floats, pixels: Int, channels: Int, plane: Long, blocks: Int):
    """y[n, pixel, c] = x[n, indices[n, pixel, c], c]; an image of y has ``plane`` numbers, in so many ``blocks``."""
    image = divide(cuda.blockIdx.x, blocks)
    rest = remainder(cuda.blockIdx.x, blocks) * cuda.blockDim.x + cuda.threadIdx.x
    if rest < plane:
        index = image * plane + rest
        y[index] = x[(image * pixels + indices[index]) * channels + remainder(rest, channels)]


def scatter_plane(dy: FloatArray, indices: Array, size: Pair) -> FloatArray:
    """dx[n, c].flat[indices[n, c, i, j]] += dy[n, c, i, j], for dx (N, C, *size)."""
    images, channels = dy.shape[:2]
    dx = empty((images, channels, *size), dy.dtype)
    columns, given, pixels = images * channels, dy.shape[2] * dy.shape[3], size[0] * size[1]
    threads = threads_per_block(FEW_THREADS)
    arrays = flat(dy), flat(indices), flat_view(dx)
    launch(scatter_pixels, blocks_for(columns, threads), threads, *arrays, given, pixels, channels, columns)
    return dx


def gather_plane(x: FloatArray, indices: Array) -> FloatArray:
    """y[n, c].flat[m] = x[n, c].flat[indices[n, c].flat[m]]: the adjoint of ``scatter_plane`` in dy."""
    images, channels = indices.shape[:2]
    y = empty(indices.shape, x.dtype)
    if y.size:
        threads, plane = threads_per_block(THREADS), y.size // images
        blocks, pixels = blocks_for(plane, threads), x.shape[2] * x.shape[3]
        arrays = flat(x), flat(indices), flat_view(y)
        launch(gather_pixels, images * blocks, threads, *arrays, pixels, channels, plane, blocks)
    return y
