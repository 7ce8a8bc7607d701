"""A running average of a model's weights, which often generalises better than the weights of any one step.

a ← d a + (1 − d) w        after every optimiser step t = 1, 2, ..., with d = min(decay, (1 + t) / (10 + t))
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinyconv.core import layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import Scratch, blocks


class ExponentialAverage:
    """The exponential moving average of the parameters and buffers of ``model``.

    ``decay``: what an average keeps of itself in a step, in [0, 1): about the last 1 / (1 − decay) steps count. Early
    steps keep less, or the initial weights would be remembered for long. Buffers that are no floating point numbers,
    such as counters, are not averaged but copied.

    Give it to ``Trainer(ema=...)``, or call ``update()`` after every step. Inside ``with average.applied():`` the model
    has the averages; afterwards its own weights are back.

    Raises: ``ArgumentError`` for a decay outside [0, 1).
    Source: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

    >>> from tinyconv.train import ExponentialAverage
    >>> model = nn.Linear(1, 1, bias=False)
    >>> average = ExponentialAverage(model, decay=0.5)
    >>> before = model.weight.item()
    >>> with tc.no_grad():
    ...     _ = model.weight.add_(11.0)
    >>> average.update()
    >>> with average.applied():
    ...     round(model.weight.item() - before, 4)
    9.0
    """

    def __init__(self, model: Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ArgumentError(f"ExponentialAverage: decay must be at least 0 and below 1, got {decay!r}")
        self.decay = decay
        self.updates = 0
        self._scratch = Scratch()
        self._own: dict[str, Tensor] = {}
        self._averages: dict[str, Tensor] = {}
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            self._own[name] = tensor
            self._averages[name] = Tensor(layout.copy(tensor.array, array_module(tensor.device)), device=tensor.device)

    def update(self) -> None:
        """Take the present weights into the averages."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, own in self._own.items():
            average = self._averages[name]
            if not own.dtype.is_floating_point:
                average.array[...] = own.array
                average.bump_version()
                continue
            xp = array_module(own.device)
            for mean, weight in blocks(average, own):
                work, _ = self._scratch.like(average, len(mean))
                xp.multiply(weight, 1 - decay, out=work)
                mean *= decay
                mean += work

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averages inside the block; nothing is copied."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for name, own in self._own.items():
            average = self._averages[name]
            held, averaged = own.data, average.data
            own.data, average.data = averaged, held

    def state_dict(self) -> dict[str, Any]:
        """The averages by name, and how many updates they are of."""
        return {"updates": self.updates, "averages": dict(self._averages)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a ``state_dict``. Raises ``RunError`` where it is of another model."""
        averages = state["averages"]
        if {name: tuple(a.shape) for name, a in averages.items()} != {
            name: tuple(a.shape) for name, a in self._averages.items()
        }:
            raise RunError("ExponentialAverage cannot load this state: it is of a model with other weights")
        for name, average in self._averages.items():
            average.copy_(averages[name])
        self.updates = int(state["updates"])
