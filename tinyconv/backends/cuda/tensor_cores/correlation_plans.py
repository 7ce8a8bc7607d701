"""Plans of the forward and of the input gradient: both correlate images with taps that lie in equal steps."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

from tinyconv.backends.cuda.launch import blocks_for
from tinyconv.backends.cuda.tensor_cores.catalog import (
    CORRELATIONS,
    HOPPER,
    Arithmetic,
)
from tinyconv.backends.cuda.tensor_cores.correlation import MOST_TAPS
from tinyconv.backends.cuda.tensor_cores.passes import (
    HEIGHT,
    SIDE,
    THREADS,
    add_partial_sums,
    round_weight,
    transpose_weight,
)
from tinyconv.backends.cuda.tensor_cores.plans import (
    MOST_INDEX,
    NOWHERE,
    REMEMBERED,
    Geometry,
    Machine,
    Place,
    Plan,
    Role,
    Step,
    choose_way,
)
from tinyconv.core.arrays import Pair

MOST_TILE_ROWS = 128


class Correlation(NamedTuple):
    """The images that are read, the taps, and where the results go; sizes in pixels, pitches in floats.

    Result (p, q) is the sum over taps (r, s) of what lies at p stride + origin + r step of the image, along each axis,
    times the weight at r pitch.
    """

    images: int
    results: Pair
    input_size: Pair
    channels: int
    outputs: int
    groups: int
    taps: Pair
    stride: Pair
    origin: Pair
    step: Pair
    weight_pitch: int
    weight_pitches: Pair
    y_pitches: tuple[int, int, int]

    @property
    def pixels(self) -> int:
        """Of all images of results."""
        return self.images * math.prod(self.results)

    @property
    def terms(self) -> int:
        """Of each result's sum."""
        return math.prod(self.taps) * self.channels

    def fits(self) -> bool:
        """Whether what is counted in 32 bits can be."""
        images = min(self.images, MOST_TILE_ROWS // max(1, math.prod(self.results)) + 2)
        return (
            self.pixels < MOST_INDEX - MOST_TILE_ROWS
            and max(self.taps) <= MOST_TAPS
            and images * math.prod(self.input_size) * self.channels * self.groups < MOST_INDEX
            and self.weight_pitch * (self.outputs + MOST_TILE_ROWS) < MOST_INDEX
            and self.y_pitches[0] < MOST_INDEX
        )


def forward_correlation(geometry: Geometry) -> Correlation:
    """y = x * weight."""
    g, taps_across = geometry, geometry.kernel_size[1]
    rows, columns = g.output_size
    channels = g.group_channels
    return Correlation(
        images=g.images,
        results=g.output_size,
        input_size=g.input_size,
        channels=channels,
        outputs=g.group_outputs,
        groups=g.groups,
        taps=g.kernel_size,
        stride=g.stride,
        origin=(-g.padding[0], -g.padding[1]),
        step=g.dilation,
        weight_pitch=g.taps * channels,
        weight_pitches=(taps_across * channels, channels),
        y_pitches=(rows * columns * g.outputs, columns * g.outputs, g.outputs),
    )


def gradient_phases(geometry: Geometry) -> Iterator[tuple[Correlation, int, int]]:
    """dx as stride x stride dense correlations of dy: of pixels that lie stride apart, with the taps that reach them.

    Each comes with how many floats after the beginning of dx, and of the transposed weight, it begins.

    Pixel h = phase + stride i meets tap r in row (h + padding - r dilation) / stride of dy, where that is whole: for
    every (stride / d)-th tap, d = gcd(stride, dilation), one after the other dilation / d rows further up.
    """
    g = geometry
    height, width = g.input_size
    for down in _phases(g, 0):
        for across in _phases(g, 1):
            tap_pitch, row_pitch = g.group_outputs, g.kernel_size[1] * g.group_outputs
            yield (
                Correlation(
                    images=g.images,
                    results=(down.results, across.results),
                    input_size=g.output_size,
                    channels=g.group_outputs,
                    outputs=g.group_channels,
                    groups=g.groups,
                    taps=(down.taps, across.taps),
                    stride=(1, 1),
                    origin=(down.origin, across.origin),
                    step=(down.step, across.step),
                    weight_pitch=g.taps * g.group_outputs,
                    weight_pitches=(down.every * row_pitch, across.every * tap_pitch),
                    y_pitches=(height * width * g.channels, g.stride[0] * width * g.channels, g.stride[1] * g.channels),
                ),
                (down.phase * width + across.phase) * g.channels,
                down.first * row_pitch + across.first * tap_pitch,
            )


class _Phase(NamedTuple):
    """Along one axis: the pixels phase, phase + stride, ...; the taps first, first + every, ... that reach them."""

    phase: int
    results: int
    first: int
    every: int
    taps: int
    origin: int
    step: int


def _phases(geometry: Geometry, axis: int) -> Iterator[_Phase]:
    size, taps = geometry.input_size[axis], geometry.kernel_size[axis]
    stride, padding, dilation = geometry.stride[axis], geometry.padding[axis], geometry.dilation[axis]
    common = math.gcd(stride, dilation)
    for phase in range(min(stride, size)):
        reaching = [tap for tap in range(taps) if (phase + padding - tap * dilation) % stride == 0]
        first = reaching[0] if reaching else 0
        origin = (phase + padding - first * dilation) // stride
        yield _Phase(
            phase, -(-(size - phase) // stride), first, stride // common, len(reaching), origin, -(dilation // common)
        )


def correlation_steps(
    correlation: Correlation,
    places: tuple[Place, Place, Place, Place],
    workspace: int,
    relu: bool,
    arithmetic: Arithmetic,
    aligned: bool,
    machine: Machine,
) -> tuple[tuple[Step, ...], int]:
    """The launches for one correlation, and the floats of workspace that they need from ``workspace`` on.

    ``places``: of x, the weight, the bias and y.
    """
    c = correlation
    wide_pitches = all(pitch % 4 == 0 for pitch in (c.outputs, *c.y_pitches))
    choice = CORRELATIONS[arithmetic, 4 if aligned and c.channels % 4 == 0 else 1]
    able = {tile: kernel for tile, kernel in choice.kernels.items() if kernel.least != HOPPER or machine.warp_groups}
    way = choose_way(able, choice.rates, choice.shared, (c.pixels, c.outputs, c.terms), c.groups, machine.processors)
    x, weight, bias, y = places
    pitches, kept, split_pitch = c.y_pitches, relu, 0
    all_outputs = c.outputs * c.groups
    if way.splits > 1:
        rows, columns = c.results
        pitches = rows * columns * all_outputs, columns * all_outputs, all_outputs
        split_pitch = c.pixels * all_outputs
        places, kept = (x, weight, NOWHERE, Place(Role.WORKSPACE, workspace)), False
        wide_pitches = c.outputs % 4 == 0
    tiles = blocks_for(c.pixels, way.tile.rows) * blocks_for(c.outputs, way.tile.columns)
    numbers = (
        *(c.pixels, *c.results, *c.input_size, c.channels, c.channels * c.groups, c.outputs),
        *(c.taps[0], max(1, c.taps[1]), c.terms, *c.stride, *c.origin, *c.step),
        *(c.weight_pitch, *c.weight_pitches, *pitches),
        *(int(wide_pitches and aligned), int(kept), way.steps_each, split_pitch),
    )
    steps = [Step(way.kernel, (tiles, c.groups, way.splits), (way.tile.threads,), way.shared, places, numbers)]
    if way.splits > 1:
        blocks = blocks_for(split_pitch, THREADS)
        partial = Place(Role.WORKSPACE, workspace)
        sizes = (c.pixels, all_outputs, *c.results, *c.y_pitches, way.splits, int(relu))
        steps.append(Step(add_partial_sums, (blocks, 1, 1), (THREADS,), 0, (partial, bias, y), sizes))
    return tuple(steps), way.splits * split_pitch


@functools.lru_cache(maxsize=REMEMBERED)
def plan_forward(
    geometry: Geometry, biased: bool, relu: bool, arithmetic: Arithmetic, aligned: bool, machine: Machine
) -> Plan:
    """y = x * weight + bias, rectified if ``relu``. ``aligned``: every array begins at a multiple of 16 bytes."""
    x, bias, y = Place(Role.X), Place(Role.BIAS) if biased else NOWHERE, Place(Role.Y)
    weight, kept = Place(Role.WEIGHT), 0
    before: tuple[Step, ...] = ()
    correlation = forward_correlation(geometry)
    steps, needed = correlation_steps(correlation, (x, weight, bias, y), 0, relu, arithmetic, aligned, machine)
    if steps[0].kernel.least == HOPPER:
        count = geometry.outputs * correlation.terms
        rounded, kept = Place(Role.WORKSPACE), padded(count)
        blocks = (blocks_for(count, THREADS), 1, 1)
        before = (Step(round_weight, blocks, (THREADS,), 0, (weight, rounded), (count,)),)
        places = x, rounded, bias, y
        steps, needed = correlation_steps(correlation, places, kept, relu, arithmetic, aligned, machine)
    return Plan((*before, *steps), kept + needed)


@functools.lru_cache(maxsize=REMEMBERED)
def plan_input_gradient(
    geometry: Geometry, biased: bool, arithmetic: Arithmetic, aligned: bool, machine: Machine
) -> Plan:
    """dx, for which Y is dy's role, and X that of dx: the weight transposed, then one correlation for each phase."""
    g = geometry
    kept = padded(g.outputs * g.taps * g.group_channels)
    tiles = blocks_for(g.group_channels, SIDE), blocks_for(g.group_outputs, SIDE), g.taps * g.groups
    rounds = machine.warp_groups and arithmetic is Arithmetic.TF32
    turned, sizes = (Place(Role.WEIGHT), Place(Role.WORKSPACE)), (g.group_outputs, g.group_channels, g.taps)
    steps, most = [Step(transpose_weight, tiles, (SIDE, HEIGHT), 0, turned, (*sizes, int(rounds)))], 0
    for phase, begins, first_tap in gradient_phases(g):
        weight, dx = Place(Role.WORKSPACE, first_tap), Place(Role.X, begins)
        places = Place(Role.Y), weight, Place(Role.BIAS) if biased else NOWHERE, dx
        some, needed = correlation_steps(phase, places, kept, False, arithmetic, aligned, machine)
        steps += some
        most = max(most, needed)
    return Plan(tuple(steps), kept + most)


def padded(floats: int) -> int:
    """So many floats that what follows them is aligned."""
    return blocks_for(floats, 4) * 4
