"""Rates that go up and down without end."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Sequence
from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.optim.lr_scheduler.base import LRScheduler, check_momentum, check_optimizer, per_group, set_momentum
from tinyconv.optim.optimizer import Optimizer

MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """The rate goes from ``base_lr`` up to ``max_lr`` and back, in straight lines, again and again.

    Step it every batch. Up in ``step_size_up`` steps, down in ``step_size_down`` (default: as many).
    ``mode``: "triangular" keeps the height, "triangular2" halves it every cycle, "exp_range" multiplies it by ``gamma``
    every step. ``scale_fn`` gives the height as a function of its own: of the number of the cycle, from 1, or with
    ``scale_mode="iterations"`` of the steps. ``cycle_momentum``: momentum (or Adam's β₁) goes the other way, between
    ``max_momentum`` and ``base_momentum``. Rates and momenta may be lists, one entry per group.
    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: ``ArgumentError`` for an unknown ``mode``, step sizes of no length, ``cycle_momentum`` of an optimiser
        without momentum, and as ``LRScheduler``.
    Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], momentum=0.9)
    >>> schedule = optim.lr_scheduler.CyclicLR(optimizer, base_lr=1.0, max_lr=3.0, step_size_up=2)
    >>> rates = []
    >>> for _ in range(6):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [1.0, 2.0, 3.0, 2.0, 1.0, 2.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self, optimizer)
        if scale_fn is None and mode not in MODES:
            raise ArgumentError(f"CyclicLR: mode must be one of {', '.join(MODES)}, got {mode!r}; or give scale_fn")
        if scale_mode not in ("cycle", "iterations"):
            raise ArgumentError(f"CyclicLR: scale_mode must be 'cycle' or 'iterations', got {scale_mode!r}")
        steps_down = step_size_up if step_size_down is None else step_size_down
        if not (step_size_up > 0 and steps_down > 0):
            raise ArgumentError(
                f"CyclicLR: step_size_up and step_size_down must be above 0, got {step_size_up!r} and {steps_down!r}"
            )
        base_lrs = per_group(self, "base_lr", base_lr, optimizer)
        self.max_lrs = per_group(self, "max_lr", max_lr, optimizer)
        self.total_size = float(step_size_up + steps_down)
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self.custom_scale = scale_fn
        self.scale_mode = scale_mode if scale_fn else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        self.use_beta1 = cycle_momentum and check_momentum(self, optimizer)
        self.base_momentums = per_group(self, "base_momentum", base_momentum, optimizer)
        self.max_momentums = per_group(self, "max_momentum", max_momentum, optimizer)
        if last_epoch == -1:
            for number, group in enumerate(optimizer.param_groups):
                group["lr"] = base_lrs[number]
                if cycle_momentum:
                    group["max_momentum"] = self.max_momentums[number]
                    group["base_momentum"] = self.base_momentums[number]
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of a cycle, as a part of the first one's."""
        if self.custom_scale is not None:
            return self.custom_scale(x)
        if self.mode == "triangular":
            return 1.0
        return float(0.5 ** (x - 1) if self.mode == "triangular2" else self.gamma**x)

    def get_lr(self) -> list[float]:
        cycles = self.last_epoch / self.total_size
        number = math.floor(1 + cycles)
        x = 1.0 + cycles - number
        part = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        part *= self.scale_fn(number if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, base, highest in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                set_momentum(group, highest - (highest - base) * part, self.use_beta1)
        return [base + (highest - base) * part for base, highest in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and ``scale_fn``; of an object that can be called, its attributes."""
        state = super().state_dict()
        scale = self.custom_scale
        if scale is not None:
            state["custom_scale"] = None if isinstance(scale, types.FunctionType) else dict(vars(scale))
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "custom_scale"})
        if self.custom_scale is not None and state_dict.get("custom_scale"):
            vars(self.custom_scale).update(state_dict["custom_scale"])
