"""The one-cycle policy."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyconv.core.errors import ArgumentError
from tinyconv.optim.lr_scheduler.base import LRScheduler, check_momentum, check_optimizer, per_group, set_momentum
from tinyconv.optim.optimizer import Optimizer


class OneCycleLR(LRScheduler):
    """Warm up to ``max_lr``, then anneal far below the start. Step it every batch.

    From max_lr / div_factor up to max_lr over the first ``pct_start`` of ``total_steps`` (or ``epochs`` ·
    ``steps_per_epoch``), then down to that start / final_div_factor; with ``three_phase`` first symmetrically down to
    the start, then on. ``cycle_momentum``: momentum (or Adam's β₁) moves the other way, between ``max_momentum`` and
    ``base_momentum``. ``max_lr`` and the momenta may be lists, one entry per group.
    ``anneal_strategy``: "cos" or "linear". ``last_epoch``: the step to go on from, with the optimiser's state loaded;
    −1 starts anew.

    Raises: ``ArgumentError`` for arguments outside their domain, for more steps than ``total_steps``, for
        ``cycle_momentum`` of an optimiser without momentum, and as ``LRScheduler``.
    Source: Smith & Topin, "Super-convergence", arXiv:1708.07120, 2017.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], momentum=0.9)
    >>> schedule = optim.lr_scheduler.OneCycleLR(
    ...     optimizer, max_lr=1.0, total_steps=5, pct_start=0.6, anneal_strategy="linear", div_factor=2
    ... )
    >>> rates = []
    >>> for _ in range(5):
    ...     rates += [round(rate, 4) for rate in schedule.get_last_lr()]
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.5, 0.75, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self, optimizer)
        if total_steps is None and epochs is not None and steps_per_epoch is not None:
            total_steps = epochs * steps_per_epoch
        if isinstance(total_steps, bool) or not isinstance(total_steps, int) or total_steps < 1:
            raise ArgumentError(
                "OneCycleLR: total_steps, or epochs and steps_per_epoch, must be ints of at least 1, got "
                f"total_steps={total_steps!r}, epochs={epochs!r}, steps_per_epoch={steps_per_epoch!r}"
            )
        if not 0 <= pct_start <= 1:
            raise ArgumentError(f"OneCycleLR: pct_start must lie between 0 and 1, got {pct_start!r}")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        self.total_steps = total_steps
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.use_beta1 = cycle_momentum and check_momentum(self, optimizer)
        # (last step, rate from, to, momentum from, to) of each phase; the names are those of entries of a group.
        warm_up = (pct_start * total_steps - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if three_phase:
            self.phases = [
                warm_up,
                (2 * pct_start * total_steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
                (total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
            ]
        else:
            self.phases = [warm_up, (total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        if last_epoch == -1:
            self._write_limits(optimizer, max_lr, base_momentum, max_momentum, div_factor, final_div_factor)
        super().__init__(optimizer, last_epoch)

    def _write_limits(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        base_momentum: float | Sequence[float],
        max_momentum: float | Sequence[float],
        div_factor: float,
        final_div_factor: float,
    ) -> None:
        """Put the limits of the cycle into the groups, where a saved optimiser keeps them."""
        groups = optimizer.param_groups
        for group, highest in zip(groups, per_group(self, "max_lr", max_lr, optimizer), strict=True):
            group["initial_lr"] = highest / div_factor
            group["max_lr"] = highest
            group["min_lr"] = group["initial_lr"] / final_div_factor
        if self.cycle_momentum:
            bases = per_group(self, "base_momentum", base_momentum, optimizer)
            highests = per_group(self, "max_momentum", max_momentum, optimizer)
            for group, base, highest in zip(groups, bases, highests, strict=True):
                group["base_momentum"], group["max_momentum"] = base, highest

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR: step {self.last_epoch} of a cycle of {self.total_steps} total_steps; "
                "call it once per batch, and build it with epochs · batches per epoch"
            )
        number = next((i for i, phase in enumerate(self.phases) if self.last_epoch <= phase[0]), len(self.phases) - 1)
        end, rate_from, rate_to, momentum_from, momentum_to = self.phases[number]
        start = self.phases[number - 1][0] if number else 0.0
        part = (self.last_epoch - start) / (end - start) if end > start else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[rate_from], group[rate_to], part))
            if self.cycle_momentum:
                momentum = self._between(group[momentum_from], group[momentum_to], part)
                set_momentum(group, momentum, self.use_beta1)
        return rates

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * part
        return end + (start - end) / 2 * (1 + math.cos(math.pi * part))
