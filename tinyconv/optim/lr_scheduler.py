"""Learning-rate schedules: each sets ``lr`` in every group of an optimiser, as a function of the steps taken.

As in PyTorch, a schedule is stepped after the optimiser, and most compute the next rate from the present one, so that
several can act on one optimiser and a rate changed by hand stays changed. ``last_epoch`` counts the steps.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.optim.optimizer import Optimizer


class LRScheduler:
    """Base of the schedules: a derived class writes ``get_lr``, the rates at step ``last_epoch``, one per group.

    ``last_epoch``: −1 starts anew; another number goes on from it, with the ``initial_lr`` that is in the groups.
    The constructor makes the first step, so ``last_epoch`` is 0 after it.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"{type(self).__name__}: {type(optimizer).__name__} is not an Optimizer")
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{type(self).__name__}: last_epoch={last_epoch} continues a schedule, but param_groups[{number}] "
                    "has no 'initial_lr'; load the optimiser's state first, or leave last_epoch out"
                )
        self.optimizer = optimizer
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._last_lr: list[float] = []
        self.step()

    def get_lr(self) -> list[float]:
        """The rates at step ``last_epoch``, from the present ones. ``get_last_lr`` is what a user reads."""
        raise UnsupportedError(f"{type(self).__name__} has no get_lr; write it")

    def get_last_lr(self) -> list[float]:
        """The rates of the groups as the last step set them."""
        return self._last_lr

    def step(self, epoch: None = None) -> None:
        """Go on by one step. Call it after ``optimizer.step()``."""
        if epoch is not None:
            raise UnsupportedError(f"{type(self).__name__}: step(epoch) is not offered; call step() without arguments")
        counts_steps = type(self.optimizer).step is Optimizer.step
        if self._step_count == 1 and self.optimizer.step_count == 0 and counts_steps:
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(): the first learning rate is skipped. "
                "Call optimizer.step() first",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self.last_epoch += 1
        for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = rate
        self._last_lr = self._present()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser: plain numbers and lists."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a ``state_dict``. Load the optimiser's state too: the rates themselves are there."""
        self.__dict__.update(state_dict)

    def _present(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    @property
    def _is_first(self) -> bool:
        """Whether this is the constructor's step, which leaves the rates as they are."""
        return self._step_count == 1


class LambdaLR(LRScheduler):
    """lr = initial_lr · ``lr_lambda(last_epoch)``; one function, or a list of one per group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, Sequence) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups:
            raise ArgumentError(f"LambdaLR: {len(self.lr_lambdas)} functions for {groups} groups; give one for each")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [rate * factor(self.last_epoch) for rate, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and the functions: give the functions again when the schedule is built anew."""
        return {name: value for name, value in super().state_dict().items() if name != "lr_lambdas"}


class StepLR(LRScheduler):
    """lr = initial_lr · gamma^⌊t / step_size⌋ at step t."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if isinstance(step_size, bool) or not isinstance(step_size, int) or step_size < 1:
            raise ArgumentError(f"StepLR: step_size must be an int of at least 1, got {step_size!r}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._present()
        return [rate * self.gamma for rate in self._present()]


class MultiStepLR(LRScheduler):
    """The rate is multiplied by ``gamma`` at each of ``milestones`` (a step named twice: twice)."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        factor = self.gamma ** self.milestones.count(self.last_epoch)
        return [rate * factor for rate in self._present()]


class ExponentialLR(LRScheduler):
    """lr = initial_lr · gammaᵗ at step t."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [rate if self._is_first else rate * self.gamma for rate in self._present()]


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (initial_lr − eta_min)(1 + cos(π t / T_max)) / 2 at step t.

    Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts" (ICLR 2017), eq. 5, without restarts.
    """

    def __init__(  # `T_max` is PyTorch's name
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if isinstance(T_max, bool) or not isinstance(T_max, int) or T_max < 1:
            raise ArgumentError(f"CosineAnnealingLR: T_max must be an int of at least 1, got {T_max!r}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    # From one step to the next, with c(t) = 1 + cos(π t / T):
    #     lr(t) − eta_min = (lr(t−1) − eta_min) · c(t) / c(t−1)
    # except just after a minimum, where c(t−1) = 0 and the rate is made from the initial one.
    def get_lr(self) -> list[float]:
        if self._is_first:
            return self._present()
        height, height_before = (1 + math.cos(math.pi * t / self.T_max) for t in (self.last_epoch, self.last_epoch - 1))
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [
                rate + (base - self.eta_min) * rise for rate, base in zip(self._present(), self.base_lrs, strict=True)
            ]
        return [(rate - self.eta_min) * height / height_before + self.eta_min for rate in self._present()]


class OneCycleLR(LRScheduler):
    """Warm up to ``max_lr``, then anneal far below the start (Smith & Topin, arXiv:1708.07120). Step it every batch.

    From max_lr / div_factor up to max_lr over the first ``pct_start`` of ``total_steps`` (or ``epochs`` ·
    ``steps_per_epoch``), then down to that start / final_div_factor; with ``three_phase`` first symmetrically down to
    the start, then on. ``cycle_momentum``: momentum (or Adam's β₁) moves the other way, between ``max_momentum`` and
    ``base_momentum``. ``max_lr`` and the momenta may be lists, one entry per group.
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
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"OneCycleLR: {type(optimizer).__name__} is not an Optimizer")
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
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ArgumentError(
                f"OneCycleLR: {type(optimizer).__name__} has neither momentum nor betas to cycle; "
                "pass cycle_momentum=False"
            )
        self.total_steps = total_steps
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.use_beta1 = "betas" in optimizer.defaults
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
        for group, highest in zip(groups, _per_group("max_lr", max_lr, groups), strict=True):
            group["initial_lr"] = highest / div_factor
            group["max_lr"] = highest
            group["min_lr"] = group["initial_lr"] / final_div_factor
        if self.cycle_momentum:
            bases = _per_group("base_momentum", base_momentum, groups)
            highests = _per_group("max_momentum", max_momentum, groups)
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
                if self.use_beta1:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return rates

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * part
        return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


def _per_group(name: str, value: float | Sequence[float], groups: list[dict[str, Any]]) -> list[float]:
    values = list(value) if isinstance(value, Sequence) else [value] * len(groups)
    if len(values) != len(groups):
        raise ArgumentError(f"OneCycleLR: {name} has {len(values)} entries for {len(groups)} groups; give one for each")
    return values
