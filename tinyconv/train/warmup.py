"""Compiling, before it is needed, what a training needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinyconv import nn, optim
from tinyconv.autograd import no_grad
from tinyconv.core import random
from tinyconv.core.algorithms import ALGORITHMS, set_convolution_algorithm
from tinyconv.core.devices import CPU, Device
from tinyconv.core.dtypes import DType, float32
from tinyconv.data.transforms import Augmentation, RandomAffine, RandomHorizontalFlip
from tinyconv.models import registry
from tinyconv.models.auxiliary import logits_of, total_loss
from tinyconv.nn import functional as F
from tinyconv.ops import machine
from tinyconv.ops.creation.random import rand, randint

CHANNELS, IMAGE_SIZE, CLASSES, BATCH, WIDTH = 3, (32, 32), 10, 2, 32

SMALL: dict[str, dict[str, Any]] = {"facenet": {}, "lenet": {}, "vgg11_bn": {"head": "linear"}, "resnet18": {}}
"""The models for small images, which most trainings on a CPU train, and their options there."""

CONVOLUTIONS: tuple[dict[str, Any], ...] = (
    {"kernel_size": 1},
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 5, "padding": 2},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": 3, "padding": 1, "groups": 4},
    {"kernel_size": 3, "padding": 1, "groups": WIDTH},
)
ON_IMAGES: tuple[Callable[[], nn.Module], ...] = (
    *(partial(nn.MaxPool2d, 2), partial(nn.MaxPool2d, 3, 2, 1), partial(nn.AvgPool2d, 2)),
    *(partial(nn.AdaptiveAvgPool2d, 3), partial(nn.AdaptiveMaxPool2d, 3), partial(nn.BatchNorm2d, WIDTH)),
    *(partial(nn.GroupNorm, 4, WIDTH), partial(nn.InstanceNorm2d, WIDTH)),
    *(nn.Dropout, nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU),
)
ON_ROWS: tuple[Callable[[], nn.Module], ...] = (
    *(partial(nn.LayerNorm, WIDTH), partial(nn.Linear, WIDTH, CLASSES), partial(nn.BatchNorm1d, WIDTH), nn.Dropout),
)
OPTIMIZERS: tuple[Callable[..., optim.Optimizer], ...] = (optim.SGD, optim.Adam, optim.AdamW)


@dataclass(frozen=True)
class Prepared:
    """A kernel: compiled, or read from the cache, in so many seconds."""

    kernel: str
    seconds: float
    compiled: bool


def warm_up(
    models: Sequence[str] = (),
    dtype: DType = float32,
    callback: Callable[[str, Prepared | None], None] | None = None,
    device: Device = CPU,
) -> list[Prepared]:
    """Compile the kernels of common layers, losses and optimisers, and of the ``models``, so that no training waits.

    Each runs once, forward and backward, on small images; what the cache has already is only read. ``models``:
    names from ``models.registry``; none of them: those of ``SMALL``. ``callback``: called with a kernel's name and None
    before it is compiled or read, and with what it took afterwards. ``device``: whose kernels. Random numbers of the
    process go on where they were.

    Raises: ``ArgumentError`` for a model that does not exist.

    >>> from tinyconv.train import warm_up
    >>> ready = warm_up(["lenet"])
    >>> [kernel for kernel in warm_up(["lenet"]) if kernel.compiled]
    []
    """
    for name in models:
        registry.defaults(name)
    begun: list[tuple[str, float]] = []
    compiled: set[str] = set()
    prepared: list[Prepared] = []

    def notice(kernel: str, begins: bool) -> None:
        if begins:
            begun.append((kernel, time.perf_counter()))
            if callback is not None:
                callback(kernel, None)
        else:
            name, start = begun.pop()
            prepared.append(Prepared(name, time.perf_counter() - start, name in compiled))
            compiled.discard(name)
            if callback is not None:
                callback(name, prepared[-1])

    state = random.default_generator.get_state()
    stops = machine.on_preparation(notice), machine.on_first_compile(compiled.add)
    try:
        for work in _work(models or tuple(SMALL), dtype, device):
            work()
    finally:
        for stop in stops:
            stop()
        random.default_generator.set_state(state)
    return prepared


def _work(models: Sequence[str], dtype: DType, device: Device) -> Iterator[Callable[[], None]]:
    for name in models:
        yield partial(_train_model, name, dtype, device)
    yield _augment
    for options in CONVOLUTIONS:
        for algorithm in ALGORITHMS:
            yield partial(_convolve, options, algorithm, dtype, device)
    for layer in ON_IMAGES:
        yield partial(_run, layer, dtype, device, (BATCH, WIDTH, 16, 16))
    for layer in ON_ROWS:
        yield partial(_run, layer, dtype, device, (2048, WIDTH))
    for family in OPTIMIZERS:
        yield partial(_train, _classifier, (CHANNELS, *IMAGE_SIZE), dtype, device, family)


def _augment() -> None:
    """Images are prepared on the CPU, in float32, whatever then computes with them."""
    every = Augmentation([RandomHorizontalFlip(), RandomAffine(degrees=1.0)])
    every(np.zeros((1, CHANNELS, *IMAGE_SIZE), np.float32), 0, [0])


def _classifier() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(CHANNELS * IMAGE_SIZE[0] * IMAGE_SIZE[1], CLASSES))


def _run(layer: Callable[[], nn.Module], dtype: DType, device: Device, shape: tuple[int, ...]) -> None:
    """Forward and backward while training, then forward in evaluation."""
    module, inputs = layer().to(device, dtype), rand(*shape, dtype=dtype, device=device, requires_grad=True)
    result = module(inputs)
    (result * result).sum().backward()
    with no_grad():
        module.eval()(inputs)


def _convolve(options: dict[str, Any], algorithm: str, dtype: DType, device: Device) -> None:
    with set_convolution_algorithm(algorithm):
        _run(partial(nn.Conv2d, WIDTH, WIDTH, **options), dtype, device, (BATCH, WIDTH, 16, 16))


def _train_model(name: str, dtype: DType, device: Device) -> None:
    """On small images where it is made for these, else on images of the published size."""
    channels, classes, size = (CHANNELS, CLASSES, IMAGE_SIZE) if name in SMALL else registry.published(name)
    build = partial(registry.build, name, channels, classes, size, **SMALL.get(name, {}))
    _train(build, (channels, *size), dtype, device)


def _train(
    build: Callable[[], nn.Module],
    image: tuple[int, ...],
    dtype: DType,
    device: Device,
    family: Callable[..., optim.Optimizer] = optim.AdamW,
) -> None:
    """A training step, and a forward in evaluation."""
    model = build().to(device, dtype)
    optimizer = family(model.parameters(), lr=1e-3)
    images = rand(BATCH, *image, dtype=dtype, device=device)
    outputs = model(images)
    labels = randint(0, logits_of(outputs).shape[1], (BATCH,), device=device)
    total_loss(F.cross_entropy, outputs, labels).backward()
    optimizer.step()
    with no_grad():
        model.eval()(images)
