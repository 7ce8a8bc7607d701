"""Which elements stay, drawn in the kernel, and the product with it.

The generator is the one of ``core.random``, Philox 4x64 of ten rounds: block b of 256 bits is the counter (b + 1, 0,
low, high) encrypted with the key (seed, stream). Its eight halves of words, the lower half of each word first, are the
numbers that NumPy would draw: u / 2^24 with the upper 24 bits. An element stays where its number is at least p.

Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from tinyconv.backends.cpu.compilation import exact_helper, kernel
from tinyconv.backends.cpu.elementwise import FEW
from tinyconv.backends.cpu.memory import flat
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.pieces import piece_bounds, pieces_of
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray

FACTOR_0, FACTOR_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
STEP_0, STEP_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
ROUNDS = 10
NUMBERS = 8
"""Of 32 bits, in a block."""


def _type_and_code(_: Any, __: Any, ___: Any) -> Any:
    return types.uint64(types.uint64, types.uint64), _upper_word


def _upper_word(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
    double = context.get_value_type(types.uint64).__class__(128)
    first, second = (builder.zext(argument, double) for argument in arguments)
    product = builder.lshr(builder.mul(first, second), double(64))
    return builder.trunc(product, context.get_value_type(types.uint64))


upper_product: Any = intrinsic(_type_and_code)
"""The upper 64 bits of the product of two numbers of 64."""


@exact_helper
def encrypted(number, low, high, key_0, key_1):
    """Four words: the counter (number, 0, low, high), encrypted."""
    word_0, word_1, word_2, word_3 = number, np.uint64(0), low, high
    for _ in range(ROUNDS):
        upper_0, lower_0 = upper_product(FACTOR_0, word_0), FACTOR_0 * word_0
        upper_1, lower_1 = upper_product(FACTOR_1, word_2), FACTOR_1 * word_2
        word_0, word_1, word_2, word_3 = upper_1 ^ word_1 ^ key_0, lower_1, upper_0 ^ word_3 ^ key_1, lower_0
        key_0 += STEP_0
        key_1 += STEP_1
    return word_0, word_1, word_2, word_3


@exact_helper
def stays(word, half, limit):
    return ((word >> np.uint64(32 * half)) & np.uint64(0xFFFFFFFF)) >> np.uint64(8) >= limit


@kernel
def draw(job, jobs, seed, stream, low, high, limit, passed, keep):
    """keep[i] = number passed + i of 24 bits is at least ``limit``."""
    begin, stop = passed // NUMBERS, (passed + keep.size + NUMBERS - 1) // NUMBERS
    first, end = piece_bounds(job, jobs, stop - begin)
    for block in range(begin + first, begin + end):
        words = encrypted(np.uint64(block + 1), low, high, seed, stream)
        start = block * NUMBERS - passed
        if start >= 0 and start + NUMBERS <= keep.size:
            for i in range(4):
                keep[start + 2 * i] = stays(words[i], 0, limit)
                keep[start + 2 * i + 1] = stays(words[i], 1, limit)
        else:
            for i in range(max(0, -start), min(NUMBERS, keep.size - start)):
                keep[start + i] = stays(words[i // 2], i % 2, limit)


def draw_mask(seed: int, stream: int, low: int, high: int, p: float, shape: tuple[int, ...], first: int = 0) -> Array:
    """True with probability 1 - p for each element, drawn in memory order, from a place of ``core.random``.

    ``first``: how many numbers there are passed over.
    """
    keep = layout.empty(shape, np.bool_)
    if keep.size:
        place = (np.uint64(seed), np.uint64(stream), np.uint64(low), np.uint64(high))
        limit = np.uint64(math.ceil(float(np.float32(p)) * 2**24))  # NumPy compares in float32
        launch(draw, pieces_of(keep.size), *place, limit, first, flat(keep))
    return keep


@exact_helper
def write_masked(x, keep, scale, y):
    zero = y.dtype.type(0)
    for i in range(y.size):
        y[i] = x[i] * (scale if keep[i] else zero)


@kernel
def mask(job, jobs, x, keep, scale, y):
    """y[i] = scale x[i] keep[i]."""
    first, end = piece_bounds(job, jobs, y.size)
    write_masked(x[first:end], keep[first:end], scale, y[first:end])


def masked(x: FloatArray, keep: Array, scale: float) -> FloatArray:
    """y = scale x keep, for a mask that is broadcast to x. Infinity times 0 is NaN."""
    y = layout.empty(x.shape, x.dtype)
    first, second, result = flat(x), flat(keep), flat(y)
    if y.size < FEW or x.shape != keep.shape or first is None or second is None:
        np.multiply(x, keep, out=y)
        y *= x.dtype.type(scale)
    else:
        launch(mask, pieces_of(y.size), first, second, x.dtype.type(scale), result)
    return y
