"""Normalisation by channels and by rows, and what is fused with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.gpu.checks import Arguments, Check, Draw
from tinyconv.backends import cpu
from tinyconv.core.windows import sliding_windows

EPS = 1e-5
MAPS = ((1, 2, 2, 3), (2, 3, 5, 7), (4, 33, 6, 6), (16, 64, 28, 28), (64, 512, 4, 4))
ROWS = ((2, 3), (5, 17), (64, 1000), (300, 768), (8, 30_000))
POOLED = ((1, 2, 4, 4), (2, 3, 8, 8), (3, 33, 9, 7), (16, 32, 32, 32))


def checks() -> Iterator[Check]:
    """All of them."""
    for shape in MAPS:
        yield from batch_norm(shape)
        yield from by_channel(shape)
    for rows, size in ROWS:
        yield from by_row(rows, size)
    for shape in POOLED:
        yield from pooled(shape)


def statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the channels, float64."""
    exact = x.astype(np.float64)
    return exact.mean((0, 2, 3)), exact.var((0, 2, 3))


def exactly(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """In float64."""
    return tuple(array.astype(np.float64) for array in arrays)


def batch_norm(shape: tuple[int, int, int, int]) -> Iterator[Check]:
    """In training and in evaluation, with a residual and a rectifier and without, and backward."""
    channels, text = shape[1], "x".join(map(str, shape))

    def parameters(draw: Draw) -> tuple[np.ndarray, np.ndarray]:
        return draw.positive(channels), draw.normal(channels)

    def forward(draw: Draw, fixed: bool, residual: bool, relu: bool) -> Arguments:
        x = draw.normal(*shape)
        other = draw.normal(*shape) if residual else None
        return x, *parameters(draw), EPS, statistics(draw.normal(*shape)) if fixed else None, other, relu

    def backward(draw: Draw, fixed: bool, kept: bool, relu: bool) -> Arguments:
        x, (weight, bias) = draw.normal(*shape), parameters(draw)
        found = statistics(draw.normal(*shape) if fixed else x)
        y = None
        if kept:
            exact = exactly(x, weight, bias, draw.normal(*shape))
            y = draw.computed(cpu.batch_norm(*exact[:3], EPS, found, exact[3], relu)[0])
        return draw.normal(*shape), x, weight, bias, EPS, found, fixed, y, relu

    for fixed in (False, True):
        for other, relu in ((False, False), (False, True), (True, True)):
            said = f"{text}{', fixed' if fixed else ''}{', residual' if other else ''}{', ReLU' if relu else ''}"
            options = {"fixed": fixed, "relu": relu}
            yield Check(
                "batch_norm", said, lambda draw, options=options, other=other: forward(draw, residual=other, **options)
            )
            yield Check(
                "batch_norm_gradient",
                said,
                lambda draw, options=options, other=other: backward(draw, kept=other, **options),
            )
    plain = f"{text}, without parameters"
    yield Check("batch_norm", plain, lambda draw: (draw.normal(*shape), None, None, EPS, None, None, False))


def by_channel(shape: tuple[int, int, int, int]) -> Iterator[Check]:
    """The pieces that other normalisations are made of; for all images together, and for each."""
    images, channels, *_ = shape

    def values(draw: Draw, sets: int) -> np.ndarray:
        return draw.random.standard_normal((sets, channels))

    for sets in sorted({1, images}):
        text = f"{'x'.join(map(str, shape))}, {sets} sets"

        def combination(draw: Draw, sets: int = sets) -> Arguments:
            return draw.normal(*shape), draw.normal(*shape), *(values(draw, sets) for _ in range(4))

        yield Check("channel_moments", text, lambda draw, sets=sets: (draw.normal(*shape), sets))
        yield Check(
            "channel_affine",
            text,
            lambda draw, sets=sets: (draw.normal(*shape), *(values(draw, sets) for _ in range(3))),
        )
        yield Check(
            "channel_products",
            text,
            lambda draw, sets=sets: (draw.normal(*shape), draw.normal(*shape), values(draw, sets)),
            slack=16,
        )
        yield Check("channel_combination", text, combination)
    yield Check("channel_sum", text, lambda draw: (draw.normal(*shape),), slack=16)


def by_row(rows: int, size: int) -> Iterator[Check]:
    """Layer norm, and RMS norm, which is not centred."""
    for centred in (True, False):
        text = f"{rows}x{size}{', centred' if centred else ''}"

        def backward(draw: Draw, centred: bool = centred) -> Arguments:
            x, weight = draw.normal(rows, size), draw.positive(size)
            _, mean, inverse_std = cpu.row_norm(x.astype(np.float64), None, None, EPS, centred)
            return draw.normal(rows, size), x, mean, inverse_std, weight, centred

        yield Check(
            "row_norm",
            text,
            lambda draw, centred=centred: (
                draw.normal(rows, size),
                draw.positive(size),
                draw.normal(size),
                EPS,
                centred,
            ),
        )
        yield Check("row_norm_gradient", text, backward, slack=16)


def pooled(shape: tuple[int, int, int, int]) -> Iterator[Check]:
    """Batch norm, the rectifier and the maxima of windows in one."""
    channels, text = shape[1], "x".join(map(str, shape))
    windows = sliding_windows(shape[2:], (2, 2), (2, 2), (0, 0), (1, 1), False)

    def forward(draw: Draw) -> Arguments:
        return draw.normal(*shape), draw.normal(channels), draw.normal(channels), EPS, windows

    def backward(draw: Draw) -> Arguments:
        x, weight, bias = draw.normal(*shape), draw.normal(channels), draw.normal(channels)
        y, switches, winners, mean, variance = cpu.batch_norm_max_pool2d(*exactly(x, weight, bias), EPS, windows)
        dy = draw.normal(*y.shape)
        return dy, x, switches, draw.computed(winners), weight, bias, EPS, (mean, variance), windows

    yield Check("batch_norm_max_pool2d", text, forward)
    yield Check("batch_norm_max_pool2d_gradient", text, backward, slack=16)
