"""Max pooling: neighbouring threads take neighbouring channels, each four of them where they come in fours.

Of each maximum a *switch* is kept (Zeiler & Fergus, 2014): its number r S + s among the taps of its window, in a byte
where that suffices. Backward does not scatter by them. A thread asks for its pixel which windows see it, and adds dy
where their switch names it: in a fixed order, without atomic sums.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinyconv.backends.cuda.arrays import empty, flat, flat_view
from tinyconv.backends.cuda.compiler import cuda, divide, helper, remainder
from tinyconv.backends.cuda.grids import launch_each
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.parameters import Bytes, Floats, Int, IntMatrix, Ints, Long
from tinyconv.backends.cuda.vectors import WIDE, moves, width_for
from tinyconv.core import gpu
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.windows import Windows

MOST_VECTORS = 2**31
"""Vectors of a launch, which are counted in 32 bits: of larger arrays some images at a time."""


@helper
def place_of(index, groups, width, height):
    """(group of channels, column, row, image) of vector ``index`` of maps."""
    pixel = divide(index, groups)
    line = divide(pixel, width)
    return remainder(index, groups), remainder(pixel, width), remainder(line, height), divide(line, height)


def make_pooling(width_of_vectors: int) -> tuple[Any, Any, Any]:
    """The kernels for vectors of so many channels: maxima, the same with wide switches, and the gradient's sum."""
    V = width_of_vectors
    fetch, put = moves(V)

    @helper
    def largest(x, y, switches, down, across, height, width, groups, index):
        """The first of equal maxima counts; of NaNs, which are larger than any number, the last."""
        group, j, i, image = place_of(index, groups, across.shape[0], down.shape[0])
        best = cuda.local.array(V, x.dtype)
        seen = cuda.local.array(V, x.dtype)
        switch = cuda.local.array(V, switches.dtype)
        fetch(x, (((image * height + down[i, 0]) * width + across[j, 0]) * groups + group) * V, best)
        for k in range(V):
            switch[k] = 0
        for r in range(down.shape[1]):
            line = (image * height + down[i, r]) * width
            for s in range(across.shape[1]):
                fetch(x, ((line + across[j, s]) * groups + group) * V, seen)
                for k in range(V):
                    if seen[k] > best[k] or seen[k] != seen[k]:
                        best[k] = seen[k]
                        switch[k] = r * across.shape[1] + s
        put(y, index * V, best)
        put(switches, index * V, switch)

    def largest_of_windows(
        x: Floats, y: Floats, switches: Bytes, down: IntMatrix, across: IntMatrix, height: Int, width: Int,
        groups: Int, count: Long,
    ):  # fmt: skip
        """y[n, i, j, c] = max over r, s of x[n, down[i, r], across[j, s], c], and the switch r S + s of where."""
        index = cuda.grid(1)
        if index < count:
            largest(x, y, switches, down, across, height, width, groups, index)

    def largest_of_large_windows(
        x: Floats, y: Floats, switches: Ints, down: IntMatrix, across: IntMatrix, height: Int, width: Int,
        groups: Int, count: Long,
    ):  # fmt: skip
        """The same for windows of more taps than a byte can number."""
        index = cuda.grid(1)
        if index < count:
            largest(x, y, switches, down, across, height, width, groups, index)

    @helper
    def gather(dy, switches, rows, columns, out_height, out_width, taps, groups, index, total):
        """total[k] += dy of the windows whose switch names the pixel; rows and columns as in ``Seen``."""
        group, w, h, image = place_of(index, groups, columns.shape[0], rows.shape[0])
        given = cuda.local.array(V, dy.dtype)
        switch = cuda.local.array(V, switches.dtype)
        for i in range(rows[h, 0], rows[h, 1]):
            first_r, end_r = rows[h, 2 + 2 * (i - rows[h, 0])], rows[h, 3 + 2 * (i - rows[h, 0])]
            for j in range(columns[w, 0], columns[w, 1]):
                first_s, end_s = columns[w, 2 + 2 * (j - columns[w, 0])], columns[w, 3 + 2 * (j - columns[w, 0])]
                if first_r < end_r and first_s < end_s:
                    place = (((image * out_height + i) * out_width + j) * groups + group) * V
                    fetch(dy, place, given)
                    fetch(switches, place, switch)
                    for r in range(first_r, end_r):
                        for s in range(first_s, end_s):
                            for k in range(V):
                                if switch[k] == r * taps + s:
                                    total[k] += given[k]

    @helper
    def gradient(dy, switches, dx, rows, columns, out_height, out_width, taps, groups, index):
        total = cuda.local.array(V, dy.dtype)
        for k in range(V):
            total[k] = 0
        gather(dy, switches, rows, columns, out_height, out_width, taps, groups, index, total)
        put(dx, index * V, total)

    def switched_gradient(
        dy: Floats, switches: Bytes, dx: Floats, rows: IntMatrix, columns: IntMatrix, out_height: Int,
        out_width: Int, taps: Int, groups: Int, count: Long,
    ):  # fmt: skip
        """dx[n, h, w, c] = the sum of dy[n, i, j, c] over the windows whose switch names the pixel."""
        index = cuda.grid(1)
        if index < count:
            gradient(dy, switches, dx, rows, columns, out_height, out_width, taps, groups, index)

    def switched_gradient_of_large_windows(
        dy: Floats, switches: Ints, dx: Floats, rows: IntMatrix, columns: IntMatrix, out_height: Int,
        out_width: Int, taps: Int, groups: Int, count: Long,
    ):  # fmt: skip
        """The same for wide switches."""
        index = cuda.grid(1)
        if index < count:
            gradient(dy, switches, dx, rows, columns, out_height, out_width, taps, groups, index)

    forward = {
        np.dtype(np.uint8): kernel(largest_of_windows, name=f"largest_of_windows_{V}"),
        np.dtype(np.int32): kernel(largest_of_large_windows, name=f"largest_of_large_windows_{V}"),
    }
    backward = {
        np.dtype(np.uint8): kernel(switched_gradient, name=f"switched_gradient_{V}"),
        np.dtype(np.int32): kernel(switched_gradient_of_large_windows, name=f"switched_gradient_of_large_windows_{V}"),
    }
    return forward, backward, gather


POOLING = {width: make_pooling(width) for width in (1, WIDE)}


class Seen(NamedTuple):
    """For each pixel of an axis which windows see it, as an int32 row: the first, the end, and of each window between
    the first tap that names the pixel and the end of those. (The last taps of a short window name one pixel.)
    """

    down: Array
    across: Array


class Tables(NamedTuple):
    """The windows on the GPU: int32 (H', R) and (W', S), and who sees a pixel."""

    down: Array
    across: Array
    seen: Seen


@functools.lru_cache(maxsize=256)
def tables_of(windows: Windows, xp: Any) -> Tables:
    """Copied to the GPU once for each geometry."""
    axes = windows.down, windows.across
    down, across = (xp.asarray(taps.astype(np.int32)) for taps in axes)
    rows, columns = (xp.asarray(seen_from(taps, size)) for taps, size in zip(axes, windows.size, strict=True))
    return Tables(down, across, Seen(rows, columns))


def seen_from(taps: Array, size: int) -> Array:
    """A row for each of ``size`` pixels, as ``Seen`` has it, from the pixels (windows, taps) that each window names."""
    windows = len(taps)
    sees = np.zeros((size, windows), np.bool_)
    sees[taps, np.arange(windows)[:, None]] = True
    first = np.where(sees.any(axis=1), sees.argmax(axis=1), 0)
    end = np.where(sees.any(axis=1), windows - sees[:, ::-1].argmax(axis=1), 0)
    table = np.zeros((size, 2 + 2 * int((end - first).max(initial=1))), np.int32)
    table[:, 0], table[:, 1] = first, end
    for pixel in range(size):
        for number, window in enumerate(range(first[pixel], end[pixel])):
            named = np.flatnonzero(taps[window] == pixel)
            if named.size:
                table[pixel, 2 + 2 * number : 4 + 2 * number] = named[0], named[-1] + 1
    return table


def switch_dtype(windows: Windows) -> np.dtype[Any]:
    """The smallest type that numbers the taps."""
    return np.dtype(np.uint8 if windows.taps <= 256 else np.int32)


def image_parts(images: int, vectors: int) -> Iterator[slice]:
    """The images of each launch, of which each has so many ``vectors``."""
    most = max(1, MOST_VECTORS // max(1, vectors))
    for first in range(0, images, most):
        yield slice(first, first + most)


def max_pool2d(x: FloatArray, windows: Windows) -> tuple[FloatArray, Array]:
    """The maximum of each window of x (N, C, H, W), and its number among the taps: y and switches (N, C, H', W').

    The first of equal maxima counts. A NaN is larger than any number; of several the last counts, as in PyTorch.
    """
    images, channels = x.shape[:2]
    shape = (images, channels, len(windows.down), len(windows.across))
    y, switches = empty(shape, x.dtype), empty(shape, switch_dtype(windows))
    if y.size:
        width, tables = width_for(channels), tables_of(windows, gpu.array_module())
        forward, groups = POOLING[width][0][switches.dtype], channels // width
        for part in image_parts(images, y[0].size // width):
            arrays = flat(x[part]), flat_view(y[part]), flat_view(switches[part])
            count = arrays[1].size // width
            launch_each(forward, count, *arrays, tables.down, tables.across, *windows.size, groups, count)
    return y, switches


def max_pool2d_gradient(dy: FloatArray, switches: Array, windows: Windows) -> FloatArray:
    """dx (N, C, H, W): each dy (N, C, H', W') added at the pixel that its switch names."""
    images, channels = dy.shape[:2]
    dx = empty((images, channels, *windows.size), dy.dtype)
    if dx.size:
        width, seen = width_for(channels), tables_of(windows, gpu.array_module()).seen
        backward, groups = POOLING[width][1][switches.dtype], channels // width
        sizes = len(windows.down), len(windows.across), windows.across.shape[1], groups
        for part in image_parts(images, dx[0].size // width):
            arrays = flat(dy[part]), flat(switches[part]), flat_view(dx[part])
            count = arrays[2].size // width
            launch_each(backward, count, *arrays, seen.down, seen.across, *sizes, count)
    return dx
