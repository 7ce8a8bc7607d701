"""A schedule that looks at how the training goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group
from tinyconv.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """The rate is multiplied by ``factor`` when a metric has not improved for more than ``patience`` steps.

    ``step(metric)`` after each epoch. It has improved where it is below best · (1 − threshold), or above
    best · (1 + threshold) with ``mode="max"``; with ``threshold_mode="abs"``, best − threshold and best + threshold.
    After a reduction ``cooldown`` steps are not counted. The rate does not fall below ``min_lr`` (one number, or one
    per group), nor by less than ``eps``. A metric that is not a number counts as no improvement.

    Raises: ``ArgumentError`` for ``factor`` of 1 or more, an unknown ``mode`` or ``threshold_mode``, and as
        ``LRScheduler``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> rates = []
    >>> for loss in [3.0, 2.0, 2.0, 2.1, 2.0]:
    ...     schedule.step(loss)
    ...     rates += schedule.get_last_lr()
    >>> rates
    [8.0, 8.0, 8.0, 4.0, 4.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        check_optimizer(self, optimizer)
        if not factor < 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor must be below 1, got {factor!r}")
        if mode not in ("min", "max"):
            raise ArgumentError(f"ReduceLROnPlateau: mode must be 'min' or 'max', got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"ReduceLROnPlateau: threshold_mode must be 'rel' or 'abs', got {threshold_mode!r}")
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.default_min_lr = None if isinstance(min_lr, Sequence) else min_lr
        self.min_lrs = per_group(self, "min_lr", min_lr, optimizer)
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = self._present()
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether a reduction was so recent that steps do not count."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: None = None) -> None:  # type: ignore[override]  # it needs the metric
        """Go on by one step, with the value of the metric after it."""
        if epoch is not None:
            raise UnsupportedError("ReduceLROnPlateau: step(metrics, epoch) is not offered; leave epoch out")
        try:
            current = float(metrics)
        except (TypeError, ValueError):
            raise ArgumentError(f"ReduceLROnPlateau: step takes the metric as a number, got {metrics!r}") from None
        self.last_epoch += 1
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._present()

    def _is_better(self, current: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            limit = self.best * (1 + sign * self.threshold)
        else:
            limit = self.best + sign * self.threshold
        return current < limit if self.mode == "min" else current > limit

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):  # a group was added
            if self.default_min_lr is None:
                raise ArgumentError(
                    f"ReduceLROnPlateau: min_lr has {len(self.min_lrs)} entries, there are {len(groups)} groups now; "
                    "set min_lrs to a list of one for each"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, lowest in zip(groups, self.min_lrs, strict=True):
            reduced = max(float(group["lr"]) * self.factor, lowest)
            if float(group["lr"]) - reduced > self.eps:
                group["lr"] = reduced
