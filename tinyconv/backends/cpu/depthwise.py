"""Depthwise convolution: each channel with its own kernel. Nothing is summed over channels, so SIMD runs over them.

With m output channels to each input channel, output k reads input k // m. The kernels below know only m = 1; for more,
the input is repeated m times, and the input gradient summed over the m copies.

    out[n, origin + out_stride i, c]  =  bias[c] + sum over taps t of  in[n, i in_stride + offset(t), c] W[t, c]
    dW[t, c]  =  sum over images n, output pixels i of  x[n, i stride + offset(t), c] dy[n, i, c]
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.taps import COLUMNS, END_RUN, FIRST_RUN, FIRST_TAP, ORIGIN_X, ORIGIN_Y, ROWS, Taps
from tinyconv.core.arrays import FloatArray

MOST_PARTIALS = 64


@helper
def correlate_channels_row(job, source, weight, bias, out, phases, runs, in_stride, out_stride, most_rows):
    """One row of outputs of one phase."""
    _, height, width, channels = source.shape
    rest, p = divmod(job, phases.shape[0])
    image, row = divmod(rest, most_rows)
    if row >= phases[p, ROWS]:
        return
    y = phases[p, ORIGIN_Y] + row * out_stride[0]
    for column in range(phases[p, COLUMNS]):
        target = out[image, y, phases[p, ORIGIN_X] + column * out_stride[1]]
        for c in range(channels):
            target[c] = bias[c]
        tap = phases[p, FIRST_TAP]
        for run in range(phases[p, FIRST_RUN], phases[p, END_RUN]):
            source_y = row * in_stride[0] + runs[run, 0]
            for step in range(runs[run, 2]):
                source_x = column * in_stride[1] + runs[run, 1] + step
                if 0 <= source_y < height and 0 <= source_x < width:
                    for c in range(channels):
                        target[c] += source[image, source_y, source_x, c] * weight[tap, c]
                tap += 1


@kernel
def correlate_channels(source, weight, bias, out, phases, runs, in_stride, out_stride, most_rows):
    """Fill ``out`` (N, height, width, C) from ``source`` (N, height, width, C). ``weight``: (taps, C)."""
    for job in prange(source.shape[0] * most_rows * phases.shape[0]):
        correlate_channels_row(np.int64(job), source, weight, bias, out, phases, runs, in_stride, out_stride, most_rows)


@helper
def correlate_channel_rows(partial, partial_sums, x, dy, sums, runs, stride):
    """One partial sum: the rows of pixels of its share, in order."""
    _, height, width, channels = x.shape
    images, out_height, out_width, _ = dy.shape
    for tap in range(sums.shape[0]):
        for c in range(channels):
            sums[tap, c] = 0
    lines = images * out_height
    for line in range(lines * partial // partial_sums, lines * (partial + 1) // partial_sums):
        image, row = divmod(line, out_height)
        tap = 0
        for run in range(runs.shape[0]):
            y = row * stride[0] + runs[run, 0]
            for step in range(runs[run, 2]):
                if 0 <= y < height:
                    for column in range(out_width):
                        source_x = column * stride[1] + runs[run, 1] + step
                        if 0 <= source_x < width:
                            for c in range(channels):
                                sums[tap, c] += x[image, y, source_x, c] * dy[image, row, column, c]
                tap += 1


@kernel
def correlate_channel_pixels(x, dy, partials, runs, stride):
    """Fill ``partials`` (partial sums, taps, C)."""
    for index in prange(partials.shape[0]):
        partial = np.int64(index)
        correlate_channel_rows(partial, partials.shape[0], x, dy, partials[partial], runs, stride)


def _tap_major(weight: FloatArray, taps: Taps) -> FloatArray:
    """(K, 1, R, S) as (taps, K)."""
    return np.ascontiguousarray(weight[:, 0, taps.kernel_rows, taps.kernel_columns].T)


def _repeated(images: FloatArray, multiplier: int) -> FloatArray:
    return images if multiplier == 1 else np.repeat(images, multiplier, axis=3)


def run_forward(source: FloatArray, weight: FloatArray, bias: FloatArray | None, out: FloatArray, taps: Taps) -> None:
    """Fill ``out`` (N, OH, OW, K) from ``source`` (N, H, W, C) and the weight (K, 1, R, S)."""
    outputs = weight.shape[0]
    repeated = _repeated(source, outputs // source.shape[3])
    start = np.zeros(outputs, source.dtype) if bias is None else np.array(bias, source.dtype)
    launch(
        correlate_channels,
        repeated,
        _tap_major(weight, taps),
        start,
        out,
        taps.phases,
        taps.runs,
        taps.in_stride,
        taps.out_stride,
        int(taps.phases[:, ROWS].max()),
    )


def run_input_gradient(
    dy: FloatArray, weight: FloatArray, bias: FloatArray | None, out: FloatArray, taps: Taps
) -> None:
    """Fill ``out`` (N, H, W, C) from dy (N, OH, OW, K), the weight (K, 1, R, S) and a bias (C,)."""
    outputs, channels = weight.shape[0], out.shape[3]
    multiplier = outputs // channels
    each = out if multiplier == 1 else np.empty((*out.shape[:3], outputs), out.dtype)
    run_forward(dy, weight, bias if multiplier == 1 else None, each, taps)
    if multiplier > 1:
        each.reshape(*out.shape, multiplier).sum(axis=4, out=out)
        if bias is not None:
            out += bias


def run_weight_gradient(x: FloatArray, dy: FloatArray, out: FloatArray, taps: Taps) -> None:
    """Fill ``out``, a logical (K, 1, R, S), from x (N, H, W, C) and dy (N, OH, OW, K)."""
    outputs = dy.shape[3]
    repeated = _repeated(x, outputs // x.shape[3])
    partials = np.empty((min(MOST_PARTIALS, dy.shape[0] * dy.shape[1]), taps.kernel_rows.size, outputs), x.dtype)
    launch(correlate_channel_pixels, repeated, dy, partials, taps.runs, taps.in_stride)
    out[:, 0] = partials.sum(axis=0).T.reshape(outputs, *out.shape[2:])
