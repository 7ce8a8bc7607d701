"""A whole training step of each side: gradients cleared, forward, loss, backward, AdamW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.networks import Network
from bench.peers.pytorch import in_layout
from tinyconv.utils.measure import take_turns

RATE = 1e-4


def own(network: Network, images: int) -> Callable[[], object]:
    """tinyconv's."""
    import tinyconv as tc
    from tinyconv import optim
    from tinyconv.nn import functional as F

    model = network.build()
    x, labels = (tc.tensor(array) for array in network.batch(images))
    optimizer = optim.AdamW(model.parameters(), lr=RATE)

    def step() -> object:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def pytorch(network: Network, images: int, layout: str, compiled: bool = False) -> Callable[[], object]:
    """PyTorch's, in either layout, with the quicker of its implementations of AdamW, eager or compiled."""
    import torch

    model: Any = network.twin(network.build(), layout)
    x, labels = network.batch(images)
    x, labels = in_layout(layout, x), torch.from_numpy(labels)
    optimizer = _quicker_adamw(list(model.parameters()))
    forward = torch.compile(model) if compiled else model

    def step() -> object:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(forward(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _quicker_adamw(parameters: list[Any]) -> Any:
    """What a user gets who says nothing, or the fused one, whichever takes less time for a step alone."""
    import torch

    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    found = {fused: torch.optim.AdamW(parameters, lr=0.0, fused=fused) for fused in (None, True)}
    timings = take_turns({str(fused): optimizer.step for fused, optimizer in found.items()}, 0.1)
    quicker = None if timings.fastest(["None", "True"]) == "None" else True
    return torch.optim.AdamW(parameters, lr=RATE, fused=quicker)
