"""What stands between convolutions: pooling, normalisation, activations, linear layers, losses, optimiser steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.numbers import normal
from bench.rows import Row
from bench.session import Session, Sides, suite
from tinyconv.utils.speed import own, pytorch

SHAPES = ((64, 64, 32, 32), (64, 128, 8, 8))
LINEAR_INPUT, LINEAR_OUTPUT, CLASSES = (64, 4096), 512, 1000
PARAMETER_SHAPES = [(1000, 1000)] * 10
"""10 million parameters."""

FORWARD, BOTH = "forward", "forward + backward"


@dataclass(frozen=True)
class Layer:
    """One layer. ``build`` makes it of a library: tinyconv and PyTorch have the same names."""

    title: str
    shape: tuple[int, ...]
    build: Callable[[Any], Any]
    training: bool = True
    multiply_adds: int = 0


def added(lib: Any, shape: tuple[int, ...]) -> Any:
    """x + other, both with gradients."""

    class Add(lib.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.other = lib.nn.Parameter(lib.ones(shape))

        def forward(self, x: Any) -> Any:
            return x + self.other

    return Add()


def labelled(lib: Any, images: int, classes: int) -> Any:
    """The cross-entropy with fixed labels."""

    class Loss(lib.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("labels", lib.tensor(np.random.default_rng(1).integers(0, classes, images)))

        def forward(self, x: Any) -> Any:
            return lib.nn.functional.cross_entropy(x, self.labels)

    return Loss()


def layers(shapes: Iterable[tuple[int, ...]] = SHAPES) -> Iterator[Layer]:
    """All of them; those of maps for each of ``shapes``."""
    for shape in shapes:
        channels = shape[1]
        yield Layer("max-pool 2x2", shape, lambda lib: lib.nn.MaxPool2d(2))
        yield Layer("max-pool 3x3 s2 p1", shape, lambda lib: lib.nn.MaxPool2d(3, 2, 1))
        yield Layer("average-pool 2x2", shape, lambda lib: lib.nn.AvgPool2d(2))
        yield Layer("batch norm, training", shape, lambda lib, channels=channels: lib.nn.BatchNorm2d(channels))
        yield Layer("batch norm, eval", shape, lambda lib, channels=channels: lib.nn.BatchNorm2d(channels), False)
        yield Layer("ReLU", shape, lambda lib: lib.nn.ReLU())
        yield Layer("GELU", shape, lambda lib: lib.nn.GELU())
        yield Layer("dropout", shape, lambda lib: lib.nn.Dropout(0.5))
        yield Layer("add", shape, lambda lib, shape=shape: added(lib, shape))
        yield Layer("layer norm", shape, lambda lib, shape=shape: lib.nn.LayerNorm(list(shape[1:])))
    images, inputs = LINEAR_INPUT
    products = images * inputs * LINEAR_OUTPUT
    yield Layer("linear", LINEAR_INPUT, lambda lib: lib.nn.Linear(inputs, LINEAR_OUTPUT), multiply_adds=products)
    yield Layer("softmax cross-entropy", (images, CLASSES), lambda lib: labelled(lib, images, CLASSES))


def rows(session: Session) -> Iterator[Row]:
    """Every layer's forward without a tape, and forward and backward together; then the optimisers."""
    for layer in layers():
        name = f"{layer.title} {'x'.join(map(str, layer.shape))}"
        if not any(session.wants(name, product) for product in (FORWARD, BOTH)):
            continue
        made = {own.FAST: own_layer(layer)}
        if pytorch.installed():
            names = pytorch.LAYOUTS if len(layer.shape) == 4 else (pytorch.EAGER,)
            made |= {layout: torch_layer(layer, layout) for layout in names}
        rivals = tuple(side for side in made if side != own.FAST)
        y = made[own.FAST][FORWARD]()
        moved = 4 * (math.prod(layer.shape) + math.prod(y.shape))
        for product, arrays, products in ((FORWARD, 1, 1), (BOTH, 2, 3)):
            if session.wants(name, product):
                timings = session.time({side: runs[product] for side, runs in made.items()})
                yield Row(name, product, timings, rivals, 2 * products * layer.multiply_adds, arrays * moved)
    yield from optimisers(session)


def own_layer(layer: Layer, device: str = "cpu") -> dict[str, Callable[[], Any]]:
    """tinyconv's side."""
    import tinyconv as tc

    module = layer.build(tc).train(layer.training).to(device)
    x = tc.tensor(normal(layer.shape), device=device, requires_grad=True)
    dy = tc.tensor(normal(module(x).shape, seed=1), device=device)
    leaves = (x, *module.parameters())

    def forward() -> Any:
        for parameter in module.parameters():
            parameter.bump_version()  # as after a step of training: a weight packed before is packed anew
        with tc.no_grad():
            return module(x)

    return {FORWARD: forward, BOTH: lambda: tc.autograd.grad(module(x), leaves, dy)}


def torch_layer(layer: Layer, layout: str, device: str = "cpu") -> dict[str, Callable[[], Any]]:
    """PyTorch's side in one layout."""
    import torch

    module = layer.build(torch).train(layer.training).to(device)
    if layout == pytorch.CHANNELS_LAST:
        module = module.to(memory_format=torch.channels_last)
    x = pytorch.in_layout(layout, normal(layer.shape), device).requires_grad_()
    dy = pytorch.in_layout(layout, normal(tuple(module(x).shape), seed=1), device)
    leaves = (x, *module.parameters())

    def forward() -> Any:
        with torch.no_grad():
            return module(x)

    return {FORWARD: forward, BOTH: lambda: torch.autograd.grad(module(x), leaves, dy)}


OPTIMISERS: dict[str, tuple[str, dict[str, Any], int]] = {
    "AdamW": ("AdamW", {"lr": 1e-4}, 7),  # reads p, g, m, v; writes p, m, v
    "SGD with momentum": ("SGD", {"lr": 1e-4, "momentum": 0.9}, 5),  # reads p, g, b; writes p, b
}


def optimisers(session: Session) -> Iterator[Row]:
    """Steps on 10 million parameters; PyTorch's default and its fused implementation count."""
    for title, (kind, options, arrays) in OPTIMISERS.items():
        name = f"{title}, 10 M parameters"
        if not session.wants(name, "step"):
            continue
        import tinyconv as tc

        sides: Sides = {own.FAST: optimiser_step(tc, kind, options)}
        rivals: Sides = {}
        if pytorch.installed():
            import torch

            rivals = {
                pytorch.EAGER: optimiser_step(torch, kind, options),
                f"{pytorch.EAGER} fused": optimiser_step(torch, kind, options | {"fused": True}),
            }
        moved = arrays * 4 * sum(math.prod(shape) for shape in PARAMETER_SHAPES)
        yield Row(name, "step", session.time(sides | rivals), tuple(rivals), bytes=moved)


def optimiser_step(lib: Any, kind: str, options: dict[str, Any], device: str = "cpu") -> Callable[[], object]:
    """A step of ``lib``'s optimiser; gradients stay the same."""
    lib.manual_seed(0)
    parameters = [lib.nn.Parameter(lib.randn(*shape).to(device)) for shape in PARAMETER_SHAPES]
    for parameter in parameters:
        parameter.grad = lib.randn(*parameter.shape).to(device)
    step: Callable[[], object] = getattr(lib.optim, kind)(parameters, **options).step
    return step


command = suite("layers", rows, seconds=0.5, quick=0.15, help=__doc__)
