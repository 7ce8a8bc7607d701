"""Layers made ready for arrays of one shape: what follows from shapes and weights is done once, not in every call.

Arrays are flat, in the engine's order: channels last. Each function gives the layer as one that takes such an array and
returns a new one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.backends.cpu.activation import rectify_in_place
from tinyconv.backends.cpu.compilation import kernel
from tinyconv.backends.cpu.convolution import prepare_conv2d
from tinyconv.backends.cpu.matmul import prepare_product
from tinyconv.backends.cpu.packing import Memo
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.pooling import adaptive_avg_pool2d
from tinyconv.backends.cpu.register_tile import tile_rows, tile_store
from tinyconv.backends.cpu.simd import lanes_of, tile_choose, tile_fetch
from tinyconv.core import layout, pool
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.windows import Windows

Layer = Callable[[FloatArray], FloatArray]
Filling = Callable[[FloatArray, FloatArray], None]
Sizes = tuple[int, ...]


def _new(shape: Sizes, dtype: np.dtype[Any], fill: Filling) -> Layer:
    """A layer that allocates its result and fills it."""
    size = (math.prod(shape),)

    def layer(x: FloatArray) -> FloatArray:
        y = pool.empty(size, dtype)
        fill(x, y)
        return y

    return layer


def prepared_conv2d(
    x_shape: Sizes,
    y_shape: Sizes,
    weight: FloatArray,
    bias: FloatArray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    relu: bool,
    memo: Memo,
) -> Layer:
    """``conv2d`` of x (N, C, H, W), which makes y (N, K, OH, OW)."""
    fill = prepare_conv2d(x_shape, y_shape, weight, bias, stride, padding, dilation, groups, relu, memo)
    return _new(y_shape, weight.dtype, fill)


def prepared_linear(rows: int, weight: FloatArray, bias: FloatArray | None, relu: bool, memo: Memo) -> Layer:
    """x weightᵀ + bias for x (``rows``, C) and weight (K, C)."""
    return _new((rows, weight.shape[0]), weight.dtype, prepare_product(rows, weight.T, bias, relu, memo))


@kernel
def largest_of_windows(job, x, y, down, across, height, width, channels):
    """The maxima of one row of windows of one image; both arrays flat."""
    image, i = divmod(job, down.shape[0])
    rows, columns, lanes = down.shape[1], across.shape[1], lanes_of(x)
    pixels, target = np.empty(rows * columns, np.int64), np.empty(1, np.int64)
    for j in range(across.shape[0]):
        for r in range(rows):
            for s in range(columns):
                pixels[r * columns + s] = ((image * height + down[i, r]) * width + across[j, s]) * channels
        for c in range(0, channels, lanes):
            target[0] = (job * across.shape[0] + j) * channels + c
            filled = min(lanes, channels - c)
            largest = tile_fetch(1, tile_rows(1, x, pixels, 0), c, filled)
            for tap in range(1, pixels.size):
                value = tile_fetch(1, tile_rows(1, x, pixels, tap), c, filled)
                largest = tile_choose(value, largest, value, largest)
            tile_store(largest, tile_rows(1, y, target, 0), filled)


def prepared_max_pool2d(x_shape: Sizes, windows: Windows, dtype: np.dtype[Any]) -> Layer:
    """The maxima of x (N, C, H, W) alone: nothing is noted of where they are."""
    images, channels, height, width = x_shape
    down, across = windows.down, windows.across
    y_shape, jobs = (images, channels, len(down), len(across)), images * len(down)
    return _new(
        y_shape,
        dtype,
        lambda x, y: launch(largest_of_windows, jobs, x, y, down, across, height, width, channels),
    )


def prepared_relu() -> Layer:
    """max(x, 0), written into x: what comes before it is of no other use."""

    def rectified(x: FloatArray) -> FloatArray:
        rectify_in_place(x)
        return x

    return rectified


def prepared_adaptive_avg_pool2d(x_shape: Sizes, output_size: Pair) -> Layer:
    """The averages of x (N, C, H, W)."""
    images, channels, height, width = x_shape

    def averaged(x: FloatArray) -> FloatArray:
        maps = x.reshape(images, height, width, channels).transpose(0, 3, 1, 2)
        return layout.nhwc(adaptive_avg_pool2d(maps, output_size)).reshape(-1)

    return averaged
