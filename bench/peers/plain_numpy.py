"""NumPy's side: patches laid out as a matrix (im2col), and one matrix product. What one writes without a library."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinyconv.utils.speed.shapes import ConvolutionShape

NAME = "NumPy im2col"
LARGEST_PATCHES = 64 * 2**20
"""Of the matrix of patches, in bytes: beyond it only the computer's memory is measured."""


def fits(shape: ConvolutionShape) -> bool:
    """Whether the patches are few enough."""
    patches = prod(shape.y[2:]) * shape.x[0] * shape.x[1] * prod(shape.kernel)
    return 4 * patches <= LARGEST_PATCHES


def limit_threads(threads: int) -> Any:
    """Keep BLAS to ``threads`` threads, as long as the result lives."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(threads, "blas")


def convolution(shape: ConvolutionShape, arrays: dict[str, np.ndarray]) -> Callable[[], np.ndarray]:
    """The forward."""
    x, weight = arrays["x"], arrays["weight"]

    def forward() -> np.ndarray:
        return im2col(x, weight, *(pair[0] for pair in shape.geometry[:3]), shape.groups)

    return forward


def im2col(x: np.ndarray, weight: np.ndarray, stride: int, padding: int, dilation: int, groups: int) -> np.ndarray:
    """y (N, K, H', W') of x (N, C, H, W) and weight (K, C / groups, R, S)."""
    filters, channels, *kernel = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    reach = [dilation * (side - 1) + 1 for side in kernel]
    windows = sliding_window_view(padded, reach, (2, 3))[:, :, ::stride, ::stride, ::dilation, ::dilation]
    images, _, rows, columns = windows.shape[:4]
    kernels = weight.reshape(groups, filters // groups, -1)
    y = np.empty((images, rows, columns, groups, filters // groups), x.dtype)
    for group in range(groups):
        mine = windows[:, group * channels : (group + 1) * channels].transpose(0, 2, 3, 1, 4, 5)
        patches = mine.reshape(images * rows * columns, -1)
        y[..., group, :] = (patches @ kernels[group].T).reshape(images, rows, columns, -1)
    return y.reshape(images, rows, columns, filters).transpose(0, 3, 1, 2)
