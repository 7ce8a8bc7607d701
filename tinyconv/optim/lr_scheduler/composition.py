"""Schedules made of schedules."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.optim.lr_scheduler.base import LRScheduler, check_optimizer
from tinyconv.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tinyconv.optim.optimizer import Optimizer


class _Composition(LRScheduler):
    """What the two share: schedules of one optimiser, whose states are part of the state."""

    schedulers: list[LRScheduler]

    def _take(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        name = type(self).__name__
        self.schedulers = list(schedulers)
        if not self.schedulers:
            raise ArgumentError(f"{name}: the list of schedules is empty; give at least one")
        for position, schedule in enumerate(self.schedulers):
            if not isinstance(schedule, LRScheduler):
                raise ArgumentError(f"{name}: schedulers[{position}] is a {type(schedule).__name__}, no schedule")
            if isinstance(schedule, ReduceLROnPlateau):
                raise ArgumentError(
                    f"{name}: schedulers[{position}] is a ReduceLROnPlateau, whose step needs a metric; "
                    "step it by itself"
                )
            optimizer = optimizer or schedule.optimizer
            if schedule.optimizer is not optimizer:
                raise ArgumentError(
                    f"{name}: schedulers[{position}], a {type(schedule).__name__}, belongs to another optimiser; "
                    "all must be of one"
                )
        check_optimizer(self, optimizer)
        self.optimizer = self.schedulers[0].optimizer

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, with the states of the schedules in a list."""
        state = super().state_dict()
        state["schedulers"] = [schedule.state_dict() for schedule in self.schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        states = state_dict["schedulers"]
        if len(states) != len(self.schedulers):
            raise ArgumentError(
                f"{type(self).__name__}: the state is of {len(states)} schedules, this is one of {len(self.schedulers)}"
            )
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "schedulers"})
        for schedule, state in zip(self.schedulers, states, strict=True):
            schedule.load_state_dict(state)

    def _undo_first_step(self) -> None:
        """The constructor's steps of all the schedules inside do not count."""
        for schedule in self.schedulers:
            if isinstance(schedule, _Composition):
                schedule._undo_first_step()
            else:
                schedule.last_epoch -= 1


class SequentialLR(_Composition):
    """One schedule after the other: the next takes over, from its own start, at each of ``milestones``.

    ``schedulers``: made for the same optimiser, one more than there are milestones.
    ``last_epoch``: the step to count on from; −1 starts anew.

    Raises: ``ArgumentError`` for no schedules, other optimisers, a ``ReduceLROnPlateau``, and numbers that do not
        match.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> warm_up = optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=9)
    >>> decay = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = optim.lr_scheduler.SequentialLR(optimizer, [warm_up, decay], milestones=[2])
    >>> rates = []
    >>> for _ in range(5):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [4.0, 4.0, 8.0, 4.0, 2.0]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        check_optimizer(self, optimizer)
        self._take(schedulers, optimizer)
        self.milestones = list(milestones)
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ArgumentError(
                f"SequentialLR: {len(self.schedulers)} schedules meet at {len(self.schedulers) - 1} milestones, got "
                f"{len(self.milestones)}"
            )
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._undo_first_step()
        active = self._active(0)
        active.first_step()
        self._last_lr = active.get_last_lr()

    def _active(self, step: int) -> LRScheduler:
        return self.schedulers[bisect.bisect_right(self.milestones, step)]

    def step(self, epoch: None = None) -> None:
        """Go on by one step of the schedule whose turn it is."""
        if epoch is not None:
            raise UnsupportedError("SequentialLR: step(epoch) is not offered; call step() without arguments")
        self.last_epoch += 1
        active = self._active(self.last_epoch)
        if self.last_epoch in self.milestones:
            active.restart()
        else:
            active.step()
        self._last_lr = active.get_last_lr()


class ChainedScheduler(_Composition):
    """Several schedules at once: each step steps them all, and their factors multiply.

    ``schedulers``: made for the same ``optimizer`` (default: that of the first).

    Raises: ``ArgumentError`` for no schedules, other optimisers and a ``ReduceLROnPlateau``.

    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=8.0)
    >>> warm_up = optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> decay = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = optim.lr_scheduler.ChainedScheduler([warm_up, decay])
    >>> rates = []
    >>> for _ in range(4):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [4.0, 2.0, 2.0, 1.0]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._take(schedulers, optimizer)
        self._last_lr = self._present()

    def step(self, epoch: None = None) -> None:
        """Go on by one step of every schedule."""
        if epoch is not None:
            raise UnsupportedError("ChainedScheduler: step(epoch) is not offered; call step() without arguments")
        for schedule in self.schedulers:
            schedule.step()
        self._last_lr = self._present()

    def first_step(self) -> None:
        """The first step of every schedule: a ``SequentialLR`` makes it again."""
        for schedule in self.schedulers:
            schedule.first_step()
        self._last_lr = self._present()

    def restart(self) -> None:
        for schedule in self.schedulers:
            schedule.restart()
        self._last_lr = self._present()
