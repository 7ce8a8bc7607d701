"""The shapes of results without the results: arrays that hold no memory (``core.shapes``), for counting a network.

These are what a network's forward is made of; the arguments and the shapes are those of ``backends.reference``. Any
other function is computed on the processor as ever.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, Pair
from tinyconv.core.geometry import output_size
from tinyconv.core.shapes import shape_alone, shapes_only
from tinyconv.core.windows import Windows


def conv2d(x: Array, weight: Array, _: Any, stride: Pair, padding: Pair, dilation: Pair, *__: Any, **___: Any) -> Array:
    size = _positions((x.shape[2], x.shape[3]), (weight.shape[2], weight.shape[3]), stride, padding, dilation)
    return shape_alone((x.shape[0], weight.shape[0], *size), x.dtype)


def conv2d_input_gradient(dy: Array, weight: Array, input_size: Pair, *geometry: Any) -> Array:
    groups: int = geometry[3]
    return shape_alone((dy.shape[0], weight.shape[1] * groups, *input_size), dy.dtype)


def matmul(a: Array, b: Array, *_: Any) -> Array:
    return shape_alone((a.shape[0], b.shape[1]), a.dtype)


def max_pool2d(x: Array, windows: Windows) -> tuple[Array, Array]:
    shape = (*x.shape[:2], len(windows.down), len(windows.across))
    return shape_alone(shape, x.dtype), shape_alone(shape, np.uint8 if windows.taps <= 256 else np.uint32)


def avg_pool2d(x: Array, kernel_size: Pair, stride: Pair, padding: Pair, ceil_mode: bool, *_: Any) -> Array:
    size = _positions((x.shape[2], x.shape[3]), kernel_size, stride, padding, (1, 1), ceil_mode)
    return shape_alone((*x.shape[:2], *size), x.dtype)


def adaptive_avg_pool2d(x: Array, output_size: Pair) -> Array:
    return shape_alone((*x.shape[:2], *output_size), x.dtype)


def batch_norm(x: Array, *_: Any) -> tuple[Array, Array, Array]:
    return _like(x), np.zeros(x.shape[1]), np.zeros(x.shape[1])


def channel_moments(x: Array, sets: int) -> tuple[Array, Array]:
    return np.zeros((sets, x.shape[1])), np.zeros((sets, x.shape[1]))


def row_norm(x: Array, *_: Any) -> tuple[Array, Array, Array]:
    return _like(x), np.zeros(len(x)), np.zeros(len(x))


def _like(x: Array, *_: Any) -> Array:
    return shape_alone(x.shape, x.dtype)


def _zeros(_: Array, __: Array, z: Array) -> None:
    """The caller has given ``z`` memory."""
    z.fill(0)


channel_affine = gelu = relu = _like
add = subtract = multiply = divide = _zeros


def _positions(
    size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False
) -> tuple[int, ...]:
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    return tuple(output_size(*axis, ceil_mode) for axis in axes)


def __getattr__(name: str) -> Any:
    """The processor's function ``name``, within which arrays have memory."""
    computed = getattr(importlib.import_module("tinyconv.backends.cpu"), name)

    def function(*arguments: Any, **options: Any) -> Any:
        with shapes_only(False):
            return computed(*arguments, **options)

    return function
