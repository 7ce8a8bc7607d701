"""tinyconv's side of every comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.algorithms import set_convolution_algorithm
from tinyconv.core.arrays import Array
from tinyconv.core.devices import CPU, Device
from tinyconv.core.precision import set_float32_precision
from tinyconv.core.transfer import to_gpu
from tinyconv.utils.speed.shapes import ConvolutionShape

FAST, EXACT = "tinyconv", "tinyconv exact"
RATE = 1e-4
"""The learning rate of the training steps, on all sides."""

Side = Callable[[], Any]


def exactly(side: Side) -> Side:
    """``side`` with precision "exact": direct kernels only."""

    def run() -> Any:
        with set_float32_precision("exact"):
            return side()

    return run


def forced(algorithm: str, side: Side) -> Side:
    """``side`` with every convolution that ``algorithm`` can compute computed by it."""

    def run() -> Any:
        with set_convolution_algorithm(algorithm):
            return side()

    return run


def convolution(shape: ConvolutionShape, arrays: dict[str, Array], device: str = "cpu") -> dict[str, Side]:
    """The three products. Nothing is kept from call to call: each packs the weights and allocates its result."""
    from tinyconv.ops.convolution.algorithms import products

    place = Device(device)
    there = arrays if place == CPU else {name: to_gpu(array) for name, array in arrays.items()}
    return dict(products(there["x"], there["weight"], there["dy"], shape.geometry, place))


def inference(model: Any, x: Array) -> Side:
    """``model``, in evaluation mode, on images, without a tape."""
    from tinyconv.ops.creation.creation import tensor

    model.eval()
    images = tensor(x)

    def run() -> Any:
        with no_grad():
            return model(images)

    return run


def training_step(model: Any, x: Array, labels: Array, device: str = "cpu") -> Side:
    """Gradients cleared, forward, cross-entropy, backward, AdamW."""
    from tinyconv.models.auxiliary import total_loss
    from tinyconv.nn import functional as F
    from tinyconv.ops.creation.creation import tensor
    from tinyconv.optim import AdamW

    model.to(device).train()
    images, targets = tensor(x, device=device), tensor(labels, device=device)
    optimizer = AdamW(model.parameters(), lr=RATE)

    def step() -> Any:
        optimizer.zero_grad()
        loss = total_loss(F.cross_entropy, model(images), targets)
        loss.backward()
        optimizer.step()
        return loss

    return step
