"""Convolution and pooling of volumes: the loops of ``convolution`` and ``pooling`` with one more index, for planes.

    y[n, k, a, i, j] = bias[k] + sum over c, t, r, s of
                       x[n, g C' + c, a stride + t dilation - padding, ...] w[k, c, t, r, s]

(D, H, W) are the sizes of x, (D', H', W') those of y, and a counts the planes of y.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray, Sizes
from tinyconv.core.geometry import adaptive_window, output_size
from tinyconv.core.windows import VolumeWindows

Place = tuple[int, ...]


def terms(
    x_shape: Sizes, y_shape: Sizes, weight_shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Iterator[tuple[Place, Place, Place]]:
    """All (place in x, place in the weight, place in y) whose values meet in one product."""
    filters, channels = weight_shape[:2]
    for n, k, *position in np.ndindex(*y_shape):
        group = k // (filters // groups)
        for c, *tap in np.ndindex(channels, *weight_shape[2:]):
            axes = zip(position, tap, stride, padding, dilation, strict=True)
            place = [i * step + t * gap - margin for i, t, step, margin, gap in axes]
            if all(0 <= at < size for at, size in zip(place, x_shape[2:], strict=True)):
                yield (n, group * channels + c, *place), (k, c, *tap), (n, k, *position)


def conv3d(
    x: FloatArray,
    weight: FloatArray,
    bias: FloatArray | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
    memo: dict[Any, Any] | None = None,  # noqa: ARG001  the definition keeps nothing
) -> FloatArray:
    """y = bias + sum of x w. x (N, C, D, H, W), weight (K, C / groups, T, R, S), bias (K,); y (N, K, D', H', W')."""
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    y = layout.zeros((x.shape[0], weight.shape[0], *(output_size(*axis) for axis in sizes)), x.dtype)
    if bias is not None:
        y += bias[:, None, None, None]
    for at_x, at_weight, at_y in terms(x.shape, y.shape, weight.shape, stride, padding, dilation, groups):
        y[at_y] += x[at_x] * weight[at_weight]
    return y


def conv3d_input_gradient(
    dy: FloatArray,
    weight: FloatArray,
    input_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
    bias: FloatArray | None = None,
) -> FloatArray:
    """dx = bias + sum of dy w. dy (N, K, D', H', W'), weight (K, C / groups, T, R, S); dx (N, C, *input_size)."""
    dx = layout.zeros((dy.shape[0], weight.shape[1] * groups, *input_size), dy.dtype)
    if bias is not None:
        dx += bias[:, None, None, None]
    for at_x, at_weight, at_y in terms(dx.shape, dy.shape, weight.shape, stride, padding, dilation, groups):
        dx[at_x] += dy[at_y] * weight[at_weight]
    return dx


def conv3d_weight_gradient(
    x: FloatArray, dy: FloatArray, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> FloatArray:
    """dweight = sum of dy x. x (N, C, D, H, W), dy (N, K, D', H', W'); dweight (K, C / groups, *kernel_size)."""
    dweight = layout.zeros((dy.shape[1], x.shape[1] // groups, *kernel_size), x.dtype)
    for at_x, at_weight, at_y in terms(x.shape, dy.shape, dweight.shape, stride, padding, dilation, groups):
        dweight[at_weight] += dy[at_y] * x[at_x]
    return dweight


def max_pool3d(x: FloatArray, windows: VolumeWindows) -> tuple[FloatArray, Array]:
    """y[n, c, a, i, j] = the maximum over the window, and its place counted plane by plane and row by row.

    The first of equal maxima counts; of NaNs, which are larger than any number, the last.
    """
    deep, down, across = windows.depth.down, windows.planes.down, windows.planes.across
    y = layout.empty((*x.shape[:2], *windows.positions), x.dtype)
    places = layout.zeros(y.shape, np.int64)
    for n, c, a, i, j in np.ndindex(*y.shape):
        for first, place in enumerate((p, h, w) for p in deep[a] for h in down[i] for w in across[j]):
            value = x[(n, c, *place)]
            if first == 0 or value > y[n, c, a, i, j] or math.isnan(value):
                y[n, c, a, i, j], places[n, c, a, i, j] = value, np.ravel_multi_index(place, x.shape[2:])
    return y, places


def max_pool3d_gradient(dy: FloatArray, switches: Array, windows: VolumeWindows) -> FloatArray:
    """dx[n, c].flat[switches[n, c, a, i, j]] += dy[n, c, a, i, j]; ``switches``: the places of the maxima."""
    dx = layout.zeros((*dy.shape[:2], *windows.size), dy.dtype)
    for n, c, *window in np.ndindex(*dy.shape):
        place = np.unravel_index(switches[(n, c, *window)], windows.size)
        dx[(n, c, *place)] += dy[(n, c, *window)]
    return dx


Share = tuple[Place, list[tuple[int, int, int]], int]


def sliding_shares(
    input_size: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Iterator[Share]:
    """For each window of an average: its output, the places inside the volume, and what their sum is divided by.

    The padding counts if ``count_include_pad``; what hangs over beyond the padding (``ceil_mode``) never does.
    """
    axes = list(zip(input_size, kernel_size, stride, padding, strict=True))
    for position in np.ndindex(*(output_size(*axis, 1, ceil_mode) for axis in axes)):
        covered = [
            range(i * step - margin, min(i * step - margin + kernel, size + margin))
            for i, (size, kernel, step, margin) in zip(position, axes, strict=True)
        ]
        inside = [[at for at in along if 0 <= at < size] for along, size in zip(covered, input_size, strict=True)]
        counted = math.prod(map(len, covered if count_include_pad else inside))
        places = [(p, h, w) for p in inside[0] for h in inside[1] for w in inside[2]]
        yield position, places, divisor_override or max(1, counted)


def adaptive_shares(input_size: Sizes, outputs: Sizes) -> Iterator[Share]:
    """The same for the windows of adaptive pooling."""
    for position in np.ndindex(*outputs):
        axes = zip(position, input_size, outputs, strict=True)
        deep, down, across = (range(*adaptive_window(*axis)) for axis in axes)
        places = [(p, h, w) for p in deep for h in down for w in across]
        yield position, places, len(places)


def _averages(x: FloatArray, outputs: Sizes, shares: Iterator[Share]) -> FloatArray:
    y = layout.zeros((*x.shape[:2], *outputs), x.dtype)
    for (a, i, j), places, divisor in shares:
        for plane, row, column in places:
            y[:, :, a, i, j] += x[:, :, plane, row, column] / divisor
    return y


def _spread(dy: FloatArray, input_size: Sizes, shares: Iterator[Share]) -> FloatArray:
    dx = layout.zeros((*dy.shape[:2], *input_size), dy.dtype)
    for (a, i, j), places, divisor in shares:
        for plane, row, column in places:
            dx[:, :, plane, row, column] += dy[:, :, a, i, j] / divisor
    return dx


def avg_pool3d(
    x: FloatArray,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> FloatArray:
    """y = the sum over the window of x, divided by how many places count (see ``sliding_shares``)."""
    axes = zip(x.shape[2:], kernel_size, stride, padding, strict=True)
    outputs = tuple(output_size(*axis, 1, ceil_mode) for axis in axes)
    window = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    return _averages(x, outputs, sliding_shares(x.shape[2:], *window))


def avg_pool3d_gradient(
    dy: FloatArray,
    input_size: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> FloatArray:
    """dx = the sum over the windows that hold the place of dy, divided as in ``avg_pool3d``."""
    window = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    return _spread(dy, input_size, sliding_shares(input_size, *window))


def adaptive_avg_pool3d(x: FloatArray, output_size: Sizes) -> FloatArray:
    """y = the average over each window of a grid that covers the volume."""
    return _averages(x, output_size, adaptive_shares(x.shape[2:], output_size))


def adaptive_avg_pool3d_gradient(dy: FloatArray, input_size: Sizes) -> FloatArray:
    """The input gradient of ``adaptive_avg_pool3d``."""
    return _spread(dy, input_size, adaptive_shares(input_size, dy.shape[2:]))
