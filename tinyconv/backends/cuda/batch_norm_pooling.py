"""Batch normalisation, rectifier and max pooling in one: the normalised map in full size is never written.

y = max(., 0) and y = scale x + shift do not change which pixel of a window is the largest, except that a negative scale
turns the order around. So the second pass over x finds the *winner* of each window, and normalises it alone. Backward
sums up over winners; its only pass over maps of full size reads x and writes dx. Windows must not overlap.
"""

from __future__ import annotations

from typing import Any

from tinyconv.backends.cuda.activation import opened
from tinyconv.backends.cuda.arrays import empty, flat, flat_view, nothing
from tinyconv.backends.cuda.batch_norm import factors_for, merged, vectors
from tinyconv.backends.cuda.compiler import cuda
from tinyconv.backends.cuda.grids import launch_each
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.max_pooling import POOLING, image_parts, place_of, tables_of
from tinyconv.backends.cuda.normalization import launch_sums, measure
from tinyconv.backends.cuda.parameters import Bytes, Floats, Int, IntMatrix, Long
from tinyconv.backends.cuda.pieces import PRODUCTS, pieces_of
from tinyconv.backends.cuda.vectors import WIDE, moves, width_for
from tinyconv.core import gpu
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.windows import Windows

CLOSED = 255
"""The switch of a window whose maximum the rectifier made 0."""


def make_pooled(width_of_vectors: int) -> tuple[Any, Any]:
    """The kernels for vectors of so many channels: normalised winners, and dx."""
    V = width_of_vectors
    fetch, put = moves(V)
    gather = POOLING[V][2]

    def normalise_winners(
        x: Floats, weight: Floats, factors: Floats, down: IntMatrix, across: IntMatrix, height: Int, width: Int,
        groups: Int, count: Long, winners: Floats, switches: Bytes, y: Floats,
    ):  # fmt: skip
        """y = max((x - centre) scale + shift, 0) of the winners; where that is 0 the switch is closed. NaN passes.

        The first of equal ones counts, as in max pooling: of all, where the weight is 0.
        """
        index = cuda.grid(1)
        if index < count:
            group, j, i, image = place_of(index, groups, across.shape[0], down.shape[0])
            zero, one = x.dtype.type(0), x.dtype.type(1)
            winner = cuda.local.array(V, x.dtype)
            seen = cuda.local.array(V, x.dtype)
            sign = cuda.local.array(V, x.dtype)
            switch = cuda.local.array(V, switches.dtype)
            fetch(x, (((image * height + down[i, 0]) * width + across[j, 0]) * groups + group) * V, winner)
            if weight.size:
                fetch(weight, group * V, sign)
            for k in range(V):
                switch[k] = 0
                sign[k] = one if weight.size == 0 or sign[k] > zero else -one if sign[k] < zero else zero
            for r in range(down.shape[1]):
                line = (image * height + down[i, r]) * width
                for s in range(across.shape[1]):
                    fetch(x, ((line + across[j, s]) * groups + group) * V, seen)
                    for k in range(V):
                        if seen[k] * sign[k] > winner[k] * sign[k] or seen[k] != seen[k]:
                            winner[k] = seen[k]
                            switch[k] = r * across.shape[1] + s
            put(winners, index * V, winner)
            centre = cuda.local.array(V, x.dtype)
            scale = cuda.local.array(V, x.dtype)
            shift = cuda.local.array(V, x.dtype)
            fetch(factors, group * V, centre)
            fetch(factors, (groups + group) * V, scale)
            fetch(factors, (2 * groups + group) * V, shift)
            for k in range(V):
                value = (winner[k] - centre[k]) * scale[k] + shift[k]
                if value <= zero:
                    switch[k] = CLOSED
                winner[k] = opened(value, value, zero)
            put(switches, index * V, switch)
            put(y, index * V, winner)

    def spread_winners(
        dy: Floats, switches: Bytes, x: Floats, gate: Floats, factors: Floats, rows: IntMatrix, columns: IntMatrix,
        out_height: Int, out_width: Int, taps: Int, groups: Int, count: Long, dx: Floats,
    ):  # fmt: skip
        """dx = a g + b (x - centre) + c, where g is the dy of the window whose switch names the pixel, or 0."""
        index = cuda.grid(1)
        if index < count:
            group = place_of(index, groups, columns.shape[0], rows.shape[0])[0]
            given = cuda.local.array(V, dy.dtype)
            for k in range(V):
                given[k] = 0
            gather(dy, switches, rows, columns, out_height, out_width, taps, groups, index, given)
            seen = cuda.local.array(V, x.dtype)
            centre = cuda.local.array(V, x.dtype)
            a = cuda.local.array(V, x.dtype)
            b = cuda.local.array(V, x.dtype)
            c = cuda.local.array(V, x.dtype)
            fetch(x, index * V, seen)
            fetch(gate, group * V, centre)
            fetch(factors, group * V, a)
            fetch(factors, (groups + group) * V, b)
            fetch(factors, (2 * groups + group) * V, c)
            for k in range(V):
                seen[k] = a[k] * given[k] + b[k] * (seen[k] - centre[k]) + c[k]
            put(dx, index * V, seen)

    return kernel(normalise_winners, name=f"normalise_winners_{V}"), kernel(spread_winners, name=f"spread_winners_{V}")


POOLED = {width: make_pooled(width) for width in (1, WIDE)}


def batch_norm_max_pool2d(
    x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float, windows: Windows
) -> tuple[FloatArray, Array, FloatArray, Array, Array]:
    """y = the maxima of max((x - mean) / sqrt(variance + eps) weight + bias, 0) over windows that do not overlap.

    And what its gradient takes: the switches, the x of each winner, mean and variance, float64 (C,).
    x (N, C, H, W), weight and bias (C,), y, switches and winners (N, C, H', W'). At most 255 pixels in a window.
    """
    xp, (images, channels) = gpu.array_module(), x.shape[:2]
    shape = images, channels, len(windows.down), len(windows.across)
    y, winners, switches = empty(shape, x.dtype), empty(shape, x.dtype), empty(shape, "uint8")
    scale, shift = vectors(x, weight, bias)
    factors = xp.empty(3 * channels, x.dtype)
    pieces = pieces_of(x.size // channels, channels)
    mean, variance = measure(flat(x), pieces, scale, shift, float(eps), factors)
    width, tables = width_for(channels), tables_of(windows, xp)
    groups = channels // width
    for part in image_parts(images, y[0].size // width):
        written = flat_view(winners[part]), flat_view(switches[part]), flat_view(y[part])
        count = written[0].size // width
        given = flat(x[part]), scale, factors, tables.down, tables.across, *windows.size, groups, count
        launch_each(POOLED[width][0], count, *given, *written)
    return y, switches, winners, mean, variance


def batch_norm_max_pool2d_gradient(
    dy: FloatArray,
    x: FloatArray,
    switches: Array,
    winners: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    eps: float,
    statistics: tuple[Array, Array],
    windows: Windows,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """dx, dweight and dbias, from dy (N, C, H', W') and what ``batch_norm_max_pool2d`` took and gave."""
    images, channels = x.shape[:2]
    dx, none = empty(x.shape, x.dtype), nothing(x)
    gate = factors_for(x, statistics, *vectors(x, weight, bias), float(eps))
    pieces = pieces_of(dy.size // channels, channels)
    sums = pieces.sums()
    launch_sums(PRODUCTS, pieces, flat(dy), flat(winners), none, gate, *pieces.cut, none, sums)
    factors, dweight, dbias = merged(x, pieces, sums, False, statistics, weight, eps, gate)
    width, seen = width_for(channels), tables_of(windows, gpu.array_module()).seen
    groups = channels // width
    sizes = len(windows.down), len(windows.across), windows.across.shape[1], groups
    for part in image_parts(images, dx[0].size // width):
        written = flat_view(dx[part])
        count = written.size // width
        given = flat(dy[part]), flat(switches[part]), flat(x[part]), gate, factors, seen.down, seen.across
        launch_each(POOLED[width][1], count, *given, *sizes, count, written)
    return dx, dweight, dbias
