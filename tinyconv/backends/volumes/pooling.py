"""Pooling of volumes as pooling of images: first within every plane, then over the planes.

A window of a volume is the product of one in a plane and one over planes; so are its pixel counts, and a maximum or sum
over it may be formed in two steps. For the second, the planes are the rows of an image (N, C, D, H' W').
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray, Sizes
from tinyconv.core.volumes import planes_of, rows_of, volumes_of
from tinyconv.core.windows import VolumeWindows

Switches = tuple[Array, Array]
"""Of the planes (N D, C, H', W'), and over them (N, C, D', H' W')."""


@dataclass(frozen=True)
class Images:
    """A backend's poolings of images."""

    max_pool2d: Callable[..., tuple[FloatArray, Array]]
    max_pool2d_gradient: Callable[..., FloatArray]
    avg_pool2d: Callable[..., FloatArray]
    avg_pool2d_gradient: Callable[..., FloatArray]
    adaptive_avg_pool2d: Callable[..., FloatArray]
    adaptive_avg_pool2d_gradient: Callable[..., FloatArray]

    xp: Callable[[], Any]
    """The array module."""


def max_pool3d(images: Images, x: FloatArray, windows: VolumeWindows) -> tuple[FloatArray, Switches]:
    """The maximum of each window of x (N, C, D, H, W), (N, C, D', H', W'), and which it was in each step."""
    maxima, within = images.max_pool2d(planes_of(layout.ordered(x, images.xp())), windows.planes)
    y, over = images.max_pool2d(rows_of(volumes_of(maxima, *_counts(x))), windows.depth)
    return y.reshape(*x.shape[:2], *windows.positions), (within, over)


def max_pool3d_gradient(images: Images, dy: FloatArray, switches: Switches, windows: VolumeWindows) -> FloatArray:
    """dx (N, C, D, H, W): each dy added at the place that the switches name."""
    within, over = switches
    rows = images.max_pool2d_gradient(rows_of(layout.ordered(dy, images.xp())), over, windows.depth)
    maxima = planes_of(rows.reshape(*rows.shape[:3], *within.shape[2:]))
    return volumes_of(images.max_pool2d_gradient(maxima, within, windows.planes), *_counts(rows))


def avg_pool3d(
    images: Images,
    x: FloatArray,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> FloatArray:
    """The average of each window of x (N, C, D, H, W): (N, C, D', H', W')."""
    plane, depth = _steps(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    means = images.avg_pool2d(planes_of(layout.ordered(x, images.xp())), *plane)
    y = images.avg_pool2d(rows_of(volumes_of(means, *_counts(x))), *depth)
    return y.reshape(*y.shape[:3], *means.shape[2:])


def avg_pool3d_gradient(
    images: Images,
    dy: FloatArray,
    input_size: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> FloatArray:
    """The input gradient of ``avg_pool3d``: dy (N, C, D', H', W') to (N, C, *input_size)."""
    plane, depth = _steps(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    cotangents = rows_of(layout.ordered(dy, images.xp()))
    rows = images.avg_pool2d_gradient(cotangents, (input_size[0], cotangents.shape[3]), *depth)
    means = planes_of(rows.reshape(*rows.shape[:3], *dy.shape[3:]))
    return volumes_of(images.avg_pool2d_gradient(means, input_size[1:], *plane), *_counts(rows))


def adaptive_avg_pool3d(images: Images, x: FloatArray, output_size: Sizes) -> FloatArray:
    """The averages of x (N, C, D, H, W) over a grid of ``output_size`` windows that together cover it."""
    means = images.adaptive_avg_pool2d(planes_of(layout.ordered(x, images.xp())), output_size[1:])
    rows = rows_of(volumes_of(means, *_counts(x)))
    return images.adaptive_avg_pool2d(rows, (output_size[0], rows.shape[3])).reshape(*x.shape[:2], *output_size)


def adaptive_avg_pool3d_gradient(images: Images, dy: FloatArray, input_size: Sizes) -> FloatArray:
    """The input gradient of ``adaptive_avg_pool3d``: dy (N, C, D', H', W') to (N, C, *input_size)."""
    cotangents = rows_of(layout.ordered(dy, images.xp()))
    rows = images.adaptive_avg_pool2d_gradient(cotangents, (input_size[0], cotangents.shape[3]))
    means = planes_of(rows.reshape(*rows.shape[:3], *dy.shape[3:]))
    return volumes_of(images.adaptive_avg_pool2d_gradient(means, input_size[1:]), *_counts(rows))


def _counts(volumes: Array) -> tuple[int, int]:
    """N and D of (N, C, D, ...)."""
    return volumes.shape[0], volumes.shape[2]


def _steps(
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What pools within planes, and what over them. A divisor that is given divides in the second step only."""
    plane = kernel_size[1:], stride[1:], padding[1:], ceil_mode, count_include_pad, divisor_override and 1
    depth = (kernel_size[0], 1), (stride[0], 1), (padding[0], 0), ceil_mode, count_include_pad, divisor_override
    return plane, depth
