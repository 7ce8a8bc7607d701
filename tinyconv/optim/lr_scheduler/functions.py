"""Schedules that a function of the user's gives."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group
from tinyconv.optim.optimizer import Optimizer

Factor = Callable[[int], float]


class _FunctionLR(LRScheduler):
    """What the two share: one function for each group, which is no part of the state."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        check_optimizer(self, optimizer)
        self.lr_lambdas = per_group(self, "lr_lambda", lr_lambda, optimizer)
        for factor in self.lr_lambdas:
            if not callable(factor):
                raise ArgumentError(
                    f"{type(self).__name__}: lr_lambda must be a function of the step, or a list of one per group; got "
                    f"{factor!r}"
                )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and the functions: give the functions again when the schedule is built anew.

        Of objects that can be called, their attributes.
        """
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(factor, types.FunctionType) else dict(getattr(factor, "__dict__", {}))
            for factor in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "lr_lambdas"})
        for factor, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes:
                factor.__dict__.update(attributes)


class LambdaLR(_FunctionLR):
    """lr = initial_lr · ``lr_lambda(t)`` at step t; one function, or a list of one per group.

    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: ``ArgumentError`` for another number of functions than groups, and as ``LRScheduler``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=0.6)
    >>> schedule = optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t))
    >>> optimizer.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.3]
    """

    def get_lr(self) -> list[float]:
        return [rate * factor(self.last_epoch) for rate, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_FunctionLR):
    """At step t the rate is multiplied by ``lr_lambda(t)``; one function, or a list of one per group.

    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: ``ArgumentError`` for another number of functions than groups, and as ``LRScheduler``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=0.6)
    >>> schedule = optim.lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.5)
    >>> optimizer.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.3]
    """

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self._present()
        return [rate * factor(self.last_epoch) for rate, factor in zip(self._present(), self.lr_lambdas, strict=True)]
