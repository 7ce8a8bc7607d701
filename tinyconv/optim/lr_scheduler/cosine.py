"""Cosine annealing, without and with restarts."""

from __future__ import annotations

import math

from tinyconv.core.errors import ArgumentError
from tinyconv.optim.lr_scheduler.base import LRScheduler, check_whole
from tinyconv.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (initial_lr − eta_min)(1 + cos(π t / T_max)) / 2 at step t.

    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: ``ArgumentError`` unless ``T_max`` is an int of at least 1, and as ``LRScheduler``.
    Source: Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, eq. 5, without
        restarts.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates += [round(rate, 6) for rate in schedule.get_last_lr()]
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [8.0, 4.0, 0.0, 4.0]
    """

    def __init__(  # `T_max` is PyTorch's name
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        check_whole(self, "T_max", T_max)
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    # From one step to the next, with c(t) = 1 + cos(π t / T):
    #     lr(t) − eta_min = (lr(t−1) − eta_min) · c(t) / c(t−1)
    # except just after a minimum, where c(t−1) = 0 and the rate is made from the initial one.
    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self._present()
        if self._step_count == 1 and self.last_epoch > 0:
            return self.closed_form()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [
                rate + (base - self.eta_min) * rise for rate, base in zip(self._present(), self.base_lrs, strict=True)
            ]
        height, height_before = (1 + math.cos(math.pi * t / self.T_max) for t in (self.last_epoch, self.last_epoch - 1))
        return [(rate - self.eta_min) * height / height_before + self.eta_min for rate in self._present()]

    def closed_form(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (rate - self.eta_min) * height for rate in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (initial_lr − eta_min)(1 + cos(π t / T)) / 2, with t counted from the last restart.

    The first period T is ``T_0``, each later one ``T_mult`` times the one before. ``step(epoch)`` goes to any epoch,
    whole or not: ``step(epoch + batch / batches)`` moves the rate within an epoch.
    ``last_epoch``: the step to go on from, with the optimiser's state loaded; −1 starts anew.

    Raises: ``ArgumentError`` unless ``T_0`` and ``T_mult`` are ints of at least 1; for a negative ``epoch``; as
        ``LRScheduler``.
    Source: Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, eq. 5.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> schedule = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates += [round(rate, 6) for rate in schedule.get_last_lr()]
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [8.0, 4.0, 8.0, 4.0]
    """

    def __init__(  # `T_0` and `T_mult` are PyTorch's names
        self,
        optimizer: Optimizer,
        T_0: int,  # noqa: N803
        T_mult: int = 1,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        check_whole(self, "T_0", T_0)
        check_whole(self, "T_mult", T_mult)
        if not isinstance(eta_min, int | float):
            raise ArgumentError(f"CosineAnnealingWarmRestarts: eta_min must be a number, got {eta_min!r}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (rate - self.eta_min) * height for rate in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on by one epoch, or to ``epoch``."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ArgumentError(f"CosineAnnealingWarmRestarts: step to epoch {epoch}; epochs are 0 or later")
        else:
            self._go_to(epoch)
        self._step_count += 1
        self.last_epoch = math.floor(epoch)
        self._apply(self.get_lr)

    # Restart n (the start is n = 0) is at T_0 (1 + T_mult + … + T_mult^(n−1)) = T_0 (T_multⁿ − 1) / (T_mult − 1).
    def _go_to(self, epoch: float) -> None:
        self.T_i = self.T_0
        if epoch < self.T_0 or self.T_mult == 1:
            self.T_cur = epoch % self.T_0
            return
        number = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        self.T_cur = epoch - self.T_0 * (self.T_mult**number - 1) / (self.T_mult - 1)
        self.T_i = self.T_0 * self.T_mult**number
