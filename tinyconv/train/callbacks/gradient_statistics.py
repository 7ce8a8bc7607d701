"""How large gradients and updates are, parameter by parameter.

The ratio ‖Δw‖ / ‖w‖ tells more than the learning rate: about 10⁻³ is healthy, 10⁻¹ throws away what was learnt, and
10⁻⁶ learns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core import layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError
from tinyconv.nn.hooks import RemovableHandle
from tinyconv.ops.tensor import Tensor
from tinyconv.train.callbacks.json_lines import JsonLines

if TYPE_CHECKING:
    from tinyconv.train.trainer import Trainer


class GradientStatistics(JsonLines):
    """Writes, every ``every`` steps, the norms of each parameter's gradient, update and weights as a line of JSON.

    ``{"step": 100, "parameters": {"conv1.weight": {"gradient": ..., "update": ..., "weight": ..., "ratio": ...}}}``:
    the gradient as the optimiser gets it, after clipping; the ratio is that of update and weights, null where the
    weights are all 0. Steps in between cost nothing.

    Raises: ``ArgumentError`` for ``every`` below 1; ``RunError`` where ``path`` cannot be written.

    >>> from tinyconv.train import GradientStatistics, Trainer
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    >>> statistics = GradientStatistics("gradients.jsonl", every=1)
    >>> trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.5), callbacks=[statistics])
    >>> _ = trainer.fit([(tc.ones(2, 1, 1, 1), tc.tensor([0, 0]))])
    >>> import json, pathlib
    >>> norms = json.loads(pathlib.Path("gradients.jsonl").read_text())["parameters"]["1.weight"]
    >>> round(norms["update"] / norms["gradient"], 4)
    0.5
    """

    def __init__(self, path: str | Path, every: int = 100) -> None:
        if every < 1:
            raise ArgumentError(f"GradientStatistics: every must be at least 1 step, got {every}")
        super().__init__(path)
        self.every = every
        self._hooks: list[RemovableHandle] = []
        self._before: dict[str, tuple[float, float, Any]] = {}

    def on_train_start(self, trainer: Trainer) -> None:
        super().on_train_start(trainer)
        named = dict(trainer.model.named_parameters())

        def before(*_: Any) -> None:
            if (trainer.step + 1) % self.every == 0:
                self._before = {
                    name: (_norm(p.grad.array, p), _norm(p.array, p), layout.copy(p.array, array_module(p.device)))
                    for name, p in named.items()
                    if p.grad is not None
                }

        def after(*_: Any) -> None:
            if self._before:
                self.write({"step": trainer.step + 1, "parameters": self._figures(named)})
                self._before = {}

        self._hooks = [
            trainer.optimizer.register_step_pre_hook(before),
            trainer.optimizer.register_step_post_hook(after),
        ]

    def _figures(self, named: Mapping[str, Tensor]) -> dict[str, dict[str, float | None]]:
        figures: dict[str, dict[str, float | None]] = {}
        for name, (gradient, weight, old) in self._before.items():
            update = _norm(named[name].array - old, named[name])
            ratio = update / weight if weight else None
            figures[name] = {"gradient": gradient, "update": update, "weight": weight, "ratio": ratio}
        return figures

    def on_train_end(self, trainer: Trainer) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        super().on_train_end(trainer)


def _norm(array: Any, parameter: Tensor) -> float:
    """√(Σ x²), summed in float64."""
    squares = array_module(parameter.device).square(array, dtype=np.float64)
    return float(squares.sum()) ** 0.5
