"""Volumes: convolutions, maxima with where they are, averages, adaptive windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.gpu.checks import Arguments, Check, Draw
from bench.gpu.convolution_checks import product
from tinyconv.backends import cpu
from tinyconv.core.geometry import output_size
from tinyconv.core.windows import VolumeWindows, adaptive_volume_windows, sliding_volume_windows

Triple = tuple[int, int, int]
ONE: Triple = (1, 1, 1)


@dataclass(frozen=True)
class Volumes:
    """A convolution of ``x`` (N, C, D, H, W) with ``filters`` kernels."""

    x: tuple[int, ...]
    filters: int
    kernel: Triple
    stride: Triple = ONE
    padding: Triple = (0, 0, 0)
    dilation: Triple = ONE
    groups: int = 1

    @property
    def weight(self) -> tuple[int, ...]:
        """(K, C / groups, T, R, S)."""
        return self.filters, self.x[1] // self.groups, *self.kernel

    @property
    def y(self) -> tuple[int, ...]:
        """(N, K, D', H', W')."""
        axes = zip(self.x[2:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return self.x[0], self.filters, *(output_size(*axis) for axis in axes)


CONVOLUTIONS = (
    Volumes((1, 1, 3, 4, 4), 1, (2, 1, 1)),
    Volumes((2, 3, 5, 9, 7), 5, (3, 3, 3), padding=ONE),
    Volumes((1, 6, 7, 8, 9), 4, (3, 2, 3), (2, 1, 2), (1, 0, 1), (2, 1, 1), groups=2),
    Volumes((2, 17, 4, 6, 5), 33, (1, 3, 3), padding=(0, 1, 1)),
    Volumes((2, 16, 8, 16, 16), 32, (3, 3, 3), padding=ONE),
    Volumes((1, 64, 8, 28, 28), 64, (3, 3, 3), padding=ONE),
)

SLIDING: tuple[tuple[tuple[int, ...], Triple, Triple, Triple, Triple, bool], ...] = (
    ((1, 2, 2, 4, 4), (2, 2, 2), (2, 2, 2), (0, 0, 0), ONE, False),
    ((2, 5, 5, 7, 6), (3, 3, 2), (2, 2, 1), (1, 1, 0), ONE, True),
    ((1, 3, 6, 8, 7), (2, 3, 2), (1, 2, 2), (1, 1, 1), (2, 1, 1), False),
    ((4, 32, 8, 28, 28), (2, 2, 2), (2, 2, 2), (0, 0, 0), ONE, False),
)
"""Volumes, kernel, stride, padding, dilation, ceil_mode."""

ADAPTIVE: tuple[tuple[tuple[int, ...], Triple], ...] = (
    ((1, 2, 3, 3, 3), (2, 2, 2)),
    ((2, 5, 5, 4, 6), (2, 3, 4)),
    ((4, 64, 4, 7, 7), ONE),
)


def checks() -> Iterator[Check]:
    """Forward and backward."""
    for shape in CONVOLUTIONS:
        yield from convolution(shape)
    for size, kernel, stride, padding, dilation, ceil_mode in SLIDING:
        windows = sliding_volume_windows(size[2:], kernel, stride, padding, dilation, ceil_mode)
        text = f"{_by(size)}, {_by(kernel)} s{_by(stride)} p{_by(padding)} d{_by(dilation)} {ceil_mode}"
        yield from maxima(text, size, windows)
        if dilation == ONE:
            yield from averages(text, size, (kernel, stride, padding, ceil_mode))
    for size, outputs in ADAPTIVE:
        text = f"{_by(size)} -> {_by(outputs)}"
        yield from maxima(f"adaptive {text}", size, adaptive_volume_windows(size[2:], outputs))
        yield from adaptive(text, size, outputs)


def convolution(shape: Volumes) -> Iterator[Check]:
    """The three products, the forward with a bias too."""
    x, weight, y = shape.x, shape.weight, shape.y
    geometry = shape.stride, shape.padding, shape.dilation, shape.groups
    steps = f"s{_by(shape.stride)} p{_by(shape.padding)} d{_by(shape.dilation)} g{shape.groups}"
    title = f"{_by(x)} -> {shape.filters}, {_by(shape.kernel)} {steps}"
    taps = math.prod(shape.kernel)

    def forward(draw: Draw) -> Arguments:
        return draw.normal(*x), draw.normal(*weight), draw.normal(y[1]), *geometry

    def to_input(draw: Draw) -> Arguments:
        return draw.normal(*y), draw.normal(*weight), x[2:], *geometry

    def to_weight(draw: Draw) -> Arguments:
        return draw.normal(*x), draw.normal(*y), shape.kernel, *geometry

    yield product("conv3d", title, forward, weight[1] * taps)
    yield product("conv3d_input_gradient", title, to_input, y[1] // shape.groups * taps)
    yield product("conv3d_weight_gradient", title, to_weight, y[0] * math.prod(y[2:]))


def maxima(text: str, shape: tuple[int, ...], windows: VolumeWindows) -> Iterator[Check]:
    """The switches must be the same: of equal maxima the first counts."""

    def backward(draw: Draw) -> Arguments:
        y, switches = cpu.max_pool3d(draw.normal(*shape).astype(np.float64), windows)
        return draw.normal(*y.shape), switches, windows

    yield Check("max_pool3d", text, lambda draw: (draw.normal(*shape), windows))
    yield Check("max_pool3d_gradient", text, backward)


def averages(text: str, shape: tuple[int, ...], window: tuple[Triple, Triple, Triple, bool]) -> Iterator[Check]:
    """Of windows that slide."""
    kernel, stride, padding, ceil_mode = window
    axes = zip(shape[2:], kernel, stride, padding, strict=True)
    y = (*shape[:2], *(output_size(*axis, 1, ceil_mode) for axis in axes))
    for include, divisor in ((True, None), (False, None), (True, 3)):
        options, said = (*window, include, divisor), f"{text}, pad {include}, divisor {divisor}"

        def forward(draw: Draw, options: Arguments = options) -> Arguments:
            return draw.normal(*shape), *options

        def backward(draw: Draw, options: Arguments = options) -> Arguments:
            return draw.normal(*y), shape[2:], *options

        yield Check("avg_pool3d", said, forward)
        yield Check("avg_pool3d_gradient", said, backward)


def adaptive(text: str, shape: tuple[int, ...], outputs: Triple) -> Iterator[Check]:
    """Of windows that cover the volume."""
    y = (*shape[:2], *outputs)
    yield Check("adaptive_avg_pool3d", text, lambda draw: (draw.normal(*shape), outputs))
    yield Check("adaptive_avg_pool3d_gradient", text, lambda draw: (draw.normal(*y), shape[2:]))


def _by(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))
