"""What a block at the edge of an image needs to take its sum tap by tap: the pixels that see the image through a tap.

Each tap is added to those pixels alone, so nothing is copied with the zeros outside, and nothing multiplied by them.
"""

from __future__ import annotations

from tinyconv.backends.cpu.blocks import MOST_TILE_ROWS, sight
from tinyconv.backends.cpu.compilation import helper
from tinyconv.backends.cpu.register_tile import small_code

MOST_EDGE = 8
"""One part of so many of a window may lie outside the image before it is taken tap by tap."""


@helper
def begin_with_bias(out, targets, pixels, columns, bias, b):
    """out[targets[p] + k] = bias[b + k]"""
    small_code()
    for p in range(pixels):
        for k in range(columns):
            out[targets[p] + k] = bias[b + k]


@helper
def rectify_pixels(out, targets, pixels, columns):
    """out[targets[p] + k] = max(out[targets[p] + k], 0); NaN passes."""
    zero = out.dtype.type(0)
    for p in range(pixels):
        for k in range(columns):
            value = out[targets[p] + k]
            out[targets[p] + k] = zero if value <= zero else value


@helper
def see_through_tap(y, x, block, targets, sources, seeing, g):
    """List the pixels of a block that see the image through the tap at (y, x); returns their number."""
    small_code()
    group, image, images, rows, columns = block
    top, bottom = sight(y, g.stride_y, g.height, rows)
    left, right = sight(x, g.stride_x, g.width, columns)
    pixels = 0
    for n in range(images):
        for i in range(top, bottom):
            line = ((image + n) * g.height + y + i * g.stride_y) * g.width + x
            for j in range(left, right):
                sources[pixels] = (line + j * g.stride_x) * g.channels + group * g.inputs
                seeing[pixels] = targets[(n * rows + i) * columns + j]
                pixels += 1
    if pixels > 0:
        for extra in range(pixels, min(pixels + MOST_TILE_ROWS, sources.size)):
            sources[extra], seeing[extra] = sources[pixels - 1], seeing[pixels - 1]
    return pixels


@helper
def is_mostly_edge(row, column, rows, columns, g):
    """Whether so much of a window lies outside the image that to multiply by its zeros costs more than to avoid it."""
    inside_rows = min(row + rows, g.height) - max(row, 0)
    inside_columns = min(column + columns, g.width) - max(column, 0)
    return inside_rows * inside_columns * MOST_EDGE < (MOST_EDGE - 1) * rows * columns
