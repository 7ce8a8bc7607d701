"""Convolution and its gradients, as the definitions say it: one loop for every index.

    y[n, k, i, j] = bias[k] + sum over c, r, s of x[n, g C' + c, i stride + r dilation - padding, ...] w[k, c, r, s]

C' = C / groups channels belong to each group, and g = k // (K / groups) is the group of output channel k. Pixels
outside x are zero. The three functions walk the same index set; each adds the product of two of (x, w, dy) into the
third.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.geometry import output_size

Place = tuple[int, int, int, int]


def terms(
    x_shape: tuple[int, ...],
    y_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Iterator[tuple[Place, Place, Place]]:
    """All (place in x, place in the weight, place in y) whose values meet in one product."""
    _, _, height, width = x_shape
    images, out_channels, out_height, out_width = y_shape
    _, channels, kernel_height, kernel_width = weight_shape
    for n in range(images):
        for k in range(out_channels):
            group = k // (out_channels // groups)
            for i in range(out_height):
                for j in range(out_width):
                    for c in range(channels):
                        for r in range(kernel_height):
                            for s in range(kernel_width):
                                row = i * stride[0] + r * dilation[0] - padding[0]
                                column = j * stride[1] + s * dilation[1] - padding[1]
                                if 0 <= row < height and 0 <= column < width:
                                    yield (n, group * channels + c, row, column), (k, c, r, s), (n, k, i, j)


def conv2d(
    x: FloatArray,
    weight: FloatArray,
    bias: FloatArray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    relu: bool = False,
    memo: dict[Any, Any] | None = None,  # noqa: ARG001  the definition keeps nothing
) -> FloatArray:
    """y = bias + sum of x w, with ``relu`` max(y, 0), in which NaN passes.

    x (N, C, H, W), weight (K, C / groups, R, S), bias (K,) or None; y (N, K, OH, OW).
    """
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    y = layout.zeros((x.shape[0], weight.shape[0], *(output_size(*axis) for axis in sizes)), x.dtype)
    if bias is not None:
        y += bias[:, None, None]
    for at_x, at_weight, at_y in terms(x.shape, y.shape, weight.shape, stride, padding, dilation, groups):
        y[at_y] += x[at_x] * weight[at_weight]
    if relu:
        y[y <= 0] = 0
    return y


def conv2d_input_gradient(
    dy: FloatArray,
    weight: FloatArray,
    input_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    bias: FloatArray | None = None,
) -> FloatArray:
    """dx = bias + sum of dy w. dy (N, K, OH, OW), weight (K, C / groups, R, S), bias (C,); dx (N, C, *input_size)."""
    dx = layout.zeros((dy.shape[0], weight.shape[1] * groups, *input_size), dy.dtype)
    if bias is not None:
        dx += bias[:, None, None]
    for at_x, at_weight, at_y in terms(dx.shape, dy.shape, weight.shape, stride, padding, dilation, groups):
        dx[at_x] += dy[at_y] * weight[at_weight]
    return dx


def conv2d_weight_gradient(
    x: FloatArray,
    dy: FloatArray,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """dweight = sum of dy x. x (N, C, H, W), dy (N, K, OH, OW); dweight (K, C / groups, *kernel_size)."""
    dweight = layout.zeros((dy.shape[1], x.shape[1] // groups, *kernel_size), x.dtype)
    for at_x, at_weight, at_y in terms(x.shape, dy.shape, dweight.shape, stride, padding, dilation, groups):
        dweight[at_weight] += dy[at_y] * x[at_x]
    return dweight
