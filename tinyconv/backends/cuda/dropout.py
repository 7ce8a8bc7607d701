"""Which elements stay, drawn in the kernel, and the product with it.

The generator is the one of ``core.random``, Philox 4x64 of ten rounds: block b of 256 bits is the counter (b + 1, 0,
low, high) encrypted with the key (seed, stream). Its eight halves of words, the lower half of each word first, are the
numbers that NumPy would draw: u / 2^24 with the upper 24 bits. An element stays where its number is at least p. So a
seed leaves the same elements on every device.

Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import math

import numpy as np

from tinyconv.backends.cuda.arrays import empty, flat, flat_view
from tinyconv.backends.cuda.compiler import cuda, helper
from tinyconv.backends.cuda.grids import launch_each, launch_flat
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.parameters import Bytes, Float, Floats, Long, Word
from tinyconv.backends.cuda.vectors import WIDE, fetch_some, put_some
from tinyconv.backends.cuda.words import product, sum_of_words, upper_product
from tinyconv.core import gpu
from tinyconv.core.arrays import Array, FloatArray

FACTOR_0, FACTOR_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
STEP_0, STEP_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
ROUNDS = 10
NUMBERS = 8
"""Of 32 bits, in a block."""


@helper
def encrypted(number, low, high, key_0, key_1):
    """Four words: the counter (number, 0, low, high), encrypted."""
    word_0, word_1, word_2, word_3 = number, np.uint64(0), low, high
    for _ in range(ROUNDS):
        upper_0, lower_0 = upper_product(FACTOR_0, word_0), product(FACTOR_0, word_0)
        upper_1, lower_1 = upper_product(FACTOR_1, word_2), product(FACTOR_1, word_2)
        word_0, word_1, word_2, word_3 = upper_1 ^ word_1 ^ key_0, lower_1, upper_0 ^ word_3 ^ key_1, lower_0
        key_0, key_1 = sum_of_words(key_0, STEP_0), sum_of_words(key_1, STEP_1)
    return word_0, word_1, word_2, word_3


@kernel
def draw(seed: Word, stream: Word, low: Word, high: Word, limit: Word, begin: Long, skipped: Long, keep: Bytes):
    """keep[i] = number 8 begin + skipped + i of 24 bits is at least ``limit``; a thread draws the eight of a block."""
    block = cuda.grid(1)
    start = block * NUMBERS - skipped
    if start < keep.size:
        number_of_block = np.uint64(begin + block + 1)
        words = encrypted(number_of_block, np.uint64(low), np.uint64(high), np.uint64(seed), np.uint64(stream))
        for i in range(NUMBERS):
            if 0 <= start + i < keep.size:
                number = (
                    words[i // 2] >> np.uint64(40) if i % 2 else (words[i // 2] >> np.uint64(8)) & np.uint64(0xFFFFFF)
                )
                keep[start + i] = 1 if number >= np.uint64(limit) else 0


@kernel
def mask(x: Floats, keep: Bytes, scale: Float, y: Floats):
    """y[i] = scale x[i] keep[i]."""
    zero = x.dtype.type(0)
    numbers = cuda.local.array(WIDE, x.dtype)
    stays = cuda.local.array(WIDE, keep.dtype)
    place = WIDE * cuda.grid(1)
    fetch_some(x, place, numbers)
    fetch_some(keep, place, stays)
    for k in range(WIDE):
        numbers[k] *= x.dtype.type(scale) if stays[k] else zero
    put_some(y, place, numbers)


def draw_mask(seed: int, stream: int, low: int, high: int, p: float, shape: tuple[int, ...], first: int = 0) -> Array:
    """True with probability 1 - p for each element, drawn in memory order, from a place of ``core.random``.

    ``first``: how many numbers there are passed over.
    """
    keep = empty(shape, np.bool_)
    limit = math.ceil(float(np.float32(p)) * 2**24)  # NumPy compares in float32
    begin, skipped = divmod(first, NUMBERS)
    blocks = -(-(skipped + keep.size) // NUMBERS) if keep.size else 0
    launch_each(draw, blocks, seed, stream, low, high, limit, begin, skipped, flat_view(keep).view("uint8"))
    return keep


def masked(x: FloatArray, keep: Array, scale: float) -> FloatArray:
    """y = scale x keep, for a mask that is broadcast to x. Infinity times 0 is NaN."""
    y = empty(x.shape, x.dtype)
    if x.shape == keep.shape:
        launch_flat(mask, y.size, flat(x), flat(keep).view("uint8"), float(scale), flat_view(y))
    else:
        xp = gpu.array_module()
        xp.multiply(x, xp.where(keep, x.dtype.type(scale), x.dtype.type(0)), out=y)
    return y
