"""Depthwise convolution: each channel with its own kernel. Nothing is summed over channels, so SIMD runs over them.

With m output channels to each input channel, output k reads input k // m. The kernels below know only m = 1; for more,
the input is repeated m times, and the input gradient summed over the m copies.

    out[n, origin + out_stride i, c]  =  bias[c] + sum over taps t of  in[n, i in_stride + offset(t), c] W[t, c]

The rows of a register tile are neighbouring outputs, which share the weight of each tap; the few whose window hangs
over the edge are computed one by one. ``depthwise_gradient.py`` has the weight gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.backends.cpu.register_tile import tile_repeat, tile_rows, tile_store
from tinyconv.backends.cpu.simd import lanes_of
from tinyconv.backends.cpu.taps import (
    COLUMNS,
    END_RUN,
    FIRST_RUN,
    FIRST_TAP,
    LEFT,
    ORIGIN_X,
    ORIGIN_Y,
    RIGHT,
    ROWS,
    Taps,
)
from tinyconv.backends.cpu.tile_products import tile_add_products, tile_add_windows, tile_scatter
from tinyconv.core import pool
from tinyconv.core.arrays import FloatArray

OUTPUTS = 8
"""Outputs of a tile: as many sums as the arithmetic units need to be kept busy."""

WINDOW = 3
"""Taps side by side for which outputs share what they see."""

JOBS = 4
"""Jobs for each thread: rows differ in work."""


class Maps(NamedTuple):
    """The numbers that the kernels need beside their arrays."""

    images: int
    height: int
    width: int
    out_height: int
    out_width: int
    channels: int
    pitch: int
    """numbers from one tap's weights to the next"""
    stride_y: int
    stride_x: int
    out_stride_y: int
    out_stride_x: int
    most_rows: int
    """rows of outputs of the phase that has most"""


@helper
def runs_are_windows(phase, runs):
    """Whether every run of a phase is WINDOW taps long."""
    others = 0
    for run in range(phase[FIRST_RUN], phase[END_RUN]):
        others += runs[run, 2] != WINDOW
    return others == 0


@helper
def taps_of_row(row, phase, runs, indices, places, columns, g):
    """The taps that see the image from a row of outputs: where they read, their weights, and their columns."""
    tap, count = phase[FIRST_TAP], 0
    for run in range(phase[FIRST_RUN], phase[END_RUN]):
        y = row * g.stride_y + runs[run, 0]
        if 0 <= y < g.height:
            for step in range(runs[run, 2]):
                columns[count] = runs[run, 1] + step
                indices[count] = (y * g.width + runs[run, 1] + step) * g.channels
                places[count] = (tap + step) * g.pitch
                count += 1
        tap += runs[run, 2]
    return count


@helper
def correlate_one(
    column, taps, source, first, indices, places, offsets, weight, bias, out, target, sources, targets, g
):
    """A single output, whose window may hang over the edge."""
    lanes = lanes_of(source)
    seen = column * g.stride_x
    sources[0] = first + seen * g.channels
    pixel = tile_rows(1, source, sources, 0)
    for c in range(0, g.channels, lanes):
        targets[0] = target + c
        tile = tile_repeat(1, 1, bias, c)
        for tap in range(taps):
            if 0 <= seen + offsets[tap] < g.width:
                tile = tile_add_products(tile, pixel, indices[tap] + c, weight, places[tap] + c, g.channels - c)
        tile_store(tile, tile_rows(1, out, targets, 0), g.channels - c)


@helper
def correlate_inner(
    begin, end, taps, source, first, indices, places, weight, bias, out, line, step, sources, targets, g
):
    """The outputs [begin, end) of a row, at least OUTPUTS, whose windows lie within the image's columns.

    Outputs are ``step`` apart in ``out``. The last tile reaches back over outputs that are done.
    """
    lanes = lanes_of(source)
    for block in range(begin, end, OUTPUTS):
        column = min(block, end - OUTPUTS)
        for p in range(OUTPUTS):
            sources[p] = first + (column + p) * g.stride_x * g.channels
        pixels = tile_rows(OUTPUTS, source, sources, 0)
        for c in range(0, g.channels, lanes):
            tile = tile_repeat(OUTPUTS, 1, bias, c)
            for tap in range(taps):
                tile = tile_add_products(tile, pixels, indices[tap] + c, weight, places[tap] + c, g.channels - c)
            for p in range(OUTPUTS):
                targets[p] = line + (column + p) * step + c
            tile_store(tile, tile_rows(OUTPUTS, out, targets, 0), g.channels - c)


def make_correlate_windows(stride: int):
    """``correlate_inner`` for kernels WINDOW taps wide, side by side: neighbouring outputs share what they see."""

    @helper
    def correlate_windows(begin, end, taps, source, first, indices, places, weight, bias, out, line, step, g):
        lanes = lanes_of(source)
        for block in range(begin, end, OUTPUTS):
            column = min(block, end - OUTPUTS)
            pixel, target = first + column * stride * g.channels, line + column * step
            for c in range(0, g.channels, lanes):
                tile = tile_repeat(OUTPUTS, 1, bias, c)
                for tap in range(0, taps, WINDOW):
                    index, place = pixel + indices[tap] + c, places[tap] + c
                    tile = tile_add_windows(WINDOW, stride, tile, source, index, g.channels, weight, place, g.pitch)
                tile_scatter(tile, out, target + c, step)

    return correlate_windows


correlate_windows, correlate_strided_windows = make_correlate_windows(1), make_correlate_windows(2)


@helper
def correlate_channels_row(
    image, row, phase, source, weight, bias, out, runs, indices, places, offsets, sources, targets, g
):
    """One row of outputs of one phase. The arrays after ``runs`` are working memory: to make them takes longer."""
    taps = taps_of_row(row, phase, runs, indices, places, offsets, g)
    first = image * g.height * g.width * g.channels
    line = (image * g.out_height + phase[ORIGIN_Y] + row * g.out_stride_y) * g.out_width + phase[ORIGIN_X]
    line, step = line * g.channels, g.out_stride_x * g.channels
    # The outputs whose windows lie within the image: from -left / stride, rounded up.
    begin = max(0, -(phase[LEFT] // g.stride_x))
    end = min(phase[COLUMNS], (g.width - 1 - phase[RIGHT]) // g.stride_x + 1)
    if end - begin < OUTPUTS:
        begin = end = phase[COLUMNS]
    elif g.channels < g.pitch or g.stride_x > 2 or not runs_are_windows(phase, runs):
        correlate_inner(
            begin, end, taps, source, first, indices, places, weight, bias, out, line, step, sources, targets, g
        )  # fmt: skip
    elif g.stride_x == 1:
        correlate_windows(begin, end, taps, source, first, indices, places, weight, bias, out, line, step, g)
    else:
        correlate_strided_windows(begin, end, taps, source, first, indices, places, weight, bias, out, line, step, g)
    for column in range(begin):
        target = line + column * step
        correlate_one(
            column, taps, source, first, indices, places, offsets, weight, bias, out, target, sources, targets, g
        )  # fmt: skip
    for column in range(end, phase[COLUMNS]):
        target = line + column * step
        correlate_one(
            column, taps, source, first, indices, places, offsets, weight, bias, out, target, sources, targets, g
        )  # fmt: skip


@helper
def correlate_channel_rows(first, end, source, weight, bias, out, phases, runs, g):
    """A share of the rows of all images; the phase runs fastest, because phases differ in work."""
    most = weight.size // g.pitch
    indices, places, offsets = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    sources, targets = np.empty(OUTPUTS, np.int64), np.empty(OUTPUTS, np.int64)
    for number in range(first, end):
        rest, p = divmod(number, phases.shape[0])
        image, row = divmod(rest, g.most_rows)
        if row < phases[p, ROWS]:
            correlate_channels_row(
                image, row, phases[p], source, weight, bias, out, runs, indices, places, offsets, sources, targets, g
            )


@kernel
def correlate_channels(job, jobs, source, weight, bias, out, phases, runs, g):
    """A share of ``out`` (N, height, width, C) from ``source`` (N, height, width, C), flat. ``weight``: (taps, C)."""
    total = g.images * g.most_rows * phases.shape[0]
    correlate_channel_rows(total * job // jobs, total * (job + 1) // jobs, source, weight, bias, out, phases, runs, g)


def maps_of(source: FloatArray, out: FloatArray, taps: Taps) -> Maps:
    """The maps of a convolution from ``source`` to ``out``, (N, H, W, C) of as many channels."""
    lanes = host().lanes(source.dtype)
    return Maps(
        images=source.shape[0],
        height=source.shape[1],
        width=source.shape[2],
        out_height=out.shape[1],
        out_width=out.shape[2],
        channels=source.shape[3],
        pitch=-(-source.shape[3] // lanes) * lanes,
        stride_y=taps.in_stride[0],
        stride_x=taps.in_stride[1],
        out_stride_y=taps.out_stride[0],
        out_stride_x=taps.out_stride[1],
        most_rows=int(taps.phases[:, ROWS].max()),
    )


def repeated(images: FloatArray, multiplier: int) -> FloatArray:
    """``images`` (N, H, W, C), with each channel so many times."""
    return images if multiplier == 1 else np.repeat(images, multiplier, axis=3)


def run_forward(source: FloatArray, weight: FloatArray, bias: FloatArray | None, out: FloatArray, taps: Taps) -> None:
    """Fill ``out`` (N, OH, OW, K) from ``source`` (N, H, W, C) and the weight (K, 1, R, S)."""
    outputs = weight.shape[0]
    images = repeated(source, outputs // source.shape[3])
    g = maps_of(images, out, taps)
    # Whole vectors, so that the last one can be read like the others.
    rows = np.zeros((taps.kernel_rows.size, g.pitch), source.dtype)
    rows[:, :outputs] = weight[:, 0, taps.kernel_rows, taps.kernel_columns].T
    start = np.zeros(g.pitch, source.dtype)
    if bias is not None:
        start[:outputs] = bias
    jobs = min(JOBS * get_num_threads(), g.images * g.most_rows * len(taps.phases))
    flat_out = out.reshape(-1)
    launch(
        correlate_channels, jobs, images.reshape(-1), rows.reshape(-1), start, flat_out, taps.phases, taps.runs, g
    )  # fmt: skip


def run_input_gradient(
    dy: FloatArray, weight: FloatArray, bias: FloatArray | None, out: FloatArray, taps: Taps
) -> None:
    """Fill ``out`` (N, H, W, C) from dy (N, OH, OW, K), the weight (K, 1, R, S) and a bias (C,)."""
    outputs, channels = weight.shape[0], out.shape[3]
    multiplier = outputs // channels
    each = out if multiplier == 1 else pool.empty((*out.shape[:3], outputs), out.dtype)
    run_forward(dy, weight, bias if multiplier == 1 else None, each, taps)
    if multiplier > 1:
        each.reshape(*out.shape, multiplier).sum(axis=4, out=out)
        if bias is not None:
            out += bias
