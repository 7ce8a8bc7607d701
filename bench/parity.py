"""One training step of a network in tinyconv and in PyTorch, from the same weights, and how far apart they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.models.auxiliary import total_loss

RATE, MOMENTUM = 0.01, 0.9
NOTHING = 1e-9
"""A gradient that is smaller than this share of the largest is 0 but for rounding: that of a bias before batch norm,
which takes it away again. Such ones are held against the largest."""


@dataclass(frozen=True)
class Step:
    """What a step left behind. ``outputs``: in training, those of auxiliary heads too; the last one: in evaluation."""

    outputs: list[Array]
    gradients: dict[str, Array]
    buffers: dict[str, Array]
    weights: dict[str, Array]


def own_step(model: Any, images: Array, labels: Array) -> Step:
    """tinyconv's."""
    import tinyconv as tc

    without_dropout(model).train()
    optimizer = tc.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    outputs = model(tc.tensor(images))
    total_loss(tc.nn.functional.cross_entropy, outputs, tc.tensor(labels)).backward()
    return _finished(tc, model, outputs, optimizer, images, tc.tensor)


def torch_step(network: Any, images: Array, labels: Array) -> Step:
    """PyTorch's, with the loss of Szegedy et al. (2014) where there are auxiliary heads."""
    import torch

    without_dropout(network).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM)
    outputs = network(torch.from_numpy(images))
    main, *others = outputs if isinstance(outputs, tuple) else (outputs,)
    targets = torch.from_numpy(labels)
    loss = torch.nn.functional.cross_entropy(main, targets)
    for other in others:
        loss = loss + 0.3 * torch.nn.functional.cross_entropy(other, targets)
    loss.backward()
    return _finished(torch, network, outputs, optimizer, images, torch.from_numpy)


def _finished(lib: Any, model: Any, outputs: Any, optimizer: Any, images: Array, tensor: Any) -> Step:
    """The optimiser's step, and all that can be seen."""
    results = [each.detach().numpy() for each in (outputs if isinstance(outputs, tuple) else (outputs,))]
    gradients = {name: parameter.grad.numpy().copy() for name, parameter in model.named_parameters()}
    optimizer.step()
    buffers = {name: buffer.numpy().copy() for name, buffer in model.named_buffers()}
    with lib.no_grad():
        results.append(model.eval()(tensor(images)).numpy())
    weights = {name: parameter.detach().numpy().copy() for name, parameter in model.named_parameters()}
    return Step(results, gradients, buffers, weights)


def without_dropout(model: Any) -> Any:
    """``model``, whose dropout lets everything through: the libraries draw other masks."""
    for module in model.modules():
        if type(module).__name__.startswith("Dropout"):
            module.p = 0.0
    return model


def differences(found: Step, exact: Step) -> dict[str, float]:
    """The largest, relative to the largest magnitude in the same tensor, by what they are differences of.

    Raises: ``ValueError`` where there are other tensors, or of other shapes.
    """
    largest = max(float(np.abs(gradient).max()) for gradient in exact.gradients.values())
    return {
        "output": max(_relative(a, b) for a, b in zip(found.outputs, exact.outputs, strict=True)),
        "gradients": max(
            _relative(a, b, largest if np.abs(b).max() < NOTHING * largest else 0.0)
            for a, b in zip(found.gradients.values(), exact.gradients.values(), strict=True)
        ),
        "buffers": max(
            (_relative(a, b) for a, b in zip(found.buffers.values(), exact.buffers.values(), strict=True)), default=0.0
        ),
        "weights": max(_relative(a, b) for a, b in zip(found.weights.values(), exact.weights.values(), strict=True)),
    }


def _relative(found: Array, exact: Array, scale: float = 0.0) -> float:
    if found.shape != exact.shape:
        raise ValueError(f"shapes {found.shape} and {exact.shape}")
    scale = scale or float(np.abs(exact).max())
    difference = float(np.abs(found.astype(np.float64) - exact).max())
    return difference / scale if scale else difference
