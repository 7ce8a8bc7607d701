"""What all schedules share."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.optim.optimizer import Optimizer


class LRScheduler:
    """Base of the schedules: a derived class writes ``get_lr``, the rates at step ``last_epoch``, one per group.

    ``last_epoch``: −1 starts anew; another number goes on from it, with the ``initial_lr`` that is in the groups.
    The constructor makes the first step, so ``last_epoch`` is 0 after it. In ``get_lr``, ``base_lrs`` are the initial
    rates; ``closed_form`` may give the rates from those alone, for ``SequentialLR``.

    Raises: ``ArgumentError`` for something else than an optimiser, or groups without the ``initial_lr`` to go on from.

    >>> class Halving(optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [rate / 2**self.last_epoch for rate in self.base_lrs]
    >>> optimizer = optim.SGD([nn.Parameter(tc.zeros(1))], lr=0.8)
    >>> schedule = Halving(optimizer)
    >>> optimizer.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.4]
    """

    optimizer: Optimizer
    last_epoch: int
    _last_lr: list[float]
    _step_count = 0
    _is_initial = False
    _steps = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(self, optimizer)
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
        self.first_step()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "get_lr" in cls.__dict__:
            cls.get_lr = _for_steps_only(cls.__dict__["get_lr"])  # type: ignore[method-assign]

    def get_lr(self) -> list[float]:
        """The rates at step ``last_epoch``, from the present ones. ``get_last_lr`` is what a user reads."""
        raise UnsupportedError(f"{type(self).__name__} has no get_lr; write it")

    def closed_form(self) -> list[float]:
        """The rates at step ``last_epoch``, from the initial ones; as ``get_lr`` where there is no such formula."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """The rates of the groups as the last step set them."""
        return self._last_lr

    def step(self, epoch: None = None) -> None:
        """Go on by one step. Call it after ``optimizer.step()``."""
        if epoch is not None:
            raise UnsupportedError(f"{type(self).__name__}: step(epoch) is not offered; call step() without arguments")
        if self._step_count == 1 and self.optimizer.step_count == 0:
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(): the first learning rate is skipped. "
                "Call optimizer.step() first",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self.last_epoch += 1
        self._apply(self.get_lr)

    def first_step(self) -> None:
        """The step that the constructor makes, and that a ``SequentialLR`` makes again."""
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def restart(self) -> None:
        """Go to step 0: a ``SequentialLR`` has come to this schedule."""
        self.last_epoch = 0
        self._apply(self.closed_form)

    def _apply(self, formula: Callable[[], list[float]]) -> None:
        self._steps = True
        try:
            rates = formula()
        finally:
            self._steps = False
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
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


def _for_steps_only(get_lr: Callable[..., list[float]]) -> Callable[..., list[float]]:
    """``get_lr``, which warns where a user calls it: most schedules would answer with the rate after the next one."""

    @functools.wraps(get_lr)
    def warning(self: LRScheduler) -> list[float]:
        if not self._steps:
            warnings.warn(
                f"{type(self).__name__}.get_lr() computes the next rate from the present one; "
                "the present rates are get_last_lr()",
                UserWarning,
                stacklevel=2,
            )
        return get_lr(self)

    return warning


def check_optimizer(schedule: LRScheduler, optimizer: object) -> None:
    """Raise ``ArgumentError`` if ``optimizer`` is not one."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"{type(schedule).__name__}: {type(optimizer).__name__} is not an Optimizer")


def per_group(schedule: LRScheduler, name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """``value``, which is one for all groups or a list of one for each, as such a list."""
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, Sequence) else [value] * groups
    if len(values) != groups:
        raise ArgumentError(
            f"{type(schedule).__name__}: {name} has {len(values)} entries for {groups} groups; give one for each"
        )
    return values


def check_whole(schedule: LRScheduler, name: str, value: object, least: int = 1) -> None:
    """Raise ``ArgumentError`` unless ``value`` is an int of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ArgumentError(f"{type(schedule).__name__}: {name} must be an int of at least {least}, got {value!r}")


def check_momentum(schedule: LRScheduler, optimizer: Optimizer) -> bool:
    """Whether it is the first of ``betas`` that a cycle moves; ``ArgumentError`` if there is no momentum either."""
    if not {"momentum", "betas"} & set(optimizer.defaults):
        raise ArgumentError(
            f"{type(schedule).__name__}: {type(optimizer).__name__} has neither momentum nor betas to cycle; "
            "pass cycle_momentum=False"
        )
    return "betas" in optimizer.defaults


def set_momentum(group: dict[str, Any], momentum: float, use_beta1: bool) -> None:
    """Write a momentum into ``group``, where its optimiser has it."""
    if use_beta1:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
