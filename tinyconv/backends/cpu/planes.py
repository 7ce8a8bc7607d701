"""The dense sum over taps for few outputs: pixels that are neighbours in a row are the columns of a tile.

    out[n, i, k]  =  sum over taps t, channels c of  in[n, i + offset(t), c] W[t, c, k]                (in = 0 outside)

A vector of outputs would be half empty, as in the input gradient of a network's second layer. So each channel of the
input is laid out as a plane of its own, with zeros around it. A tile multiplies vectors of its pixels by single
weights, for a few outputs and for several *segments*, as many pixels of a row as a vector holds; its sums are
transposed on their way out. Every sum has one order, tap by tap and channel by channel.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from tinyconv.backends.cpu.blocks import TILES, Geometry, flat, geometry
from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.packing import Weight, aligned_buffer
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import small_code, tile_repeat, tile_rows, tile_save
from tinyconv.backends.cpu.simd import tile_fetch, tile_transpose
from tinyconv.backends.cpu.taps import BOTTOM, LEFT, RIGHT, TOP, Taps
from tinyconv.backends.cpu.tile_products import tile_outer_rows, tile_store_first
from tinyconv.core.arrays import Array, FloatArray, Pair

LEAST_INPUTS = 8
"""Fewer do not repay the way in and out."""

MOST_BYTES = 512 * 1024
"""of the planes of a job, which should stay in the second-level cache"""

BLOCK_PIXELS, BLOCK_BYTES = (1, 1), 1
"""Nothing is cut into blocks here."""

TILE_ROWS, TILE_VECTORS = TILES[0]


@helper
def add_taps(planes, places, place, weights, weight, zeros, inputs, plane, offsets, sums):
    """sums[k, v, :] = the outputs k of the segment that begins at ``planes[places[place + v]]``."""
    segments = tile_rows(TILE_VECTORS, planes, places, place)
    tile = tile_repeat(TILE_ROWS, TILE_VECTORS, zeros, 0)
    for offset in offsets:
        index = offset
        for _ in range(inputs):
            tile = tile_outer_rows(tile, weights, weight, segments, index)
            weight += TILE_ROWS
            index += plane
    tile_save(tile, sums, 0)


def make_kernel(lanes: int):
    """The kernel for vectors of ``lanes`` numbers."""

    @helper
    def fill_planes(source, image, planes, start, pitch, plane, top, left, g):
        """planes[start + c plane + (y - top) pitch + x - left] = source[image, y, x, c]"""
        pixels = np.empty(lanes, np.int64)
        for y in range(max(0, top), min(g.height, top + plane // pitch)):
            line = (image * g.height + y) * g.width
            for x in range(0, g.width, lanes):
                count = min(lanes, g.width - x)
                for m in range(lanes):
                    pixels[m] = (line + x + min(m, count - 1)) * g.channels
                square = tile_rows(lanes, source, pixels, 0)
                target = start + (y - top) * pitch + x - left
                for c in range(0, g.inputs, lanes):
                    turned = tile_transpose(tile_fetch(1, square, c, g.inputs - c))
                    tile_store_first(turned, planes, target + c * plane, plane, g.inputs - c, count)

    @kernel
    def correlate_planes(job, source, weights, out, offsets, reach, pitch, images, g):
        """All outputs of a few images. ``reach``: first row and column of the planes, and the number of rows."""
        small_code()
        top, left, seen_rows = reach
        first = job * images
        count = min(images, g.images - first)
        plane = seen_rows * pitch
        planes = np.zeros(count * g.inputs * plane + lanes, source.dtype)
        across = -(-g.out_width // lanes)
        segments = count * g.out_height * across
        places = np.empty(segments + TILE_VECTORS, np.int64)
        for n in range(count):
            fill_planes(source, first + n, planes, n * g.inputs * plane, pitch, plane, top, left, g)
        for segment in range(segments + TILE_VECTORS):
            line, s = divmod(min(segment, segments - 1), across)
            n, i = divmod(line, g.out_height)
            places[segment] = n * g.inputs * plane + i * pitch + s * lanes
        zeros = np.zeros(TILE_VECTORS * lanes, source.dtype)
        sums = aligned_buffer(TILE_ROWS * TILE_VECTORS * lanes, source)
        rows = np.empty(lanes, np.int64)
        for segment in range(0, segments, TILE_VECTORS):
            for k in range(0, g.outputs, TILE_ROWS):
                weight = k * offsets.size * g.inputs
                add_taps(planes, places, segment, weights, weight, zeros, g.inputs, plane, offsets, sums)
                for v in range(min(TILE_VECTORS, segments - segment)):
                    for m in range(lanes):
                        rows[m] = (min(m, TILE_ROWS - 1) * TILE_VECTORS + v) * lanes
                    turned = tile_transpose(tile_fetch(1, tile_rows(lanes, sums, rows, 0), 0, lanes))
                    line, s = divmod(segment + v, across)
                    target = ((first * g.out_height + line) * g.out_width + s * lanes) * g.out_channels + k
                    pixels = min(lanes, g.out_width - s * lanes)
                    tile_store_first(turned, out, target, g.out_channels, pixels, min(TILE_ROWS, g.outputs - k))

    return correlate_planes


KERNELS = {np.dtype(kind): make_kernel(host().lanes(np.dtype(kind))) for kind in (np.float32, np.float64)}


def images_of_job(size: Pair, lanes: int) -> int:
    """So many that their segments fill all tiles."""
    return TILE_VECTORS // math.gcd(TILE_VECTORS, size[0] * -(-size[1] // lanes))


def planes_pay(outputs: int, inputs: int, size: Pair, reach: Pair, dtype: np.dtype[Any]) -> bool:
    """Whether pixels fill vectors better than outputs do, for outputs of ``size`` whose windows ``reach`` further."""
    lanes = host().lanes(dtype)
    columns = -(-size[1] // lanes) * lanes
    vectors = -(-outputs // TILE_ROWS) * TILE_ROWS * columns / (size[1] * lanes)
    planes = images_of_job(size, lanes) * inputs * (size[0] + reach[0]) * (columns + reach[1])
    return inputs >= LEAST_INPUTS and vectors < -(-outputs // lanes) and planes * dtype.itemsize <= MOST_BYTES


class Plan(NamedTuple):
    """What depends on the shapes alone."""

    weights: Array
    """where the weights (tiles of outputs, taps, inputs, outputs of a tile) lie; past the last output it is repeated"""
    offsets: Array
    """of every tap in a plane"""
    reach: tuple[int, int, int]
    pitch: int
    images: int
    """of a job"""


@functools.lru_cache(maxsize=256)
def plan(
    shape: tuple[int, int, int], strides: tuple[int, int, int, int, int], taps: Taps, g: Geometry, lanes: int
) -> Plan:
    """For a weight of that ``shape`` and ``strides``."""
    _, outputs, inputs = shape
    _, output, input_, row, column = strides
    top, bottom, left, right = (int(taps.phases[0, field]) for field in (TOP, BOTTOM, LEFT, RIGHT))
    across = -(-g.out_width // lanes)
    pitch = across * lanes + right - left
    offsets = [(y - top) * pitch + x - left + step for y, x, length in taps.runs for step in range(length)]
    of_taps = (taps.kernel_rows * row + taps.kernel_columns * column)[:, None, None]
    k = np.minimum(np.arange(-(-outputs // TILE_ROWS) * TILE_ROWS), outputs - 1).reshape(-1, 1, 1, TILE_ROWS)
    index = of_taps + (np.arange(inputs) * input_)[:, None] + k * output
    images = images_of_job((g.out_height, g.out_width), lanes)
    return Plan(index, np.array(offsets), (top, left, g.out_height + bottom - top), pitch, images)


def run_planes(source: FloatArray, weight: Weight, out: FloatArray, taps: Taps) -> None:
    """Fill ``out`` (N, height, width, K) from ``source`` (N, height, width, C), both C-contiguous, strides 1."""
    g = geometry(source.shape, out.shape, source.dtype, 1, taps, BLOCK_PIXELS, BLOCK_BYTES)
    p = plan(weight.shape, weight.strides, taps, g, host().lanes(source.dtype))
    weights = weight.numbers[p.weights].reshape(-1)
    jobs = -(-g.images // p.images)
    after = (p.offsets, p.reach, p.pitch, p.images, g)
    launch(KERNELS[source.dtype], jobs, flat(source), weights, flat(out), *after)
