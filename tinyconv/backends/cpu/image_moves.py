"""What augmentation does to a batch of images, a job for each image; on the one thread that prepares the batch.

Images are (N, H, W, C) inside. Every pixel is computed by the same steps whatever else is in the batch.
"""

from __future__ import annotations

import math

import numpy as np

from tinyconv.backends.cpu.compilation import kernel
from tinyconv.backends.cpu.dropout import encrypted
from tinyconv.backends.cpu.parallel import launch
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray

WORDS = 4
"""Numbers in a block of Philox: of each word of 64 bits the upper 53 make a number."""


@kernel
def draw_rows(job, seed, stream, low, samples, numbers):
    """numbers[n] = the first that NumPy draws at place (low, samples[n])."""
    high = np.uint64(samples[job])
    count = numbers.shape[1]
    for block in range((count + WORDS - 1) // WORDS):
        words = encrypted(np.uint64(block + 1), low, high, seed, stream)
        for word in range(min(WORDS, count - block * WORDS)):
            numbers[job, block * WORDS + word] = (words[word] >> np.uint64(11)) * (1.0 / 9007199254740992.0)


def uniform_rows(seed: int, stream: int, low: int, samples: Array, count: int) -> Array:
    """float64 (N, count) in [0, 1): for each of ``samples`` the numbers at a place of its own (see ``core.random``)."""
    numbers = np.empty((len(samples), count))
    if numbers.size:
        place = (np.uint64(seed), np.uint64(stream), np.uint64(low))
        launch(draw_rows, len(samples), *place, np.ascontiguousarray(samples, np.int64), numbers)
    return numbers


@kernel
def pick_pixels(job, images, rows, columns, result):
    """result[n, i, j] = images[n, rows[n, i], columns[n, j]], or 0 where one of them is negative."""
    for i in range(rows.shape[1]):
        row = rows[job, i]
        for j in range(columns.shape[1]):
            column = columns[job, j]
            for c in range(images.shape[3]):
                if row < 0 or column < 0:
                    result[job, i, j, c] = 0
                else:
                    result[job, i, j, c] = images[job, row, column, c]


def picked(images: FloatArray, rows: Array, columns: Array) -> FloatArray:
    """result[n, :, i, j] = images[n, :, rows[n, i], columns[n, j]], or 0 where one of them is negative."""
    samples, channels, _, _ = images.shape
    result = layout.empty((samples, channels, rows.shape[1], columns.shape[1]), images.dtype)
    if result.size:
        indices = (np.ascontiguousarray(places, np.int64) for places in (rows, columns))
        launch(pick_pixels, samples, layout.nhwc(images), *indices, layout.nhwc(result))
    return result


@kernel
def warp_pixels(job, images, matrices, result):
    """Bilinear interpolation at (y, x) = centre + matrices[n] (i - centre, j - centre)."""
    _, height, width, channels = images.shape
    centre_y, centre_x = (height - 1) / 2, (width - 1) / 2
    for i in range(height):
        for j in range(width):
            y = matrices[job, 0, 0] * (i - centre_y) + matrices[job, 0, 1] * (j - centre_x) + centre_y
            x = matrices[job, 1, 0] * (i - centre_y) + matrices[job, 1, 1] * (j - centre_x) + centre_x
            y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
            top, left = math.floor(y), math.floor(x)
            below, beside = min(top + 1, height - 1), min(left + 1, width - 1)
            down, right = images.dtype.type(y - top), images.dtype.type(x - left)
            up, over = images.dtype.type(1) - down, images.dtype.type(1) - right
            for c in range(channels):
                above = images[job, top, left, c] * over + images[job, top, beside, c] * right
                beneath = images[job, below, left, c] * over + images[job, below, beside, c] * right
                result[job, i, j, c] = above * up + beneath * down


def warped(images: FloatArray, matrices: Array) -> FloatArray:
    """result[n, :, i, j] = images[n, :, y, x] with (y, x) = centre + matrices[n] (i - centre_y, j - centre_x)."""
    result = layout.empty(images.shape, images.dtype)
    if result.size:
        chosen = np.ascontiguousarray(matrices, np.float64)
        launch(warp_pixels, len(images), layout.nhwc(images), chosen, layout.nhwc(result))
    return result
