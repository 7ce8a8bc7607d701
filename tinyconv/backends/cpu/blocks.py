"""Blocks of an image: the part that one job of a kernel works on, small enough to stay in a core's own cache."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from tinyconv.backends.cpu.compilation import helper
from tinyconv.backends.cpu.host import VECTOR_BYTES, host
from tinyconv.backends.cpu.parallel import get_num_threads
from tinyconv.backends.cpu.register_tile import small_code, tile_save
from tinyconv.backends.cpu.simd import tile_part
from tinyconv.backends.cpu.taps import COLUMNS, ROWS, Taps
from tinyconv.core.arrays import Array, FloatArray, Pair

TILES = (host().wide, host().middle, host().narrow)
MOST_TILE_ROWS = max(tile.rows for tile in TILES)
MOST_LANES = VECTOR_BYTES // 4

EVEN_PARTS = 8
"""A multiple of most numbers of threads."""


class Geometry(NamedTuple):
    """The numbers that a dense kernel needs beside its arrays. All int: such a tuple may enter a parallel loop."""

    images: int
    height: int
    width: int
    channels: int
    """of the input, of all groups together"""
    out_height: int
    out_width: int
    out_channels: int
    groups: int
    inputs: int
    """channels of one group of the input"""
    outputs: int
    """channels of one group of the output"""
    stride_y: int
    stride_x: int
    out_stride_y: int
    out_stride_x: int
    block_images: int
    block_rows: int
    block_columns: int
    blocks_deep: int
    """blocks beside each other along the images"""
    blocks_down: int
    blocks_across: int
    panels: int
    """register tiles beside each other that hold the outputs of one group"""
    panel_width: int
    tile_rows: int
    tile: int
    """which of TILES"""


Shape4 = tuple[int, int, int, int]


@functools.lru_cache(maxsize=1024)
def geometry(
    source: Shape4, out: Shape4, dtype: Any, groups: int, taps: Taps, pixels: tuple[int, int], cache_bytes: int
) -> Geometry:
    """The geometry for a source of shape (N, H, W, C) and an output of shape (N, H', W', K).

    A block has about ``pixels`` outputs, (least, most); the input that it sees fits into about ``cache_bytes``. Where
    the map of one image has too few, a block takes several images.
    """
    inputs, outputs = source[3] // groups, out[3] // groups
    down, across = int(taps.phases[:, ROWS].max()), int(taps.phases[:, COLUMNS].max())
    pixel_bytes = taps.in_stride[0] * taps.in_stride[1] * inputs * dtype.itemsize
    rows, columns = block_shape((down, across), pixels[1], pixel_bytes, cache_bytes)
    whole = (rows, columns) == (down, across)
    images = equal_parts(source[0], -(-pixels[0] // (rows * columns))) if whole else 1
    tile = host().tile(outputs, dtype)
    width = tile.vectors * host().lanes(dtype)
    return Geometry(
        images=source[0],
        height=source[1],
        width=source[2],
        channels=source[3],
        out_height=out[1],
        out_width=out[2],
        out_channels=out[3],
        groups=groups,
        inputs=inputs,
        outputs=outputs,
        stride_y=taps.in_stride[0],
        stride_x=taps.in_stride[1],
        out_stride_y=taps.out_stride[0],
        out_stride_x=taps.out_stride[1],
        block_images=images,
        block_rows=rows,
        block_columns=columns,
        blocks_deep=-(-source[0] // images),
        blocks_down=-(-down // rows),
        blocks_across=-(-across // columns),
        panels=-(-outputs // width),
        panel_width=width,
        tile_rows=tile.rows,
        tile=TILES.index(tile),
    )


def equal_parts(size: int, most: int) -> int:
    """The size of parts of at most ``most`` (but at least 1) into which ``size`` is cut, as equal as possible."""
    parts = max(1, -(-size // max(1, most)))
    return -(-size // parts)


def block_shape(size: Pair, most_pixels: int, pixel_bytes: int, cache_bytes: int) -> Pair:
    """(rows, columns) of a block of a map of ``size``: full rows where they fit.

    A single long row, as of all pixels of a 1 x 1 convolution, is cut into as many parts for every thread.
    """
    most = max(1, min(most_pixels, cache_bytes // max(1, pixel_bytes)))
    parts = -(-size[1] // most)
    if size[0] == 1 and parts > EVEN_PARTS:
        most = -(-size[1] // (-(-parts // EVEN_PARTS) * EVEN_PARTS))
    columns = equal_parts(size[1], most)
    return equal_parts(size[0], most // columns), columns


def chunks_for(jobs: int, panels: int) -> int:
    """Into how many chunks to share out panels so that every thread finds several jobs, all threads as many.

    May depend on the number of threads because it does not change a result: a panel is computed by one job alone.
    """
    threads = get_num_threads()
    chunks = max(1, -(-4 * threads // max(1, jobs)))
    while chunks > 1 and jobs * chunks % threads:
        chunks += 1
    return min(panels, chunks)


def flat(array: Array) -> FloatArray:
    """The numbers of a C-contiguous array, one-dimensional, without a copy."""
    return array.reshape(-1)


@helper
def copy_block(source, size, image, row, column, channel, images, rows, columns, channels):
    """block[n, i, j, c] = source[image + n, row + i, column + j, channel + c], and 0 outside; both flat.

    ``size``: (H, W, C) of ``source``. A vector may be read beyond the end of the block. With more ``channels`` than a
    group has left, those of the next group, or zeros, are copied along with them.
    """
    height, width, all_channels = size
    lanes = VECTOR_BYTES // source.itemsize
    block = np.zeros(images * rows * columns * channels + MOST_LANES, source.dtype)
    copied = min(channels, all_channels - channel)
    left, right = max(0, -column), max(0, min(columns, width - column))
    # Whole vectors are written: zeros where nothing is copied, as over what the next pixel, or row, overwrites.
    run, pixels = ((right - left) * channels, 1) if copied == all_channels == channels else (copied, right - left)
    for n in range(images):
        for i in range(max(0, -row), min(rows, height - row)):
            target = ((n * rows + i) * columns + left) * channels
            start = (((image + n) * height + row + i) * width + column + left) * all_channels + channel
            for _ in range(pixels):
                for c in range(0, run, lanes):
                    tile_save(tile_part(source, start + c, run - c), block, target + c)
                target += channels
                start += all_channels
    return block


@helper
def lies_inside(row, column, rows, columns, g):
    """Whether a window touches nothing outside the image."""
    return row >= 0 and column >= 0 and row + rows <= g.height and column + columns <= g.width


@helper
def read_window(source, g, group, image, row, column, images, rows, columns):
    """The window that a block of outputs sees.

    (flat array, index of its first number, (image pitch, row pitch), pixel pitch). Read in place where it lies inside
    the image and there is one group, else copied with the zeros around the image.
    """
    if lies_inside(row, column, rows, columns, g) and g.groups == 1:
        pitches = (g.height * g.width * g.channels, g.width * g.channels)
        return source, image * pitches[0] + row * pitches[1] + column * g.channels, pitches, g.channels
    size = (g.height, g.width, g.channels)
    window = copy_block(source, size, image, row, column, group * g.inputs, images, rows, columns, g.inputs)
    return window, 0, (rows * columns * g.inputs, columns * g.inputs), g.inputs


@helper
def pixel_offsets(images, rows, columns, origin, steps):
    """origin + n steps[0] + i steps[1] + j steps[2] for each pixel (n, i, j); the last is repeated to fill a tile."""
    small_code()
    pixels = images * rows * columns
    offsets = np.empty(pixels + MOST_TILE_ROWS, np.int64)
    p = 0
    for n in range(images):
        for i in range(rows):
            offset = origin + n * steps[0] + i * steps[1]
            for _ in range(columns):
                offsets[p] = offset
                offset += steps[2]
                p += 1
    for extra in range(MOST_TILE_ROWS):
        offsets[pixels + extra] = offsets[pixels - 1]
    return offsets


@helper
def sight(offset, stride, size, count):
    """The range of positions i below ``count`` that see the input: 0 <= i stride + offset < size."""
    begin = max(0, -(offset // stride))
    end = min(count, (size - 1 - offset) // stride + 1)
    return begin, max(begin, end)
