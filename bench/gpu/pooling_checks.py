"""Pooling and unpooling: maxima with where they are, averages, adaptive windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.gpu.checks import Arguments, Check, Draw
from tinyconv.backends import cpu
from tinyconv.core.geometry import output_size
from tinyconv.core.windows import Windows, adaptive_windows, sliding_windows

Pair = tuple[int, int]

SLIDING: tuple[tuple[tuple[int, int, int, int], Pair, Pair, Pair, Pair, bool], ...] = (
    ((1, 2, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((3, 17, 13, 11), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((1, 33, 10, 9), (3, 2), (1, 2), (1, 1), (2, 1), True),
    ((2, 5, 7, 6), (5, 5), (3, 3), (2, 2), (1, 1), True),
    ((8, 64, 112, 112), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((16, 128, 32, 32), (2, 2), (2, 2), (0, 0), (1, 1), False),
)
"""Maps, kernel, stride, padding, dilation, ceil_mode."""

AVERAGES: tuple[tuple[bool, int | None], ...] = ((True, None), (False, None), (True, 3))
"""count_include_pad, divisor_override."""

ADAPTIVE = (
    ((1, 2, 3, 3), (2, 2)),
    ((2, 3, 9, 7), (4, 3)),
    ((3, 40, 8, 8), (1, 1)),
    ((1, 5, 3, 4), (5, 6)),
    ((16, 512, 7, 7), (1, 1)),
)


def checks() -> Iterator[Check]:
    """Forward and backward."""
    for shape, kernel, stride, padding, dilation, ceil_mode in SLIDING:
        windows = sliding_windows(shape[2:], kernel, stride, padding, dilation, ceil_mode)
        text = f"{'x'.join(map(str, shape))}, {kernel[0]}x{kernel[1]} s{stride} p{padding} d{dilation} {ceil_mode}"
        yield from maxima(text, shape, windows)
        if dilation == (1, 1):
            for include, divisor in AVERAGES:
                yield from averages(text, shape, (kernel, stride, padding, ceil_mode, include, divisor))
    for shape, outputs in ADAPTIVE:
        text = f"{'x'.join(map(str, shape))} -> {outputs[0]}x{outputs[1]}"
        yield from maxima(f"adaptive {text}", shape, adaptive_windows(shape[2:], outputs))
        yield from adaptive(text, shape, outputs)
    yield from planes((1, 2, 3, 3), (2, 2))
    yield from planes((2, 3, 6, 5), (3, 4))
    yield from planes((8, 64, 28, 28), (14, 14))


def maxima(text: str, shape: tuple[int, ...], windows: Windows) -> Iterator[Check]:
    """The switches must be the same: of equal maxima the first counts."""

    def backward(draw: Draw) -> Arguments:
        y, switches = cpu.max_pool2d(draw.normal(*shape).astype(np.float64), windows)
        return draw.normal(*y.shape), switches, windows

    yield Check("max_pool2d", text, lambda draw: (draw.normal(*shape), windows))
    yield Check("max_pool2d_gradient", text, backward)


def averages(
    text: str, shape: tuple[int, ...], options: tuple[Pair, Pair, Pair, bool, bool, int | None]
) -> Iterator[Check]:
    """Of windows that slide."""
    kernel, stride, padding, ceil_mode, include, divisor = options
    axes = zip(shape[2:], kernel, stride, padding, strict=True)
    y = (*shape[:2], *(output_size(*axis, 1, ceil_mode) for axis in axes))
    text = f"{text}, pad {include}, divisor {divisor}"
    yield Check("avg_pool2d", text, lambda draw: (draw.normal(*shape), *options))
    yield Check("avg_pool2d_gradient", text, lambda draw: (draw.normal(*y), shape[2:], *options))


def adaptive(text: str, shape: tuple[int, ...], outputs: Pair) -> Iterator[Check]:
    """Of windows that cover the map."""
    y = (*shape[:2], *outputs)
    yield Check("adaptive_avg_pool2d", text, lambda draw: (draw.normal(*shape), outputs))
    yield Check("adaptive_avg_pool2d_gradient", text, lambda draw: (draw.normal(*y), shape[2:]))


def planes(shape: tuple[int, int, int, int], outputs: Pair) -> Iterator[Check]:
    """By indices; several may name the same pixel."""
    y, size = (*shape[:2], *outputs), (shape[2], shape[3])
    pixels = size[0] * size[1]
    text = "x".join(map(str, shape))
    yield Check("gather_plane", text, lambda draw: (draw.normal(*shape), draw.integers(pixels, *y)))
    yield Check("scatter_plane", text, lambda draw: (draw.normal(*y), draw.integers(pixels, *y), size))
