"""Schedules that only fall."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

from tinyconv.optim.lr_scheduler.base import LRScheduler, check_whole
from tinyconv.optim.optimizer import Optimizer


class StepLR(LRScheduler):
    """lr = initial_lr · gamma^⌊t / step_size⌋ at step t.

    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: ``ArgumentError`` unless ``step_size`` is an int of at least 1, and as ``LRScheduler``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> schedule = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [8.0, 8.0, 4.0, 4.0, 2.0]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        check_whole(self, "step_size", step_size)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._present()
        return [rate * self.gamma for rate in self._present()]

    def closed_form(self) -> list[float]:
        return [rate * self.gamma ** (self.last_epoch // self.step_size) for rate in self.base_lrs]


class MultiStepLR(LRScheduler):
    """The rate is multiplied by ``gamma`` at each of ``milestones`` (a step named twice: twice).

    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: as ``LRScheduler``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> schedule = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [8.0, 4.0, 4.0, 2.0, 2.0]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        factor = self.gamma ** self.milestones.count(self.last_epoch)
        return [rate * factor for rate in self._present()]

    def closed_form(self) -> list[float]:
        factor = self.gamma ** bisect.bisect_right(self.milestones, self.last_epoch)
        return [rate * factor for rate in self.base_lrs]


class ExponentialLR(LRScheduler):
    """lr = initial_lr · gammaᵗ at step t.

    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: as ``LRScheduler``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> schedule = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [8.0, 4.0, 2.0, 1.0]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [rate if self._is_initial else rate * self.gamma for rate in self._present()]

    def closed_form(self) -> list[float]:
        return [rate * self.gamma**self.last_epoch for rate in self.base_lrs]


class PolynomialLR(LRScheduler):
    """lr = initial_lr · (1 − t / total_iters)^power at step t, and 0 from ``total_iters`` on.

    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: as ``LRScheduler``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> schedule = optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4)
    >>> rates = []
    >>> for _ in range(6):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [8.0, 6.0, 4.0, 2.0, 0.0, 0.0]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    # From one step to the next, with c(t) = 1 − t / T:   lr(t) = lr(t − 1) · (c(t) / c(t − 1))^power
    def get_lr(self) -> list[float]:
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._present()
        left, left_before = (1.0 - t / self.total_iters for t in (self.last_epoch, self.last_epoch - 1))
        return [rate * (left / left_before) ** self.power for rate in self._present()]

    def closed_form(self) -> list[float]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [rate * left**self.power for rate in self.base_lrs]
