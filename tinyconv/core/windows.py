"""Where the windows of a pooling lie, in tables that sliding and adaptive windows share.

Tables are made once for each geometry. A training step asks for the same ones every time, and for small maps to make
them would take longer than to pool.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, Pair, Sizes
from tinyconv.core.geometry import adaptive_window, output_size, window_extent
from tinyconv.core.volumes import volumes_of


@dataclass(frozen=True, eq=False)
class Windows:
    """The pixels that each window of a maximum looks at, one axis after the other. Not to be written into.

    A window that sees fewer pixels than others names its last one again, which changes no maximum.
    """

    size: Pair
    """(H, W) of the maps."""

    down: Array
    """int64 (H', R): the rows that each row of windows sees."""

    across: Array
    """int64 (W', S): the columns that each column of windows sees."""

    covering: Array
    """int64 (H, 2): for each row of pixels the first row of windows that sees it, and the end of those."""

    @property
    def taps(self) -> int:
        """How many pixels a window names."""
        return self.down.shape[1] * self.across.shape[1]

    @functools.cached_property
    def overlap(self) -> bool:
        """Whether any pixel is seen by two windows."""
        return any(bool((axis[1:, 0] <= axis[:-1, -1]).any()) for axis in (self.down, self.across))

    def indices(self, switches: Array, xp: Any = np) -> Array:
        """The pixels, counted row by row, that ``switches`` name by their number r S + s in the window: int64."""
        rows, columns = xp.divmod(switches.astype(np.int64), self.across.shape[1])
        window_rows, window_columns = xp.arange(len(self.down))[:, None], xp.arange(len(self.across))
        down, across = xp.asarray(self.down), xp.asarray(self.across)
        found: Array = down[window_rows, rows] * self.size[1] + across[window_columns, columns]
        return found


@dataclass(frozen=True, eq=False)
class VolumeWindows:
    """The windows of a maximum over volumes: those in each plane, and then those over the planes' maxima.

    The first of the maxima over planes is the first of all, for planes come before rows, and rows before columns.
    """

    planes: Windows
    """In maps (H, W)."""

    depth: Windows
    """Of one column, in maps (D, H' W') whose rows are planes."""

    @property
    def size(self) -> tuple[int, int, int]:
        """(D, H, W) of the volumes."""
        return self.depth.size[0], *self.planes.size

    @property
    def positions(self) -> tuple[int, int, int]:
        """(D', H', W'): how many windows there are."""
        return len(self.depth.down), len(self.planes.down), len(self.planes.across)

    def indices(self, switches: tuple[Array, Array], xp: Any = np) -> Array:
        """The places, counted plane by plane and row by row, that the switches of both steps name: int64.

        ``switches``: (N D, C, H', W') of the planes and (N, C, D', H' W') over them.
        """
        within, over = switches
        samples, channels = over.shape[:2]
        columns = self.depth.size[1]
        in_plane = volumes_of(self.planes.indices(within, xp), samples, self.size[0])
        chosen = self.depth.indices(over, xp).reshape(samples, channels, -1)
        in_plane = in_plane.reshape(samples, channels, self.size[0] * columns)
        found = chosen // columns * math.prod(self.planes.size) + xp.take_along_axis(in_plane, chosen, axis=2)
        places: Array = found.reshape(samples, channels, *self.positions)
        return places


@dataclass(frozen=True, eq=False)
class Spans:
    """The neighbouring pixels that each window of an average sums up. Not to be written into."""

    size: Pair
    """(H, W) of the maps."""

    down: Array
    """int64 (H', 3): for each row of windows its first row of pixels, their end, and how many it counts with."""

    across: Array
    """int64 (W', 3): the same for columns."""

    covering: Array
    """int64 (H, 2): for each row of pixels the first row of windows that sees it, and the end of those."""

    most_pixels: int
    """How many the largest window sums up."""


@functools.lru_cache(maxsize=256)
def sliding_windows(
    size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> Windows:
    """Windows that slide, each of which must see a pixel. What they see of the padding is left out."""
    down, across = (
        _sliding_pixels(*axis, ceil_mode) for axis in zip(size, kernel_size, stride, padding, dilation, strict=True)
    )
    return Windows(size, down, across, _covering(down[:, 0], down[:, -1] + 1, size[0]))


@functools.lru_cache(maxsize=256)
def adaptive_windows(size: Pair, outputs: Pair) -> Windows:
    """Windows that together cover the map: equal shares, rounded outward."""
    spans = [_adaptive_spans(*axis) for axis in zip(size, outputs, strict=True)]
    down, across = (_repeating_the_last(span[:, 0], span[:, 2], 1) for span in spans)
    return Windows(size, down, across, _covering(down[:, 0], down[:, -1] + 1, size[0]))


def sliding_volume_windows(
    size: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> VolumeWindows:
    """``sliding_windows`` with three axes."""
    (depth, *plane), (deep, *window), (step, *steps) = size, kernel_size, stride
    (margin, *margins), (gap, *gaps) = padding, dilation
    in_planes = tuple(map(_pair, (plane, window, steps, margins, gaps)))
    planes = sliding_windows(*in_planes, ceil_mode)
    rows = depth, len(planes.down) * len(planes.across)
    return VolumeWindows(planes, sliding_windows(rows, (deep, 1), (step, 1), (margin, 0), (gap, 1), ceil_mode))


def adaptive_volume_windows(size: Sizes, outputs: Sizes) -> VolumeWindows:
    """``adaptive_windows`` with three axes."""
    planes = adaptive_windows(_pair(size[1:]), _pair(outputs[1:]))
    columns = len(planes.down) * len(planes.across)
    return VolumeWindows(planes, adaptive_windows((size[0], columns), (outputs[0], columns)))


def _pair(numbers: Sequence[int]) -> Pair:
    first, second = numbers
    return first, second


@functools.lru_cache(maxsize=256)
def sliding_spans(
    size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, ceil_mode: bool, count_include_pad: bool
) -> Spans:
    """Windows that slide. One that hangs over the end counts the padding it covers, but nothing beyond the padding."""
    down, across = (
        _sliding_spans(*axis, ceil_mode, count_include_pad)
        for axis in zip(size, kernel_size, stride, padding, strict=True)
    )
    return _spans(size, down, across)


@functools.lru_cache(maxsize=256)
def adaptive_spans(size: Pair, outputs: Pair) -> Spans:
    """Windows that together cover the map: equal shares, rounded outward."""
    down, across = (_adaptive_spans(*axis) for axis in zip(size, outputs, strict=True))
    return _spans(size, down, across)


def _spans(size: Pair, down: Array, across: Array) -> Spans:
    most_rows, most_columns = ((axis[:, 1] - axis[:, 0]).max(initial=1) for axis in (down, across))
    return Spans(size, down, across, _covering(down[:, 0], down[:, 1], size[0]), int(most_rows * most_columns))


def _sliding_pixels(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Array:
    starts = np.arange(output_size(size, kernel, stride, padding, dilation, ceil_mode)) * stride - padding
    first = starts + np.maximum(0, -(starts // dilation)) * dilation  # past the taps before the first pixel
    end = np.minimum(starts + window_extent(kernel, dilation), size)
    return _repeating_the_last(first, -((first - end) // dilation), dilation)


def _repeating_the_last(first: Array, counts: Array, step: int) -> Array:
    taps = np.arange(max(1, int(counts.max(initial=1))))
    pixels: Array = first[:, None] + np.minimum(taps, counts[:, None] - 1) * step
    return pixels.astype(np.int64)


def _sliding_spans(
    size: int, kernel: int, stride: int, padding: int, ceil_mode: bool, count_include_pad: bool
) -> Array:
    starts = np.arange(output_size(size, kernel, stride, padding, 1, ceil_mode)) * stride - padding
    ends = np.minimum(starts + kernel, size + padding)
    first, last = np.maximum(starts, 0), np.minimum(ends, size)
    counts = ends - starts if count_include_pad else np.maximum(1, last - first)
    return np.stack([first, last, counts], axis=1).astype(np.int64)


def _adaptive_spans(size: int, output: int) -> Array:
    spans = [adaptive_window(index, size, output) for index in range(output)]
    return np.array([(first, end, end - first) for first, end in spans], np.int64).reshape(-1, 3)


def _covering(first: Array, end: Array, size: int) -> Array:
    """For each pixel of an axis the first window that may reach over it, and the end of those.

    With a dilation the first pixels inside the map need not grow from window to window; their bounds are made to.
    """
    pixels = np.arange(size)
    lowest, highest = np.minimum.accumulate(first[::-1])[::-1], np.maximum.accumulate(end)
    return np.stack([np.searchsorted(highest, pixels, "right"), np.searchsorted(lowest, pixels, "right")], axis=1)
