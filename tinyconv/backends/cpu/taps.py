"""Convolution as a list of taps: the geometry that forward convolution and its input gradient share.

Both are, for every output position i of a *phase* (one forward, one for each remainder modulo the stride backward),

    out[origin + out_stride i]  =  sum over taps t of  in[i in_stride + offset(t)] W[t]        (in = 0 outside)

Forward, tap r reads  i stride + r dilation - padding.
Backward, dx[h] sums dy[o] W[r] over the pairs with  h = o stride + r dilation - padding.  All h = phase + stride i of
one remainder share their taps, those r for which  phase + padding - r dilation  is divisible by the stride, and read dy
at  i + (phase + padding - r dilation) / stride.  No two phases write to the same place.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from tinyconv.core.arrays import Array, Pair


class AxisPhase(NamedTuple):
    """One phase along one axis: ``outputs`` from ``origin`` on, and (kernel index, input offset) of each tap."""

    origin: int
    outputs: int
    taps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Taps:
    """The tap list of a two-dimensional convolution, in the form of arrays that a kernel takes."""

    kernel_rows: Array
    """Vertical kernel index of every tap, all phases after each other: the order in which weights are packed."""
    kernel_columns: Array
    phases: Array
    """For each phase: first run, end of runs, first tap; vertical and horizontal origin; rows and columns of outputs;
    first and last vertical, first and last horizontal input offset. FIRST_RUN ... RIGHT name these columns."""
    runs: Array
    """Taps of one kernel row that lie side by side in the input: (vertical offset, horizontal offset, taps)."""
    in_stride: Pair
    out_stride: Pair


FIRST_RUN, END_RUN, FIRST_TAP, ORIGIN_Y, ORIGIN_X, ROWS, COLUMNS, TOP, BOTTOM, LEFT, RIGHT = range(11)
PHASE_FIELDS = 11
"""The columns of ``Taps.phases``."""


def forward_axis(kernel: int, padding: int, dilation: int, outputs: int) -> list[AxisPhase]:
    """The only phase of a forward convolution along one axis."""
    return [AxisPhase(0, outputs, tuple((r, r * dilation - padding) for r in range(kernel)))]


def gradient_axis(kernel: int, stride: int, padding: int, dilation: int, inputs: int) -> list[AxisPhase]:
    """The phases of the input gradient along one axis. Taps are in ascending order of their offset."""
    return [
        AxisPhase(
            phase,
            -(-(inputs - phase) // stride),
            tuple(
                (r, (phase + padding - r * dilation) // stride)
                for r in reversed(range(kernel))
                if (phase + padding - r * dilation) % stride == 0
            ),
        )
        for phase in range(min(stride, inputs))
    ]


def _runs_of(columns: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """(first offset, length) of each maximal sequence of neighbouring offsets."""
    runs: list[tuple[int, int]] = []
    for _, offset in columns:
        if runs and offset == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((offset, 1))
    return runs


def combine(vertical: list[AxisPhase], horizontal: list[AxisPhase], in_stride: Pair, out_stride: Pair) -> Taps:
    """The product of two axes."""
    phases: list[tuple[int, ...]] = []
    runs: list[tuple[int, int, int]] = []
    taps: list[tuple[int, int]] = []
    for rows, columns in product(vertical, horizontal):
        first_run, first_tap = len(runs), len(taps)
        runs += [(y, x, length) for _, y in rows.taps for x, length in _runs_of(columns.taps)]
        taps += [(r, s) for r, _ in rows.taps for s, _ in columns.taps]
        reach = (0, 0, 0, 0)
        if rows.taps and columns.taps:
            reach = (rows.taps[0][1], rows.taps[-1][1], columns.taps[0][1], columns.taps[-1][1])
        size = (rows.outputs, columns.outputs)
        phases.append((first_run, len(runs), first_tap, rows.origin, columns.origin, *size, *reach))
    table = np.array(taps, np.int64).reshape(-1, 2)
    return Taps(
        kernel_rows=np.ascontiguousarray(table[:, 0]),
        kernel_columns=np.ascontiguousarray(table[:, 1]),
        phases=np.array(phases, np.int64).reshape(-1, PHASE_FIELDS),
        runs=np.array(runs, np.int64).reshape(-1, 3),
        in_stride=in_stride,
        out_stride=out_stride,
    )


@functools.lru_cache(maxsize=256)
def forward_taps(kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, output_size: Pair) -> Taps:
    """The taps of y = conv(x, W)."""
    vertical, horizontal = (
        forward_axis(*axis) for axis in zip(kernel_size, padding, dilation, output_size, strict=True)
    )
    return combine(vertical, horizontal, in_stride=stride, out_stride=(1, 1))


@functools.lru_cache(maxsize=256)
def gradient_taps(kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, input_size: Pair) -> Taps:
    """The taps of dx, with dy as the input."""
    vertical, horizontal = (
        gradient_axis(*axis) for axis in zip(kernel_size, stride, padding, dilation, input_size, strict=True)
    )
    return combine(vertical, horizontal, in_stride=(1, 1), out_stride=stride)
