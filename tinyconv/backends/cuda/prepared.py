"""Layers prepared for arrays of one shape. Arrays are flat, in the engine's order: channels last.

A launch prepares nothing that would be worth keeping but what the functions keep themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyconv.backends.cuda.activation import relu
from tinyconv.backends.cuda.arrays import flat
from tinyconv.backends.cuda.convolution import conv2d
from tinyconv.backends.cuda.matmul import matmul
from tinyconv.backends.cuda.max_pooling import max_pool2d
from tinyconv.backends.cuda.pooling import adaptive_avg_pool2d
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.windows import Windows

Layer = Callable[[FloatArray], FloatArray]
Sizes = tuple[int, ...]


def _on_maps(x_shape: Sizes, layer: Layer) -> Layer:
    """``layer``, of arrays (N, C, H, W), for flat ones that are stored channels last."""
    images, channels, height, width = x_shape
    return lambda x: flat(layer(x.reshape(images, height, width, channels).transpose(0, 3, 1, 2)))


def prepared_conv2d(
    x_shape: Sizes, y_shape: Sizes, weight: FloatArray, bias: FloatArray | None, stride: Pair, padding: Pair,  # noqa: ARG001
    dilation: Pair, groups: int, relu: bool, memo: Any,
) -> Layer:  # fmt: skip
    """``conv2d`` of x (N, C, H, W)."""
    return _on_maps(x_shape, lambda x: conv2d(x, weight, bias, stride, padding, dilation, groups, relu, memo))


def prepared_linear(rows: int, weight: FloatArray, bias: FloatArray | None, relu: bool, memo: Any) -> Layer:
    """x weightᵀ + bias for x (``rows``, C) and weight (K, C)."""
    return lambda x: matmul(x.reshape(rows, -1), weight.T, bias, relu, memo).reshape(-1)


def prepared_max_pool2d(x_shape: Sizes, windows: Windows, dtype: Any) -> Layer:  # noqa: ARG001
    """The maxima of x (N, C, H, W)."""
    return _on_maps(x_shape, lambda x: max_pool2d(x, windows)[0])


def prepared_adaptive_avg_pool2d(x_shape: Sizes, output_size: Pair) -> Layer:
    """The averages of x (N, C, H, W)."""
    return _on_maps(x_shape, lambda x: adaptive_avg_pool2d(x, output_size))


def prepared_relu() -> Layer:
    """max(x, 0)."""
    return relu


def small_network(shape: Sizes, dtype: Any) -> None:
    """None: the GPU has no way of its own for networks that are small enough for a cache."""
