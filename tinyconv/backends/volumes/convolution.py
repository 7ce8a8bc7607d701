"""Convolution of volumes as convolution of images.

    y[n,k,a,i,j] = bias[k] + sum over t,c,r,s of weight[k,c,t,r,s] x[n,c,a stride + t dilation - padding,h,w]

For a plane a of the result, let the T planes that the kernel reaches lie over each other as the channels (t, c) of one
image, zeros in the place of those that are padding. What is left is the convolution of that image with a weight
(K, T C, R, S). All planes of all volumes make a batch, and its size is what the algorithm is chosen by. The gradients
are those of this convolution; the input gradient adds the channels (t, c) back into the planes that they came from.

The copies are T times as large as the volumes (divided by the stride). Large ones are worked off in blocks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray, Sizes
from tinyconv.core.geometry import output_size
from tinyconv.core.volumes import planes_of, volumes_of

BLOCK_BYTES = 1 << 24
"""The most that stacked planes take at a time. Larger blocks were no faster, blocks of a quarter a tenth slower."""

Memo = dict[Any, Any] | None


class Stack(NamedTuple):
    """Which planes of volumes lie over each other in each image of a block."""

    table: Array
    """int64 (D', T): the plane that tap t of position a reaches; -1 for padding. Not to be written into."""

    groups: int
    """The channels of a stack are those of the groups, one after another: (g, t, c)."""

    first: int
    """Images are counted through all volumes: image n D' + a. The block's first."""

    end: int


@dataclass(frozen=True)
class Images:
    """What a backend brings with it: its convolutions of images, and the two moves between volumes and images."""

    conv2d: Callable[..., FloatArray]
    conv2d_input_gradient: Callable[..., FloatArray]
    conv2d_weight_gradient: Callable[..., FloatArray]

    stack: Callable[[FloatArray, Stack], FloatArray]
    """(volumes (N, C, D, H, W), which planes) to images (end - first, T C, H, W)."""

    unstack: Callable[[FloatArray, Stack, FloatArray, FloatArray | None], None]
    """The transpose: add images to volumes, whose numbers before the first block are the bias (C,), or zeros."""

    xp: Callable[[], Any]
    """The array module."""


@functools.lru_cache(maxsize=256)
def plane_table(planes: int, positions: int, taps: int, stride: int, padding: int, dilation: int) -> Array:
    """See ``Stack.table``."""
    reached = np.arange(positions)[:, None] * stride + np.arange(taps) * dilation - padding
    return np.where((reached >= 0) & (reached < planes), reached, -1).astype(np.int64)


def conv3d(
    images: Images,
    x: FloatArray,
    weight: FloatArray,
    bias: FloatArray | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
    memo: Memo = None,
) -> FloatArray:
    """x (N, C, D, H, W), weight (K, C / groups, T, R, S), bias (K,) or None; y (N, K, D', H', W')."""
    plane = stride[1:], padding[1:], dilation[1:], groups
    if _is_plane_by_plane(weight, stride, padding):
        y = images.conv2d(planes_of(layout.ordered(x, images.xp())), weight[:, :, 0], bias, *plane, memo=memo)
        return volumes_of(y, x.shape[0], x.shape[2])
    axes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    size = tuple(output_size(*axis) for axis in axes)
    table = plane_table(x.shape[2], size[0], weight.shape[2], stride[0], padding[0], dilation[0])
    filters = _kept(memo, lambda: _stacked(weight, images.xp()))
    parts = list(_blocks(x.shape, table, groups, x.itemsize))
    if len(parts) == 1:
        y = images.conv2d(images.stack(x, parts[0]), filters, bias, *plane, memo=memo)
        return volumes_of(y, x.shape[0], size[0])
    y = layout.empty((x.shape[0], weight.shape[0], *size), x.dtype, images.xp())
    for part in parts:
        made = images.conv2d(images.stack(x, part), filters, bias, *plane, memo=memo)
        planes_of(y)[part.first : part.end] = made
    return y


def conv3d_input_gradient(
    images: Images,
    dy: FloatArray,
    weight: FloatArray,
    input_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
    bias: FloatArray | None = None,
) -> FloatArray:
    """dy (N, K, D', H', W'), weight (K, C / groups, T, R, S), input_size (D, H, W); dx (N, C, D, H, W)."""
    plane = input_size[1:], stride[1:], padding[1:], dilation[1:], groups
    cotangents = planes_of(layout.ordered(dy, images.xp()))
    if _is_plane_by_plane(weight, stride, padding) and dy.shape[2] == input_size[0]:
        dx = images.conv2d_input_gradient(cotangents, weight[:, :, 0], *plane, bias)
        return volumes_of(dx, dy.shape[0], input_size[0])
    table = plane_table(input_size[0], dy.shape[2], weight.shape[2], stride[0], padding[0], dilation[0])
    filters = _stacked(weight, images.xp())
    dx = layout.empty((dy.shape[0], weight.shape[1] * groups, *input_size), dy.dtype, images.xp())
    for part in _blocks(dx.shape, table, groups, dx.itemsize):
        made = images.conv2d_input_gradient(cotangents[part.first : part.end], filters, *plane)
        images.unstack(made, part, dx, bias)
    return dx


def conv3d_weight_gradient(
    images: Images,
    x: FloatArray,
    dy: FloatArray,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> FloatArray:
    """x (N, C, D, H, W), dy (N, K, D', H', W'); dweight (K, C / groups, T, R, S)."""
    plane = kernel_size[1:], stride[1:], padding[1:], dilation[1:], groups
    cotangents = planes_of(layout.ordered(dy, images.xp()))
    table = plane_table(x.shape[2], dy.shape[2], kernel_size[0], stride[0], padding[0], dilation[0])
    total: Any = 0
    for part in _blocks(x.shape, table, groups, x.itemsize):
        stacked = images.stack(x, part)
        total = total + images.conv2d_weight_gradient(stacked, cotangents[part.first : part.end], *plane)
    by_tap = total.reshape(dy.shape[1], kernel_size[0], x.shape[1] // groups, *kernel_size[1:])
    return layout.copy(by_tap.transpose(0, 2, 1, 3, 4), images.xp())


def _is_plane_by_plane(weight: FloatArray, stride: Sizes, padding: Sizes) -> bool:
    """Whether every plane of the result comes from the plane in its place alone: then nothing is copied."""
    return weight.shape[2] == 1 and stride[0] == 1 and padding[0] == 0


def _blocks(shape: Sizes, table: Array, groups: int, itemsize: int) -> Iterator[Stack]:
    """All images of volumes of ``shape``, cut where their number alone says; one block at least, if an empty one."""
    samples, channels, _, height, width = shape
    positions, taps = table.shape
    block = max(1, BLOCK_BYTES // max(1, taps * channels * height * width * itemsize))
    for first in range(0, max(1, samples * positions), block):
        yield Stack(table, groups, first, min(first + block, samples * positions))


def _stacked(weight: FloatArray, xp: Any) -> FloatArray:
    """(K, C / groups, T, R, S) as (K, T C / groups, R, S)."""
    filters, channels, taps, height, width = weight.shape
    by_tap = weight.transpose(0, 2, 1, 3, 4)
    result = layout.empty((filters, taps * channels, height, width), weight.dtype, xp)
    result.reshape(by_tap.shape)[...] = by_tap
    return result


def _kept(memo: Memo, make: Callable[[], FloatArray]) -> FloatArray:
    """What ``make`` returns, from ``memo`` if it is there."""
    if memo is None:
        return make()
    if "stacked" not in memo:
        memo["stacked"] = make()
    found: FloatArray = memo["stacked"]
    return found
