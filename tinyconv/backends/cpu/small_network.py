"""A small network as one kernel: where to launch a kernel for each layer would take longer than the layers do.

A job takes some images through all layers, in memory of its own that stays in the core's cache. Layers are lines of a
table of steps, each of which is done for every image of the job:

    PAD       copy rows of a map into a larger one of zeros
    MULTIPLY  out[t(p) + k] = bias[k] + sum over runs of in[s(p) + ...] W[..., k]   a convolution, or a linear layer
    LARGEST   out[t(p) + c] = the largest of in[s(p, tap) + c]                      max pooling

with the places s and t of every pixel p listed beforehand. Sums are taken in the order of ``correlation.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyconv.backends.cpu.blocks import MOST_TILE_ROWS
from tinyconv.backends.cpu.compilation import helper, kernel
from tinyconv.backends.cpu.correlation import multiply_narrow, multiply_wide
from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.packing import Weight, aligned_buffer, convolution_weight, pack
from tinyconv.backends.cpu.parallel import get_num_threads, launch
from tinyconv.backends.cpu.register_tile import tile_rows, tile_store
from tinyconv.backends.cpu.simd import lanes_of, tile_at_least, tile_choose, tile_fetch
from tinyconv.backends.cpu.taps import forward_taps
from tinyconv.core.arrays import Array, FloatArray, Pair
from tinyconv.core.windows import Windows

KIND, SOURCE, SOURCE_PITCH, TARGET, TARGET_PITCH, PIXELS, PLACES = range(7)
TAPS, OUTPUTS, FIRST_RUN, END_RUN, WEIGHT, BIAS, RELU = range(7, 14)
COLUMNS = 14
"""The columns of the table of steps. SOURCE and TARGET are for one image, as are the pitches from image to image."""

PAD, MULTIPLY, LARGEST = range(3)

MOST_PRODUCTS = 2**21
"""Multiplications for one image: with more, several threads should share an image."""

MOST_NUMBERS = 2**15
"""Numbers of all maps of one image: those of a job stay in the second-level cache."""

MOST_IMAGES = MOST_TILE_ROWS
"""Of one job: the rows of a register tile, which read a linear layer's weight together."""


@helper
def pad_maps(step, images, group, places, work):
    start, size = step[TARGET] * group, step[TARGET_PITCH]
    for index in range(start, start + images * size):
        work[index] = 0
    for n in range(images):
        for p in range(step[PIXELS]):
            source = step[SOURCE] * group + n * step[SOURCE_PITCH] + places[step[PLACES] + 2 * p]
            target = start + n * size + places[step[PLACES] + 2 * p + 1]
            for c in range(step[OUTPUTS]):
                work[target + c] = work[source + c]


@helper
def largest_of_maps(step, images, group, places, pixels, work):
    lanes, channels, taps = lanes_of(work), step[OUTPUTS], step[TAPS]
    least = work.dtype.type(0 if step[RELU] else -np.inf)
    for n in range(images):
        start = step[SOURCE] * group + n * step[SOURCE_PITCH]
        target = step[TARGET] * group + n * step[TARGET_PITCH]
        for p in range(step[PIXELS]):
            for tap in range(taps):
                pixels[tap] = start + places[step[PLACES] + p * taps + tap]
            for c in range(0, channels, lanes):
                pixels[taps] = target + p * channels + c
                filled = min(lanes, channels - c)
                largest = tile_fetch(1, tile_rows(1, work, pixels, 0), c, filled)
                for tap in range(1, taps):
                    value = tile_fetch(1, tile_rows(1, work, pixels, tap), c, filled)
                    largest = tile_choose(value, largest, value, largest)
                tile_store(tile_at_least(largest, least), tile_rows(1, work, pixels, taps), filled)


@helper
def multiply_maps(step, images, group, places, sources, targets, weights, runs, work):
    pixels, outputs, least = step[PIXELS], step[OUTPUTS], work.dtype.type(0 if step[RELU] else -np.inf)
    i = 0
    for n in range(images):
        source = step[SOURCE] * group + n * step[SOURCE_PITCH]
        target = step[TARGET] * group + n * step[TARGET_PITCH]
        for p in range(pixels):
            sources[i] = source + places[step[PLACES] + p]
            targets[i] = target + p * outputs
            i += 1
    for extra in range(i, i + MOST_TILE_ROWS):
        sources[extra], targets[extra] = sources[i - 1], targets[i - 1]
    lanes = lanes_of(work)
    width = lanes if outputs <= lanes else WIDE_VECTORS * lanes
    numbers = runs[step[FIRST_RUN] : step[END_RUN]]
    for k in range(0, outputs, width):
        w, b, filled = step[WEIGHT] + k * step[TAPS], step[BIAS] + k, min(width, outputs - k)
        if outputs <= lanes:
            multiply_narrow(work, sources, i, numbers, weights, w, weights, b, True, least, work, targets, filled)
        else:
            multiply_wide(work, sources, i, numbers, weights, w, weights, b, True, least, work, targets, filled)
        for place in range(i + MOST_TILE_ROWS):
            targets[place] += width


@kernel
def run_small_network(job, x, y, weights, steps, places, runs, sizes):
    """Fill ``y`` from ``x``, both flat. ``sizes``: of the batch and of a job; of x, y, work and lists for one image."""
    batch, group, x_size, y_size, work_size, most_pixels = sizes
    first = job * group
    images = min(group, batch - first)
    work = aligned_buffer(group * work_size, x)
    sources = np.empty(group * most_pixels + MOST_TILE_ROWS, np.int64)
    targets = np.empty(group * most_pixels + MOST_TILE_ROWS, np.int64)
    for index in range(images * x_size):
        work[index] = x[first * x_size + index]
    for number in range(steps.shape[0]):
        step = steps[number]
        if step[KIND] == PAD:
            pad_maps(step, images, group, places, work)
        elif step[KIND] == LARGEST:
            largest_of_maps(step, images, group, places, sources, work)
        else:
            multiply_maps(step, images, group, places, sources, targets, weights, runs, work)
    last = steps[steps.shape[0] - 1, TARGET] * group
    for index in range(images * y_size):
        y[first * y_size + index] = work[last + index]


WIDE_VECTORS = host().wide.vectors


class SmallNetwork:
    """The table of steps as it grows, layer by layer; ``shape`` is that of one image's result so far, (H, W, C)."""

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = shape, dtype
        self.place, self.used, self.products, self.most_pixels = 0, math.prod(shape), 0, 1
        self.input_size = self.used
        self.steps: list[list[int]] = []
        self.places: list[Array] = []
        self.runs: list[tuple[int, int]] = []
        self.weights: list[Array] = []

    def _add(self, shape: tuple[int, int, int], places: Array, columns: dict[int, int]) -> None:
        size = math.prod(shape)
        usual = {
            SOURCE: self.place,
            SOURCE_PITCH: math.prod(self.shape),
            TARGET: self.used,
            TARGET_PITCH: size,
            PIXELS: len(places),
            PLACES: sum(map(np.size, self.places)),
        }
        columns = usual | columns
        self.steps.append([columns.get(column, 0) for column in range(COLUMNS)])
        self.places.append(places.reshape(-1))
        self.most_pixels = max(self.most_pixels, len(places), places[0].size + 1)
        self.shape, self.place = shape, self.used
        self.used += size

    def _multiply(
        self, weight: Weight, taps: Any, bias: FloatArray | None, sources: Array, runs: Sequence[Pair], shape: Any,
        relu: bool,
    ) -> None:  # fmt: skip
        _, outputs, inputs = weight.shape
        lanes = host().lanes(self.dtype)
        width = lanes if outputs <= lanes else WIDE_VECTORS * lanes
        packed = pack(weight, taps, width)
        start, first = sum(map(np.size, self.weights)), len(self.runs)
        padded = np.zeros(-(-outputs // width) * width, self.dtype)
        if bias is not None:
            padded[:outputs] = bias
        self.weights += [packed, padded]
        self.runs += runs
        terms = taps.kernel_rows.size * inputs
        self.products += terms * outputs * len(sources)
        columns = {KIND: MULTIPLY, OUTPUTS: outputs, TAPS: terms, FIRST_RUN: first, END_RUN: len(self.runs)}
        self._add(shape, sources, columns | {WEIGHT: start, BIAS: start + packed.size, RELU: int(relu)})

    def conv2d(
        self, weight: FloatArray, bias: FloatArray | None, stride: Pair, padding: Pair, dilation: Pair, size: Pair,
        relu: bool,
    ) -> None:  # fmt: skip
        """A convolution that makes maps of ``size``."""
        if padding != (0, 0):
            self._pad(padding)
        _, width, channels = self.shape
        taps = forward_taps((weight.shape[2], weight.shape[3]), stride, (0, 0), dilation, size)
        rows, columns = np.arange(size[0]) * stride[0], np.arange(size[1]) * stride[1]
        sources = ((rows[:, None] * width + columns) * channels).reshape(-1)
        firsts = [(int(y) * width + int(x)) * channels for y, x, _ in taps.runs]
        runs = [(first, first + int(count) * channels) for first, (_, _, count) in zip(firsts, taps.runs, strict=True)]
        self._multiply(convolution_weight(weight, 1), taps, bias, sources, runs, (*size, weight.shape[0]), relu)

    def _pad(self, padding: Pair) -> None:
        height, width, channels = self.shape
        rows, wide = np.arange(height), width + 2 * padding[1]
        targets = ((rows + padding[0]) * wide + padding[1]) * channels
        places = np.stack([rows * width * channels, targets], axis=1)
        self._add((height + 2 * padding[0], wide, channels), places, {KIND: PAD, OUTPUTS: width * channels})

    def linear(self, weight: FloatArray, bias: FloatArray | None, relu: bool) -> None:
        """A linear layer of all that an image has, in the order of memory."""
        outputs, inputs = weight.shape
        numbers = np.require(weight, requirements=["C", "W"]).reshape(-1)
        matrix = Weight(numbers, (1, outputs, inputs), (0, inputs, 1, 0, 0))
        one = forward_taps((1, 1), (1, 1), (0, 0), (1, 1), (1, 1))
        self._multiply(matrix, one, bias, np.zeros(1, np.int64), [(0, inputs)], (1, 1, outputs), relu)

    def max_pool2d(self, windows: Windows) -> None:
        """The maxima of windows."""
        _, width, channels = self.shape
        pixels = windows.down[:, None, :, None] * width + windows.across[None, :, None, :]
        size = len(windows.down), len(windows.across)
        places = pixels.reshape(size[0] * size[1], -1) * channels
        self._add((*size, channels), places, {KIND: LARGEST, OUTPUTS: channels, TAPS: places.shape[1]})

    def relu(self) -> None:
        """A rectifier after the last layer."""
        self.steps[-1][RELU] = 1

    @property
    def is_small(self) -> bool:
        """Whether one thread takes an image through all layers faster than several kernels would."""
        return self.products <= MOST_PRODUCTS and self.used <= MOST_NUMBERS

    def prepared(self, images: int) -> Callable[[FloatArray], FloatArray]:
        """The network as a function of a flat array of so many images."""
        threads = get_num_threads()
        jobs = -(-images // MOST_IMAGES)
        jobs = min(images, -(-jobs // threads) * threads)
        group = -(-images // jobs)
        y_size = math.prod(self.shape)
        weights = np.concatenate([*self.weights, np.zeros(1, self.dtype)])
        steps, places = np.array(self.steps, np.int64), np.concatenate(self.places).astype(np.int64)
        runs = np.array(self.runs, np.int64).reshape(-1, 2)
        sizes = images, group, self.input_size, y_size, self.used, self.most_pixels

        def network(x: FloatArray) -> FloatArray:
            y: FloatArray = np.empty(images * y_size, self.dtype)
            launch(run_small_network, -(-images // group), x, y, weights, steps, places, runs, sizes)
            return y

        return network


def small_network(shape: tuple[int, int, int], dtype: np.dtype[Any]) -> SmallNetwork | None:
    """A network yet without layers, of images (H, W, C)."""
    return SmallNetwork(shape, dtype)
