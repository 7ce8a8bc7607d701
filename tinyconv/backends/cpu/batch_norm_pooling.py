"""Batch normalisation, rectifier and max pooling in one: the normalised map in full size is never written.

y = max(., 0) and y = scale x + shift do not change which pixel of a window is the largest, except that a negative scale
turns the order around. So the pass over x that sums up its statistics also finds the *winner* of each window, and what
is left to normalise is of the pooled size. Backward sums up over winners alone; its only pass over maps of full size
writes dx. Windows must not overlap: each pixel gets at most one cotangent.
"""

from __future__ import annotations

import functools

import numpy as np

from tinyconv.backends.cpu.batch_norm import (
    MOST_PIECES,
    PIECE_NUMBERS,
    affine_factors,
    merge_moments,
    moments_of_piece,
    vectors,
    width_of,
)
from tinyconv.backends.cpu.batch_norm_gradient import merge_products, products_of_piece, rounded
from tinyconv.backends.cpu.compilation import helper, kernel_of_loops
from tinyconv.backends.cpu.jobs import run_jobs
from tinyconv.backends.cpu.parallel import launch
from tinyconv.core import layout
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.windows import Windows

CLOSED = 255
"""The switch of a window whose maximum the rectifier made 0."""


@helper
def win(winner, switch, seen, sign, tap):
    """The first of equal ones counts, as in max pooling: of all, where the weight is 0."""
    for c in range(winner.shape[0]):
        value = seen[c]
        takes = (value * sign[c] > winner[c] * sign[c]) | (value != value)
        winner[c] = value if takes else winner[c]
        switch[c] = np.uint8(tap) if takes else switch[c]


@helper
def win_of_four(winner, switch, above, below, j, sign):
    """The commonest window, two pixels by two, in one go."""
    first, second, third, fourth = above[j], above[j + 1], below[j], below[j + 1]
    for c in range(winner.shape[0]):
        factor = sign[c]
        best, number = first[c], np.uint8(0)
        value = second[c]
        takes = (value * factor > best * factor) | (value != value)
        best, number = value if takes else best, np.uint8(1) if takes else number
        value = third[c]
        takes = (value * factor > best * factor) | (value != value)
        best, number = value if takes else best, np.uint8(2) if takes else number
        value = fourth[c]
        takes = (value * factor > best * factor) | (value != value)
        winner[c], switch[c] = value if takes else best, np.uint8(3) if takes else number


@helper
def winners_of_row(x, sign, winners, switches, down, across):
    """One row of windows; x is its image, (H, W, C)."""
    for j in range(winners.shape[0]):
        winner, switch = winners[j], switches[j]
        if across.shape[1] == 2 and down.shape[0] == 2 and across[j, 1] > across[j, 0]:
            win_of_four(winner, switch, x[down[0]], x[down[1]], across[j, 0], sign)
            continue
        seen = x[down[0], across[j, 0]]
        for c in range(winner.shape[0]):
            winner[c] = seen[c]
            switch[c] = 0
        for r in range(down.shape[0]):
            for s in range(across.shape[1]):
                if r + s > 0:
                    win(winner, switch, x[down[r], across[j, s]], sign, r * across.shape[1] + s)


@helper
def normalise_winners(winners, factors, switches, y):
    """y = max((x - centre) scale + shift, 0) of the winners; where that is 0 the switch is closed. NaN passes."""
    zero, width = factors.dtype.type(0), factors.shape[1]
    for start in range(0, y.shape[0], width):
        stop = min(start + width, y.shape[0])
        source, switch, target = winners[start:stop], switches[start:stop], y[start:stop]
        for c in range(target.shape[0]):
            value = (source[c] - factors[0, c]) * factors[1, c] + factors[2, c]
            closes = value <= zero
            target[c] = zero if closes else value
            switch[c] = np.uint8(CLOSED) if closes else switch[c]


@helper
def sum_up_and_win(piece, x, sign, down, across, bounds, few, sums, winners, switches):
    """The moments of one piece of x, which is whole rows of windows, and the winners of these."""
    pieces, channels = few.shape[0], sign.shape[0]
    rows = x.shape[0] * down.shape[0]
    first, end = rows * piece // pieces, rows * (piece + 1) // pieces
    own = x.reshape(x.size)[bounds[piece] : bounds[piece + 1]]
    moments_of_piece(own, channels, few[piece], sums[0, piece], sums[1, piece], sums[2, piece])
    for row in range(first, end):
        image, i = divmod(row, down.shape[0])
        winners_of_row(x[image], sign, winners[image, i], switches[image, i], down[i], across)


@helper
def normalise_piece(piece, pieces, rows, winners, factors, switches, y):
    """``normalise_winners`` of a piece's rows of windows; arrays are flat."""
    first = rows * piece // pieces * (y.size // rows)
    end = rows * (piece + 1) // pieces * (y.size // rows)
    normalise_winners(winners[first:end], factors, switches[first:end], y[first:end])


@kernel_of_loops
def normalise_and_pool(
    x, weight, bias, eps, sign, down, across, bounds, few, sums, mean, variance, factors, winners, switches, y
):
    """Fill ``mean``, ``variance``, ``winners``, ``switches`` and ``y``; x is (N, H, W, C)."""
    pieces, rows = few.shape[0], x.shape[0] * down.shape[0]
    run_jobs(sum_up_and_win, pieces, (x, sign, down, across, bounds, few, sums, winners, switches))
    merge_moments(bounds, sums[2], sums[0], sums[1], mean, variance)
    affine_factors(mean, variance, weight, bias, eps, factors)
    flat_winners, flat_switches, flat_y = winners.reshape(y.size), switches.reshape(y.size), y.reshape(y.size)
    run_jobs(normalise_piece, pieces, (pieces, rows, flat_winners, factors, flat_switches, flat_y))


@helper
def straight_piece(x, first, end, gate, factors, dx):
    """dx = b (x - centre) + c."""
    centre, x_factor, constant = gate[0], factors[1], factors[2]
    for place in range(first, end, centre.shape[0]):
        source = x[place : min(place + centre.shape[0], end)]
        target = dx[place : place + source.shape[0]]
        for c in range(source.shape[0]):
            target[c] = x_factor[c] * (source[c] - centre[c]) + constant[c]


@helper
def add_to_winner(dx, dy, switch, tap, dy_factor):
    tap_number, zero = np.uint8(tap), dx.dtype.type(0)
    for c in range(dx.shape[0]):
        dx[c] += dy_factor[c] * dy[c] if switch[c] == tap_number else zero


@helper
def add_to_winners_of_row(dx, dy, switches, down, across, dy_factor):
    """dx += a dy where the switch names the pixel; dx is an image, (H, W, C). A last tap may be named again."""
    for j in range(dy.shape[0]):
        for r in range(down.shape[0]):
            for s in range(across.shape[1]):
                target = dx[down[r], across[j, s]]
                add_to_winner(target, dy[j], switches[j], r * across.shape[1] + s, dy_factor)


@helper
def multiply_winners(piece, pieces, rows, dy, winners, gate, few, sums, channels):
    """The sums over a piece's winners; arrays are flat."""
    first = rows * piece // pieces * (dy.size // rows)
    end = rows * (piece + 1) // pieces * (dy.size // rows)
    products_of_piece(dy[first:end], winners[first:end], channels, gate, few[piece], sums[0, piece], sums[1, piece])


@helper
def spread_piece(piece, pieces, dy, x, switches, down, across, bounds, gate, factors, dx):
    """dx of a piece: what every pixel gets, and what the winners get besides."""
    rows = x.shape[0] * down.shape[0]
    straight_piece(x.reshape(x.size), bounds[piece], bounds[piece + 1], gate, factors, dx.reshape(x.size))
    for row in range(rows * piece // pieces, rows * (piece + 1) // pieces):
        image, i = divmod(row, down.shape[0])
        add_to_winners_of_row(dx[image], dy[image, i], switches[image, i], down[i], across, factors[0])


@kernel_of_loops
def pooled_gradient(
    dy,
    x,
    winners,
    switches,
    weight,
    bias,
    eps,
    mean,
    variance,
    down,
    across,
    bounds,
    few,
    sums,
    gate,
    factors,
    dx,
    dweight,
    dbias,
):
    """Fill ``dx``, ``dweight`` and ``dbias``; x and dx are (N, H, W, C), dy, winners and switches (N, H', W', C)."""
    pieces, rows, channels = few.shape[0], x.shape[0] * down.shape[0], mean.shape[0]
    affine_factors(mean, variance, weight, bias, eps, gate)
    flat_dy, flat_winners = dy.reshape(dy.size), winners.reshape(dy.size)
    run_jobs(multiply_winners, pieces, (pieces, rows, flat_dy, flat_winners, gate, few, sums, channels))
    pixels = x.size // channels
    merge_products(pixels, False, sums[0], sums[1], mean, variance, weight, eps, gate, factors, dweight, dbias)
    run_jobs(spread_piece, pieces, (pieces, dy, x, switches, down, across, bounds, gate, factors, dx))


@functools.lru_cache(maxsize=256)
def bounds_by_window_rows(images: int, channels: int, windows: Windows) -> Array:
    """Where the pieces of x begin and end, int64 (pieces + 1,): each is whole rows of windows.

    Rows of pixels that no window sees belong to the row of windows before.
    """
    height, width = windows.size
    rows, size = images * len(windows.down), images * height * width * channels
    pieces = max(1, min(MOST_PIECES, rows, size // PIECE_NUMBERS))
    image, i = np.divmod(rows * np.arange(pieces + 1) // pieces, len(windows.down))
    starts = windows.down[:, 0].copy()
    starts[0] = 0
    result: Array = (image * height + starts[i]) * (width * channels)
    return result


def batch_norm_max_pool2d(
    x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float, windows: Windows
) -> tuple[FloatArray, Array, FloatArray, Array, Array]:
    """y = the maxima of max((x - mean) / sqrt(variance + eps) weight + bias, 0) over windows that do not overlap.

    And what its gradient takes: the switches, the x of each winner, mean and variance, float64 (C,).
    x (N, C, H, W), weight and bias (C,), y, switches and winners (N, C, H', W'). At most 255 pixels in a window.
    """
    channels = x.shape[1]
    shape = (len(x), channels, len(windows.down), len(windows.across))
    y, winners, switches = layout.empty(shape, x.dtype), layout.empty(shape, x.dtype), layout.empty(shape, np.uint8)
    mean, variance = np.empty((2, channels))
    weight, bias = vectors(x, weight, bias)
    bounds, width = bounds_by_window_rows(len(x), channels, windows), width_of(channels)
    few, sums = np.empty((len(bounds) - 1, 3, width), x.dtype), np.empty((3, len(bounds) - 1, width))
    factors = np.empty((3, width), x.dtype)
    launch(
        normalise_and_pool, layout.nhwc(x), weight, bias, float(eps), np.sign(weight), windows.down, windows.across,
        bounds, few, sums, mean, variance, factors, layout.nhwc(winners), layout.nhwc(switches), layout.nhwc(y),
    )  # fmt: skip
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
    channels = x.shape[1]
    dx = layout.empty(x.shape, x.dtype)
    dweight, dbias = np.empty((2, channels))
    bounds, width = bounds_by_window_rows(len(x), channels, windows), width_of(channels)
    few, sums = np.empty((len(bounds) - 1, 2, width), x.dtype), np.empty((2, len(bounds) - 1, width))
    gate, factors = np.empty((2, 3, width), x.dtype)
    arrays = (layout.nhwc(array) for array in (dy, x, winners, switches))
    launch(
        pooled_gradient, *arrays, *vectors(x, weight, bias), float(eps), *statistics, windows.down, windows.across,
        bounds, few, sums, gate, factors, layout.nhwc(dx), dweight, dbias,
    )  # fmt: skip
    return dx, rounded(dweight, x.dtype), rounded(dbias, x.dtype)
