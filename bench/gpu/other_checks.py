"""Activations, elementwise functions, dropout, losses, steps of the optimisers, and prepared layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.gpu.checks import Arguments, Check, Draw, Host
from bench.gpu.convolution_checks import bound, ways
from tinyconv.backends import cpu
from tinyconv.core import layout
from tinyconv.core.windows import sliding_windows

SHAPES = ((1,), (5, 7), (2, 3, 5, 7), (16, 64, 28, 28))
CLASSES = ((1, 2), (7, 33), (64, 1000))
DROPPED = ((5,), (1_000,), (3, 5, 7, 9), (64, 128, 8, 8))
COMBINED = ((3, 2, 4), (50, 33, 400))
"""Rows and columns of an array, and how many rows are combined with some of it."""

PLACE = (123_456_789, 987_654_321, 5, 7)
"""seed, stream, low, high."""

SIZES = (((3,), (2, 5)), ((3,), (40, 7), (8, 3, 3, 3), (512, 1000)))
"""Of the parameters that an optimiser steps at once."""


def checks() -> Iterator[Check]:
    """All of them."""
    for shape in SHAPES:
        yield from elementwise(shape)
    for rows, classes in CLASSES:
        yield from cross_entropy(rows, classes)
    for shape in DROPPED:
        yield from dropout(shape)
    for rows, columns, values in COMBINED:
        yield from combined(rows, columns, values)
    for sizes in SIZES:
        yield from optimisers(sizes)
    yield from prepared()


def elementwise(shape: tuple[int, ...]) -> Iterator[Check]:
    """Of one array or two, and broadcast."""
    text = "x".join(map(str, shape))

    def one(draw: Draw) -> Arguments:
        return (draw.normal(*shape),)

    def rectified(draw: Draw) -> Arguments:
        return draw.normal(*shape), np.maximum(draw.normal(*shape), 0)

    def two(draw: Draw) -> Arguments:
        return draw.normal(*shape), draw.positive(*shape), draw.unwritten(*shape)

    def spread(draw: Draw) -> Arguments:
        small = (1, shape[1], 1, 1) if len(shape) == 4 else (shape[-1],)
        return draw.normal(*shape), draw.positive(*small), draw.unwritten(*shape)

    yield Check("relu", text, one)
    yield Check("relu_gradient", text, rectified)
    yield Check("add_relu", text, lambda draw: (draw.normal(*shape), draw.normal(*shape)), written=(0,))
    for function in ("erf", "erfc"):
        yield Check(function, text, one)
    yield Check("erfinv", text, lambda draw: (1.98 * (draw.positive(*shape) - 1),), slack=16)
    for by_tanh in (False, True):
        said = f"{text}{', by tanh' if by_tanh else ''}"
        yield Check("gelu", said, lambda draw, by_tanh=by_tanh: (draw.normal(*shape), by_tanh))
        yield Check(
            "gelu_gradient", said, lambda draw, by_tanh=by_tanh: (draw.normal(*shape), draw.normal(*shape), by_tanh)
        )
    for function in ("add", "subtract", "multiply", "divide"):
        yield Check(function, text, two, written=(2,))
        yield Check(function, f"{text}, broadcast", spread, written=(2,))


def cross_entropy(rows: int, classes: int) -> Iterator[Check]:
    """With weights and smoothing, in general."""
    text = f"{rows}x{classes}"

    def forward(draw: Draw) -> Arguments:
        shares = draw.positive(rows), draw.positive(rows), draw.positive(classes)
        return draw.normal(rows, classes), draw.integers(classes, rows), *shares

    def backward(draw: Draw) -> Arguments:
        x, targets, *shares = forward(draw)
        exact = (x.astype(np.float64), targets, *(share.astype(np.float64) for share in shares))
        _, *kept = cpu.cross_entropy(*exact)
        return draw.normal(rows), x, targets, *shares, *draw.computed(kept)

    yield Check("cross_entropy", text, forward)
    yield Check("cross_entropy_gradient", text, backward, slack=16)


def dropout(shape: tuple[int, ...]) -> Iterator[Check]:
    """The same elements as on the processor."""
    text = "x".join(map(str, shape))
    yield Check("draw_mask", text, lambda _: (*PLACE, 0.3, shape))
    yield Check(
        "masked", text, lambda draw: (draw.normal(*shape), layout.copy(draw.random.random(shape) < 0.7), 1 / 0.7)
    )


def combined(rows: int, columns: int, count: int) -> Iterator[Check]:
    """Several values that meet at one element, in their order."""
    for name in ("add", "multiply", "maximum", "minimum", "last"):

        def make(draw: Draw, name: str = name) -> Arguments:
            return draw.normal(rows, columns), (draw.integers(rows, count),), draw.positive(count, columns), name

        yield Check("combine_at", f"{name}, {count} of {rows}x{columns}", make, written=(0,), slack=16)


def optimisers(sizes: tuple[tuple[int, ...], ...]) -> Iterator[Check]:
    """Adam with and without AMSGrad, and the ways of SGD, on parameters of several sizes at once."""
    adam = {"shrink": 0.999, "penalty": 0.01, "sign": 1.0, "betas": (0.9, 0.999), "eps": 1e-8}
    sgd = {"penalty": 0.01, "sign": -1.0, "momentum": 0.9, "rate": 0.1}

    def arrays(draw: Draw) -> list[np.ndarray]:
        return [draw.normal(*size) for size in sizes]

    def adam_arguments(draw: Draw, count: int) -> Arguments:
        moments = [(draw.normal(*size), *(draw.positive(*size) for _ in range(count - 1))) for size in sizes]
        return arrays(draw), arrays(draw), moments, Host(draw.random.random((len(sizes), 2)) + 0.5)

    def sgd_arguments(draw: Draw, moving: bool) -> Arguments:
        velocities = arrays(draw) if moving else []
        return arrays(draw), arrays(draw), velocities, Host(draw.random.random((len(sizes), 1)))

    for count in (2, 3):
        yield Check(
            "adam_step",
            f"{count} moments, {len(sizes)} parameters",
            lambda draw, count=count: adam_arguments(draw, count),
            written=(0, 2),
            call=lambda module, given: module.adam_step(*given, **adam),
        )
    for moving, nesterov in ((False, False), (True, False), (True, True)):
        yield Check(
            "sgd_step",
            f"{'momentum' if moving else 'plain'}{', Nesterov' if nesterov else ''}, {len(sizes)} parameters",
            lambda draw, moving=moving: sgd_arguments(draw, moving),
            written=(0, 2),
            call=lambda module, given, nesterov=nesterov: module.sgd_step(*given, **sgd, nesterov=nesterov),
        )


def prepared() -> Iterator[Check]:
    """Layers of flat arrays, made once for their shapes."""
    x, y, weight, geometry = (1, 5, 4, 5), (1, 7, 4, 5), (7, 5, 3, 3), ((1, 1), (1, 1), (1, 1), 1)
    windows = sliding_windows(x[2:], (2, 2), (2, 2), (0, 0), (1, 1), False)
    size = int(np.prod(x))

    def averaged(module: Any, given: Arguments) -> Any:
        return module.prepared_adaptive_avg_pool2d(x, (3, 2))(given[0])

    def convolved(module: Any, given: Arguments) -> Any:
        return module.prepared_conv2d(x, y, given[1], given[2], *geometry, True, {})(given[0])

    def linear(module: Any, given: Arguments) -> Any:
        return module.prepared_linear(6, given[1], given[2], True, {})(given[0])

    def largest(module: Any, given: Arguments) -> Any:
        return module.prepared_max_pool2d(x, windows, given[0].dtype)(given[0])

    def flat(draw: Draw) -> Arguments:
        return (draw.normal(size),)

    yield Check("prepared_adaptive_avg_pool2d", "", flat, call=averaged)
    yield Check("prepared_max_pool2d", "", flat, call=largest)
    yield Check("prepared_relu", "", flat, call=lambda module, given: module.prepared_relu()(given[0]))
    yield Check(
        "prepared_conv2d",
        "",
        lambda draw: (draw.normal(size), draw.normal(*weight), draw.normal(7)),
        call=convolved,
        ways=ways,
        bound=bound(convolved, 45),
    )
    yield Check(
        "prepared_linear",
        "",
        lambda draw: (draw.normal(6 * 40), draw.normal(11, 40), draw.normal(11)),
        call=linear,
        ways=ways,
        bound=bound(linear, 40),
    )
