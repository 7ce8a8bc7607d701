"""Max pooling: SIMD runs over channels, jobs over rows.

Of each maximum a *switch* is kept (Zeiler & Fergus, 2014): its number r S + s among the taps of its window, in a byte
where that suffices. Backward does not scatter by them. It asks for every row of pixels which taps look at it, and adds
dy where the switch names the tap: a comparison and an addition over whole vectors of channels, in one pass over dx.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.narrow_pooling import narrow_max_windows, narrow_switched_gradient
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray, Pair
from tinyconv.core.windows import Windows


@helper
def take_one(best, switch, seen, tap):
    """As in PyTorch the first of equal maxima counts, and of NaNs the last."""
    tap_number = switch.dtype.type(tap)
    for c in range(best.shape[0]):
        value = seen[c]
        takes = (value > best[c]) | (value != value)
        best[c] = value if takes else best[c]
        switch[c] = tap_number if takes else switch[c]


@helper
def take_two(best, switch, first, second, tap):
    """Two taps at a time: half the traffic of ``best`` and ``switch``. (With three LLVM does not vectorise.)"""
    first_number, second_number = switch.dtype.type(tap), switch.dtype.type(tap + 1)
    for c in range(best.shape[0]):
        largest, number = best[c], switch[c]
        value = first[c]
        takes = (value > largest) | (value != value)
        largest = value if takes else largest
        number = first_number if takes else number
        value = second[c]
        takes = (value > largest) | (value != value)
        best[c] = value if takes else largest
        switch[c] = second_number if takes else number


@helper
def max_of_row(job, x, y, switches, down, across):
    image, i = divmod(job, y.shape[1])
    for j in range(y.shape[2]):
        best, switch = y[image, i, j], switches[image, i, j]
        for r in range(down.shape[1]):
            row, tap, s = x[image, down[i, r]], r * across.shape[1], 0
            if r == 0:
                seen = row[across[j, 0]]
                for c in range(best.shape[0]):
                    best[c] = seen[c]
                    switch[c] = 0
                s = 1
            if (across.shape[1] - s) % 2 == 1:
                take_one(best, switch, row[across[j, s]], tap + s)
                s += 1
            while s < across.shape[1]:
                take_two(best, switch, row[across[j, s]], row[across[j, s + 1]], tap + s)
                s += 2


@kernel
def max_windows(x, y, switches, down, across):
    """Fill ``y`` and ``switches``, both (N, H', W', C)."""
    for job in prange(y.shape[0] * y.shape[1]):
        max_of_row(np.int64(job), x, y, switches, down, across)


@helper
def add_switched(dx, dy, switch, tap):
    tap_number, zero = switch.dtype.type(tap), dx.dtype.type(0)
    for c in range(dx.shape[0]):
        dx[c] += dy[c] if switch[c] == tap_number else zero


@helper
def gradient_of_row(job, dy, switches, dx, down, across, covering):
    image, row = divmod(job, dx.shape[1])
    dx[image, row] = 0
    for i in range(covering[row, 0], covering[row, 1]):
        for r in range(down.shape[1]):
            if down[i, r] == row:
                for j in range(dy.shape[2]):
                    for s in range(across.shape[1]):
                        target, tap = dx[image, row, across[j, s]], r * across.shape[1] + s
                        add_switched(target, dy[image, i, j], switches[image, i, j], tap)


@kernel
def switched_gradient(dy, switches, dx, down, across, covering):
    """dx[n, h, w, c] = the sum of dy[n, i, j, c] over the windows whose switch names the pixel."""
    for job in prange(dx.shape[0] * dx.shape[1]):
        gradient_of_row(np.int64(job), dy, switches, dx, down, across, covering)


@helper
def scatter_slice(job, slices, dy, indices, dx):
    image, part = divmod(job, slices)
    channels = dx.shape[2]
    first, end = channels * part // slices, channels * (part + 1) // slices
    for place in range(dx.shape[1]):
        for c in range(first, end):
            dx[image, place, c] = 0
    for pixel in range(dy.shape[1]):
        for c in range(first, end):
            dx[image, indices[image, pixel, c], c] += dy[image, pixel, c]


@kernel
def scatter_pixels(slices, dy, indices, dx):
    """dx[n, indices[n, pixel, c], c] += dy[n, pixel, c], pixel after pixel. A job owns images, of some channels."""
    for job in prange(dx.shape[0] * slices):
        scatter_slice(np.int64(job), slices, dy, indices, dx)


@kernel
def gather_pixels(x, indices, y):
    """y[n, pixel, c] = x[n, indices[n, pixel, c], c]."""
    for image in prange(y.shape[0]):
        for pixel in range(y.shape[1]):
            for c in range(y.shape[2]):
                y[image, pixel, c] = x[image, indices[image, pixel, c], c]


def switch_dtype(windows: Windows) -> type[np.unsignedinteger]:
    """The smallest type that numbers the taps."""
    return np.uint8 if windows.taps <= 256 else np.uint32


def max_pool2d(x: FloatArray, windows: Windows) -> tuple[FloatArray, Array]:
    """The maximum of each window of x (N, C, H, W), and its number among the taps: y and switches (N, C, H', W').

    The first of equal maxima counts. A NaN is larger than any number; of several the last counts, as in PyTorch.
    """
    shape = (*x.shape[:2], len(windows.down), len(windows.across))
    y, switches = layout.empty(shape, x.dtype), layout.empty(shape, switch_dtype(windows))
    if y.size and x.shape[1] < host().lanes(x.dtype):
        size = *windows.size, x.shape[1]
        arrays = (layout.nhwc(array).reshape(-1) for array in (x, y, switches))
        launch(narrow_max_windows, len(x), *arrays, windows.down, windows.across, size)
    elif y.size:
        launch(max_windows, layout.nhwc(x), layout.nhwc(y), layout.nhwc(switches), windows.down, windows.across)
    return y, switches


def max_pool2d_gradient(dy: FloatArray, switches: Array, windows: Windows) -> FloatArray:
    """dx (N, C, H, W): each dy (N, C, H', W') added at the pixel that its switch names."""
    dx = layout.empty((*dy.shape[:2], *windows.size), dy.dtype)
    if dx.size and dx.shape[1] < host().lanes(dx.dtype):
        arrays = (layout.nhwc(array).reshape(-1) for array in (dy, switches, dx))
        size = *windows.size, dx.shape[1]
        launch(narrow_switched_gradient, len(dx), *arrays, windows.down, windows.across, size)
    elif dx.size:
        arrays = (layout.nhwc(array) for array in (dy, switches, dx))
        launch(switched_gradient, *arrays, windows.down, windows.across, windows.covering)
    return dx


def scatter_plane(dy: FloatArray, indices: Array, size: Pair) -> FloatArray:
    """dx[n, c].flat[indices[n, c, i, j]] += dy[n, c, i, j], for dx (N, C, *size)."""
    dx = layout.empty((*dy.shape[:2], *size), dy.dtype)
    if dx.size:
        slices = max(1, min(dx.shape[1] // 16, -(-4 * get_num_threads() // dx.shape[0])))
        launch(scatter_pixels, slices, _planes(dy), _planes(indices), _planes(dx))
    return dx


def gather_plane(x: FloatArray, indices: Array) -> FloatArray:
    """y[n, c, i, j] = x[n, c].flat[indices[n, c, i, j]]: the adjoint of ``scatter_plane`` in dy."""
    y = layout.empty(indices.shape, x.dtype)
    if y.size:
        launch(gather_pixels, _planes(x), _planes(indices), _planes(y))
    return y


def _planes(array: Array) -> Array:
    """(N, C, H, W) as (N, H W, C)."""
    stored = layout.nhwc(array)
    return stored.reshape(stored.shape[0], -1, stored.shape[3])
