"""The shapes of results without the results: arrays that hold no memory (``core.shapes``), for counting a network.

These are what a network's forward is made of; the arguments and the shapes are those of ``backends.reference``. Any
other function is computed on the processor as ever.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.geometry import output_size
from tinyconv.core.shapes import shape_alone, shapes_only
from tinyconv.core.windows import VolumeWindows, Windows

Sizes = tuple[int, ...]


def conv2d(
    x: Array, weight: Array, _: Any, stride: Sizes, padding: Sizes, dilation: Sizes, *__: Any, **___: Any
) -> Array:
    axes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    return shape_alone((x.shape[0], weight.shape[0], *(output_size(*axis) for axis in axes)), x.dtype)


def conv2d_input_gradient(dy: Array, weight: Array, input_size: Sizes, *geometry: Any) -> Array:
    groups: int = geometry[3]
    return shape_alone((dy.shape[0], weight.shape[1] * groups, *input_size), dy.dtype)


def matmul(a: Array, b: Array, *_: Any) -> Array:
    return shape_alone((a.shape[0], b.shape[1]), a.dtype)


def max_pool2d(x: Array, windows: Windows) -> tuple[Array, Array]:
    shape = (*x.shape[:2], len(windows.down), len(windows.across))
    return shape_alone(shape, x.dtype), shape_alone(shape, np.uint8 if windows.taps <= 256 else np.uint32)


def max_pool3d(x: Array, windows: VolumeWindows) -> tuple[Array, tuple[Array, Array]]:
    """With the switches within the planes, and over them."""
    samples, channels, depth = x.shape[:3]
    deep, down, across = windows.positions
    within, over = (samples * depth, channels, down, across), (samples, channels, deep, down * across)
    y = shape_alone((samples, channels, deep, down, across), x.dtype)
    return y, (shape_alone(within, np.uint8), shape_alone(over, np.uint8))


def avg_pool2d(x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool, *_: Any) -> Array:
    axes = zip(x.shape[2:], kernel_size, stride, padding, strict=True)
    return shape_alone((*x.shape[:2], *(output_size(*axis, 1, ceil_mode) for axis in axes)), x.dtype)


def adaptive_avg_pool2d(x: Array, output_size: Sizes) -> Array:
    return shape_alone((*x.shape[:2], *output_size), x.dtype)


def batch_norm(x: Array, *_: Any) -> tuple[Array, Array, Array]:
    return _like(x), np.zeros(x.shape[1]), np.zeros(x.shape[1])


def channel_moments(x: Array, sets: int) -> tuple[Array, Array]:
    return np.zeros((sets, x.shape[1])), np.zeros((sets, x.shape[1]))


def row_norm(x: Array, *_: Any) -> tuple[Array, Array, Array]:
    return _like(x), np.zeros(len(x)), np.zeros(len(x))


def _like(x: Array, *_: Any) -> Array:
    return shape_alone(x.shape, x.dtype)


def _by_numpy(function: np.ufunc) -> Callable[[Array, Array, Array], None]:
    """Computed, into the memory that the caller has given: a network may make sizes of its numbers."""

    def compute(x: Array, y: Array, z: Array) -> None:
        function(x, y, out=z)

    return compute


conv3d, conv3d_input_gradient = conv2d, conv2d_input_gradient
avg_pool3d, adaptive_avg_pool3d = avg_pool2d, adaptive_avg_pool2d
channel_affine = gelu = relu = _like
add, subtract, multiply, divide = map(_by_numpy, (np.add, np.subtract, np.multiply, np.divide))


def __getattr__(name: str) -> Any:
    """The processor's function ``name``, within which arrays have memory."""
    computed = getattr(importlib.import_module("tinyconv.backends.cpu"), name)

    def function(*arguments: Any, **options: Any) -> Any:
        with shapes_only(False):
            return computed(*arguments, **options)

    return function
