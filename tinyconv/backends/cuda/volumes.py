"""Volumes on a GPU, by the kernels for images; and the copies between the two, by CuPy's indexing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from tinyconv.backends.cuda.arrays import empty
from tinyconv.backends.cuda.convolution import conv2d, conv2d_input_gradient, conv2d_weight_gradient
from tinyconv.backends.cuda.max_pooling import max_pool2d, max_pool2d_gradient
from tinyconv.backends.cuda.pooling import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_gradient,
    avg_pool2d,
    avg_pool2d_gradient,
)
from tinyconv.backends.volumes import convolution, pooling
from tinyconv.backends.volumes.convolution import Stack
from tinyconv.core import gpu, layout
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.volumes import planes_of


def _moves(planes: Stack, depth: int) -> Iterator[tuple[int, Array, Array]]:
    """(tap, images of the block, the planes that they take): those inside, each of them once in a tap."""
    samples, positions = np.divmod(np.arange(planes.first, planes.end), planes.table.shape[0])
    for tap in range(planes.table.shape[1]):
        reached = planes.table[positions, tap]
        (images,) = np.nonzero(reached >= 0)
        yield tap, images, samples[images] * depth + reached[images]


def _by_tap(images: FloatArray, planes: Stack) -> Any:
    """(M, T C, H, W) as (M, H, W, groups, T, C / groups), a view."""
    stored = layout.stored(images)
    return stored.reshape(*stored.shape[:3], planes.groups, planes.table.shape[1], -1)


def stack(volumes: FloatArray, planes: Stack) -> FloatArray:
    """Images (end - first, T C, H, W) of volumes (N, C, D, H, W)."""
    xp = gpu.array_module()
    _, channels, depth, height, width = volumes.shape
    images = empty((planes.end - planes.first, planes.table.shape[1] * channels, height, width), volumes.dtype)
    if images.size:
        images.fill(0)
        source = layout.stored(planes_of(layout.ordered(volumes, xp)))
        source = source.reshape(*source.shape[:3], planes.groups, -1)
        for tap, targets, taken in _moves(planes, depth):
            _by_tap(images, planes)[:, :, :, :, tap][xp.asarray(targets)] = source[xp.asarray(taken)]
    return images


def unstack(images: FloatArray, planes: Stack, volumes: FloatArray, bias: FloatArray | None) -> None:
    """Add images (end - first, T C, H, W) to volumes (N, C, D, H, W), which are in the engine's order."""
    xp = gpu.array_module()
    if planes.first == 0:
        volumes[...] = 0 if bias is None else bias[:, None, None, None]
    if images.size:
        target = layout.stored(planes_of(volumes))
        target = target.reshape(*target.shape[:3], planes.groups, -1)
        for tap, sources, taken in _moves(planes, volumes.shape[2]):
            target[xp.asarray(taken)] += _by_tap(images, planes)[:, :, :, :, tap][xp.asarray(sources)]


_convolutions = convolution.Images(
    conv2d, conv2d_input_gradient, conv2d_weight_gradient, stack, unstack, gpu.array_module
)
_poolings = pooling.Images(
    max_pool2d,
    max_pool2d_gradient,
    avg_pool2d,
    avg_pool2d_gradient,
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_gradient,
    gpu.array_module,
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
