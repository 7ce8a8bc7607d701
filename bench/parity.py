"""One training step of a network in tinyconv and in PyTorch, from the same weights, and how far apart they end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.models.auxiliary import total_loss

RATE, MOMENTUM = 0.01, 0.9
NOTHING = 1e-9
"""A tensor whose numbers are smaller than this share of the largest of its kind is 0 but for rounding, such as the
gradient of a bias before batch norm, which takes it away again. It is held against the largest."""


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
    return {
        "output": _largest(found.outputs, exact.outputs),
        "gradients": _largest(found.gradients.values(), exact.gradients.values()),
        "buffers": _largest(found.buffers.values(), exact.buffers.values()),
        "weights": _largest(found.weights.values(), exact.weights.values()),
    }


def _largest(found: Iterable[Array], exact: Iterable[Array]) -> float:
    pairs = list(zip(found, exact, strict=True))
    scales = [float(np.abs(right).max()) for _, right in pairs]
    most = max(scales, default=0.0)
    worst = 0.0
    for (ours, right), scale in zip(pairs, scales, strict=True):
        if ours.shape != right.shape:
            raise ValueError(f"shapes {ours.shape} and {right.shape}")
        difference = float(np.abs(ours.astype(np.float64) - right).max())
        # Not max(): it would let a NaN go by.
        relative = difference / (scale if scale > NOTHING * most else most or 1.0)
        worst = relative if not relative <= worst else worst
    return worst
