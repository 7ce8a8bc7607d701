"""Volumes on the processor, by the kernels for images; and the copies between the two, a job for each row of pixels."""

from __future__ import annotations

from functools import partial

import numpy as np

from tinyconv.backends.cpu.compilation import kernel
from tinyconv.backends.cpu.convolution import conv2d, conv2d_input_gradient, conv2d_weight_gradient
from tinyconv.backends.cpu.max_pooling import max_pool2d, max_pool2d_gradient
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.pooling import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_gradient,
    avg_pool2d,
    avg_pool2d_gradient,
)
from tinyconv.backends.volumes import convolution, pooling
from tinyconv.backends.volumes.convolution import Stack
from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray


@kernel
def copy_planes(job, volumes, table, groups, first, images):
    """images[m, row, w, (g, t, c)] = volumes[n, table[a, t], row, w, (g, c)] with first + m = n D' + a; 0 for -1."""
    image, row = divmod(job, images.shape[1])
    sample, position = divmod(first + image, table.shape[0])
    taps, channels = table.shape[1], volumes.shape[4] // groups
    for column in range(images.shape[2]):
        target = images[image, row, column]
        for t in range(taps):
            plane = table[position, t]
            source = volumes[sample, max(plane, 0), row, column]
            for g in range(groups):
                start = (g * taps + t) * channels
                if plane < 0:
                    for c in range(channels):
                        target[start + c] = 0
                else:
                    for c in range(channels):
                        target[start + c] = source[g * channels + c]


@kernel
def add_planes(job, images, table, groups, first, bias, volumes):
    """volumes[n, d, row, w, (g, c)] += images[m, row, w, (g, t, c)] where table[a, t] = d; from the bias on, at first.

    The block has all images from ``first`` on that there are; a job owns a row of a plane, and adds in their order.
    """
    plane_number, row = divmod(job, volumes.shape[2])
    sample, plane = divmod(plane_number, volumes.shape[1])
    target = volumes[sample, plane, row]
    if first == 0:
        for column in range(target.shape[0]):
            for c in range(bias.size):
                target[column, c] = bias[c]
    taps, channels = table.shape[1], volumes.shape[4] // groups
    for position in range(table.shape[0]):
        image = sample * table.shape[0] + position - first
        if 0 <= image < images.shape[0]:
            for t in range(taps):
                if table[position, t] == plane:
                    source = images[image, row]
                    for column in range(target.shape[0]):
                        for g in range(groups):
                            start = (g * taps + t) * channels
                            for c in range(channels):
                                target[column, g * channels + c] += source[column, start + c]


def stack(volumes: FloatArray, planes: Stack) -> FloatArray:
    """Images (end - first, T C, H, W) of volumes (N, C, D, H, W)."""
    _, channels, _, height, width = volumes.shape
    shape = (planes.end - planes.first, planes.table.shape[1] * channels, height, width)
    images = layout.empty(shape, volumes.dtype)
    if images.size:
        arguments = layout.stored(layout.writable(volumes)), planes.table, planes.groups, planes.first
        launch(copy_planes, shape[0] * height, *arguments, layout.nhwc(images))
    return images


def unstack(images: FloatArray, planes: Stack, volumes: FloatArray, bias: FloatArray | None) -> None:
    """Add images (end - first, T C, H, W) to volumes (N, C, D, H, W), which are in the engine's order."""
    start = np.zeros(volumes.shape[1], volumes.dtype) if bias is None else np.array(bias)
    if volumes.size:
        samples, _, depth, height, _ = volumes.shape
        arguments = layout.nhwc(images), planes.table, planes.groups, planes.first, start
        launch(add_planes, samples * depth * height, *arguments, layout.stored(volumes))


def _module() -> object:
    return np


_convolutions = convolution.Images(conv2d, conv2d_input_gradient, conv2d_weight_gradient, stack, unstack, _module)
_poolings = pooling.Images(
    max_pool2d,
    max_pool2d_gradient,
    avg_pool2d,
    avg_pool2d_gradient,
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_gradient,
    _module,
)

conv3d = partial(convolution.conv3d, _convolutions)
conv3d_input_gradient = partial(convolution.conv3d_input_gradient, _convolutions)
conv3d_weight_gradient = partial(convolution.conv3d_weight_gradient, _convolutions)
max_pool3d = partial(pooling.max_pool3d, _poolings)
max_pool3d_gradient = partial(pooling.max_pool3d_gradient, _poolings)
avg_pool3d = partial(pooling.avg_pool3d, _poolings)
avg_pool3d_gradient = partial(pooling.avg_pool3d_gradient, _poolings)
adaptive_avg_pool3d = partial(pooling.adaptive_avg_pool3d, _poolings)
adaptive_avg_pool3d_gradient = partial(pooling.adaptive_avg_pool3d_gradient, _poolings)
