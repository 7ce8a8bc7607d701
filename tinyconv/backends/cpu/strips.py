"""Where grouped convolution does its work: strips of outputs, and the rows of the source that one of them holds.

A *strip* is as many columns of outputs as a register tile has rows, in a block of rows of outputs.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from tinyconv.backends.cpu.blocks import Shape4, equal_parts
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.taps import BOTTOM, COLUMNS, LEFT, RIGHT, ROWS, TOP, Taps
from tinyconv.core.arrays import Array

STRIPS = (14, 8)
"""Outputs of a tile. Most maps are 7, 14, 28 ... or 8, 16, 32 ... wide; fewer sums would leave the units waiting."""

BLOCK_ROWS = 32
"""Rows of outputs of a job: the first sees rows of the source that are spread for the block above it too."""


class Strips(NamedTuple):
    """The numbers that the kernels need beside their arrays."""

    images: int
    height: int
    width: int
    channels: int
    """of the source, of all groups together"""
    out_height: int
    out_width: int
    out_channels: int
    inputs: int
    """channels of one group of the source"""
    outputs: int
    """channels of one group of the output"""
    vectors: int
    """that hold all channels of the output"""
    stride_y: int
    stride_x: int
    out_stride_y: int
    out_stride_x: int
    columns: int
    """outputs beside each other of a strip"""
    strips: int
    rows: int
    """rows of outputs of a block"""
    blocks: int
    most_rows: int
    """rows of outputs of the phase that has most"""
    left: int
    """the first column that output 0 sees"""
    seen: int
    """columns that a strip sees"""
    depth: int
    """rows that a row of outputs sees"""
    parities: int
    """held columns whose numbers differ by a multiple of this lie beside each other"""
    row_pitch: int
    """numbers from one held row to the next"""
    input_pitch: int
    parity_pitch: int
    column_pitch: int


@functools.lru_cache(maxsize=1024)
def strips_of(source: Shape4, out: Shape4, dtype: Any, groups: int, taps: Taps) -> Strips:
    """The geometry for a source of shape (N, H, W, C) and an output of shape (N, H', W', K)."""
    lanes, phases = host().lanes(dtype), taps.phases
    inputs = source[3] // groups
    most_rows, most_columns = int(phases[:, ROWS].max()), int(phases[:, COLUMNS].max())
    # The wider tile where it wastes no more of its rows: it waits less.
    columns = min(STRIPS, key=lambda strip: -(-most_columns // strip) * (strip + 1))
    rows = equal_parts(most_rows, BLOCK_ROWS)
    left, right = int(phases[:, LEFT].min()), int(phases[:, RIGHT].max())
    seen = (columns - 1) * taps.in_stride[1] + right - left + 1
    parity_pitch = -(-seen // taps.in_stride[1]) * lanes
    input_pitch = taps.in_stride[1] * parity_pitch
    return Strips(
        images=source[0],
        height=source[1],
        width=source[2],
        channels=source[3],
        out_height=out[1],
        out_width=out[2],
        out_channels=out[3],
        inputs=inputs,
        outputs=out[3] // groups,
        vectors=-(-out[3] // lanes),
        stride_y=taps.in_stride[0],
        stride_x=taps.in_stride[1],
        out_stride_y=taps.out_stride[0],
        out_stride_x=taps.out_stride[1],
        columns=columns,
        strips=-(-most_columns // columns),
        rows=rows,
        blocks=-(-most_rows // rows),
        most_rows=most_rows,
        left=left,
        seen=seen,
        depth=int(phases[:, BOTTOM].max() - phases[:, TOP].min()) + 1,
        parities=taps.in_stride[1],
        row_pitch=inputs * input_pitch,
        input_pitch=input_pitch,
        parity_pitch=parity_pitch,
        column_pitch=lanes,
    )


def places_across(taps: Taps, g: Strips) -> Array:
    """Where each tap lies in a held row, for the first output of a strip."""
    seen = np.array([first + step - g.left for _, first, length in taps.runs for step in range(length)], np.int64)
    return seen % g.parities * g.parity_pitch + seen // g.parities * g.column_pitch
