"""Tiles of images and weights taken to Winograd's frequencies: V = Bᵀ d B and U = G g Gᵀ, over vectors of channels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.packing import Weight, aligned
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.register_tile import tile_rows, tile_save
from tinyconv.backends.cpu.simd import lanes_of, tile_fetch, tile_transpose
from tinyconv.backends.cpu.winograd_matrices import SIZE, filter_matrix, input_matrix, make_product
from tinyconv.core.arrays import FloatArray, Pair

FREQUENCIES = SIZE * SIZE

LANES = host().vector_bytes // 4

WIDE = host().wide
NARROW = host().middle if host().middle != WIDE else host().narrow
"""Register tiles: the second for layers whose outputs would leave much of the first one empty."""

WIDE_PANEL = WIDE.vectors * LANES
MOST_ROWS = max(WIDE.rows, NARROW.rows)


def panel_width(outputs: int) -> int:
    """The width of the register tile that wastes less of its columns on ``outputs``; of equals the wider."""
    widths = [shape.vectors * LANES for shape in (WIDE, NARROW)]
    return min(widths, key=lambda width: -(-outputs // width) * width)


class Tiling(NamedTuple):
    """How the images of a layer are cut into tiles."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    out_channels: int
    padding_y: int
    padding_x: int
    side: int
    """outputs of a tile along one axis"""
    dilation_y: int
    dilation_x: int
    tiles_down: int
    tiles_across: int
    tiles: int
    """of all images together"""


def tiling(source: tuple[int, ...], out: tuple[int, ...], side: int, padding: Pair, dilation: Pair) -> Tiling:
    """The tiles of ``out`` (N, OH, OW, K), computed from ``source`` (N, H, W, C).

    With a dilation d, every d-th pixel of the output sees only every d-th of the input: along each axis d images lie
    interleaved, to which the convolution has no dilation. Each is cut into tiles of its own.
    """
    down, across = (-(-out[axis + 1] // (side * dilation[axis])) for axis in (0, 1))
    return Tiling(
        height=source[1],
        width=source[2],
        channels=source[3],
        out_height=out[1],
        out_width=out[2],
        out_channels=out[3],
        padding_y=padding[0],
        padding_x=padding[1],
        side=side,
        dilation_y=dilation[0],
        dilation_x=dilation[1],
        tiles_down=down,
        tiles_across=across,
        tiles=source[0] * dilation[0] * dilation[1] * down * across,
    )


transform_columns = make_product(input_matrix())


@helper
def place_of_tile(tile, g):
    """The image of a tile, and the row and column of its first output."""
    rest, across = divmod(tile, g.tiles_across)
    rest, down = divmod(rest, g.tiles_down)
    rest, column = divmod(rest, g.dilation_x)
    image, row = divmod(rest, g.dilation_y)
    return image, row + down * g.side * g.dilation_y, column + across * g.side * g.dilation_x


@helper
def seen_from(start, size, step, count):
    """Of the ``count`` pixels start, start + step, ..., those inside an image of ``size``: the first, and the end."""
    return max(0, -(start // step)), max(0, min(count, -((start - size) // step)))


@helper
def transform_input(x, tile, g, v, place, pitch, width, panel_pitch, work):
    """v[f pitch + place + c] = (Bᵀ d B)[f] for the SIZE x SIZE inputs of ``tile``; zeros outside the image.

    Channels are stored in panels of ``width``, ``panel_pitch`` apart. The last panel is filled up with zeros: what
    memory happens to hold may be numbers with which arithmetic is slow.
    """
    lanes = lanes_of(x)
    image, row, column = place_of_tile(tile, g)
    y, left = row - g.padding_y, column - g.padding_x
    first, end = seen_from(y, g.height, g.dilation_y, SIZE)
    first_column, end_column = seen_from(left, g.width, g.dilation_x, SIZE)
    start = ((image * g.height + y) * g.width + left) * g.channels
    line, step = g.dilation_y * g.width * g.channels, g.dilation_x * g.channels
    inner = first == 0 and end == SIZE and first_column == 0 and end_column == SIZE
    for c in range(0, -(-g.channels // width) * width, lanes):
        for j in range(SIZE):
            index = start + j * step + c
            if inner and c + lanes <= g.channels:  # the usual case: nothing to check
                transform_columns(x, index, line, 0, SIZE, lanes, work, j * lanes, SIZE * lanes, SIZE, lanes, False)
            else:
                last = end if first_column <= j < end_column else 0
                count = g.channels - c
                transform_columns(x, index, line, first, last, count, work, j * lanes, SIZE * lanes, SIZE, lanes, False)
        for i in range(SIZE):
            target = i * SIZE * pitch + place + c // width * panel_pitch + c % width
            transform_columns(work, i * SIZE * lanes, lanes, 0, SIZE, lanes, v, target, pitch, SIZE, lanes, False)


@kernel
def transform_inputs(tile, x, g, v, pitch):
    """V of all tiles, flat (frequency, tile, channels rounded up to whole vectors)."""
    work = np.empty(FREQUENCIES * LANES, x.dtype)
    row = -(-g.channels // LANES) * LANES
    transform_input(x, tile, g, v, tile * row, pitch, row, 0, work)


def make_filter_helper(taps: int):
    """The transformation of weights of ``taps`` x ``taps``."""
    transform_taps = make_product(filter_matrix(taps))

    @helper
    def transform_filters(numbers, strides, turned, panel, width, first, depth, u, pitch, work):
        """u[f pitch + c width + k] = (G g Gᵀ)[f] for one panel of outputs k and inputs c = first ... first + depth - 1.

        ``strides``: steps along (output, input, row, column), then the numbers of outputs and inputs; outputs or inputs
        lie side by side. ``work`` holds (taps + SIZE) taps vectors for each lane. What is past the last output is made
        of other weights; nobody reads the products with it.
        """
        lanes = lanes_of(numbers)
        outputs = strides[4]
        rows = np.empty(LANES, np.int64)
        half = taps * taps * lanes * lanes
        step = taps * lanes * lanes
        for column in range(0, width, lanes):
            k = panel * width + column
            filled = min(lanes, outputs - k)
            for c in range(first, first + depth, lanes):
                deep = min(lanes, first + depth - c)
                for tap in range(taps * taps):  # weights as work[tap, input, output]
                    i, j = divmod(taps * taps - 1 - tap if turned else tap, taps)
                    origin = k * strides[0] + c * strides[1] + i * strides[2] + j * strides[3]
                    place = tap * lanes * lanes
                    # Rows of a square tile lie along inputs if outputs are side by side in memory, else along outputs.
                    along, present, across = (1, deep, filled) if strides[0] == 1 else (0, filled, deep)
                    for m in range(LANES):
                        rows[m] = origin + max(0, min(m, present - 1)) * strides[along]
                    if filled <= 0:
                        rows[:] = 0
                    square = tile_fetch(1, tile_rows(LANES, numbers, rows, 0), 0, across)
                    if strides[0] != 1:
                        square = tile_transpose(square)
                    tile_save(square, work, place)
                for m in range(deep):
                    for j in range(taps):
                        source = (j * lanes + m) * lanes
                        transform_taps(
                            work, source, step, 0, taps, lanes,
                            work, half + j * lanes, taps * lanes, SIZE, lanes, False,
                        )  # fmt: skip
                    for i in range(SIZE):
                        target = i * SIZE * pitch + (c - first + m) * width + column
                        transform_taps(
                            work, half + i * taps * lanes, lanes, 0, taps, lanes, u, target, pitch, SIZE, lanes, False
                        )

    return transform_filters


def make_filter_kernel(taps: int):
    """The kernel that makes all of U."""
    transform_filters = make_filter_helper(taps)

    @kernel
    def transform_all(job, numbers, strides, turned, width, u):
        """One vector's worth of inputs of one panel."""
        lanes = lanes_of(numbers)
        inputs = strides[5]
        panel, block = divmod(job, -(-inputs // lanes))
        first = block * lanes
        work = np.empty((taps + SIZE) * taps * lanes * lanes, numbers.dtype)
        start = panel * FREQUENCIES * inputs * width + first * width
        depth = min(lanes, inputs - first)
        transform_filters(numbers, strides, turned, panel, width, first, depth, u[start:], inputs * width, work)

    return transform_all


FILTER_KERNELS = {taps: make_filter_kernel(taps) for taps in (3, 5)}


def filters_to_frequencies(numbers: FloatArray, weight: Weight, taps: int, turned: bool) -> FloatArray:
    """U, flat (panel, frequency, input, output of the panel); ``turned`` by 180 degrees for the input gradient."""
    _, outputs, inputs = weight.shape
    width = panel_width(outputs)
    panels = -(-outputs // width)
    u = aligned((panels * FREQUENCIES * inputs * width,), numbers.dtype)
    strides = (*weight.strides[1:], outputs, inputs)
    launch(FILTER_KERNELS[taps], panels * -(-inputs // LANES), numbers, strides, turned, width, u)
    return u
