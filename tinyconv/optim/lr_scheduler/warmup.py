"""Schedules that begin with a part of the rate."""

from __future__ import annotations

from tinyconv.core.errors import ArgumentError
from tinyconv.optim.lr_scheduler.base import LRScheduler
from tinyconv.optim.optimizer import Optimizer


class ConstantLR(LRScheduler):
    """lr = initial_lr · factor before step ``total_iters``, and initial_lr from it on.

    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: ``ArgumentError`` unless ``factor`` lies between 0 and 1, and as ``LRScheduler``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> schedule = optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [4.0, 4.0, 8.0, 8.0]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1:
            raise ArgumentError(f"ConstantLR: factor must lie between 0 and 1, got {factor!r}")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [rate * self.factor for rate in self._present()]
        if self.last_epoch != self.total_iters:
            return self._present()
        if self.factor == 0:  # no multiple of the present rate: it is 0
            return self.closed_form()
        return [rate * (1.0 / self.factor) for rate in self._present()]

    def closed_form(self) -> list[float]:
        factor = 1.0 if self.last_epoch >= self.total_iters else self.factor
        return [rate * factor for rate in self.base_lrs]


class LinearLR(LRScheduler):
    """The rate goes in a line from initial_lr · start_factor to initial_lr · end_factor at step ``total_iters``.

    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: ``ArgumentError`` unless ``start_factor`` lies in (0, 1] and ``end_factor`` in [0, 1]; as ``LRScheduler``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> schedule = optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [4.0, 6.0, 8.0, 8.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ArgumentError(f"LinearLR: start_factor must be above 0 and at most 1, got {start_factor!r}")
        if not 0 <= end_factor <= 1:
            raise ArgumentError(f"LinearLR: end_factor must lie between 0 and 1, got {end_factor!r}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    # With f(t) = s + (e − s) t / T:   lr(t) = lr(t − 1) · f(t) / f(t − 1) = lr(t − 1) · (1 + (e − s) / (T f(t − 1)))
    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in self._present()]
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._present()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [rate * (1.0 + rise / before) for rate in self._present()]

    def closed_form(self) -> list[float]:
        part = min(self.total_iters, self.last_epoch) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * part
        return [rate * factor for rate in self.base_lrs]
