"""Which learning rate suits a network and its data: a short training whose rate grows from step to step.

η_i = lowest · (highest / lowest)^(i / (n − 1)),   m_i = β m_{i−1} + (1 − β) loss_i,   smoothed_i = m_i / (1 − β^(i+1))

Too small a rate leaves the loss where it is, too large a one drives it up. Between, where it falls fastest over log η,
is a rate to begin with. Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError, DataError, RunError
from tinyconv.core.random import default_generator
from tinyconv.models.auxiliary import total_loss
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.optim import Optimizer
from tinyconv.train.curves import BEST, HELD_OUT
from tinyconv.train.figures import figure_png, plain_axes
from tinyconv.train.records import BatchSource, checked
from tinyconv.train.unsupervised import learn_unsupervised

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMOOTHING = 0.9
DIVERGED = 4.0
"""The search ends when the smoothed loss is this many times its least."""
LEAST_STEPS = 10
"""A curve of fewer has no steepest place."""


@dataclass(frozen=True)
class RateSearch:
    """The ``rates`` that were tried, one a step, and the smoothed ``losses`` they led to.

    Raises: nothing of its own.

    >>> from tinyconv.train import RateSearch
    >>> rates = np.logspace(-4, 0, 5)
    >>> RateSearch(rates, np.array([2.0, 1.9, 1.0, 0.9, 3.0])).suggestion
    0.001
    """

    rates: FloatArray
    losses: FloatArray

    @property
    def suggestion(self) -> float:
        """The rate at which the loss falls fastest over the logarithm of the rate, before its least."""
        least = int(self.losses.argmin()) + 1
        if least < 2:
            return float(self.rates[0])
        slopes = np.gradient(self.losses[:least], np.log(self.rates[:least]))
        return float(self.rates[int(slopes.argmin())])


def find_learning_rate(
    model: Module,
    loss: Any,
    optimizer: Optimizer,
    batches: BatchSource,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
) -> RateSearch:
    """Train for up to ``steps`` steps with rates from ``lowest`` to ``highest``, then put everything back.

    Model, optimiser and the default random generator are afterwards what they were before. The batches are gone
    through as often as it takes. The search ends early where the loss has become four times its least, or NaN.

    Raises: ``ArgumentError`` for rates that are not 0 < lowest < highest, or fewer than ten steps; ``DataError`` where
        there is no batch; ``RunError`` where the loss is not finite even at the lowest rates.

    >>> from tinyconv.train import find_learning_rate
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> batches = [(tc.rand(8, 1, 2, 2), tc.arange(8) % 2)]
    >>> search = find_learning_rate(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=1.0), batches)
    >>> 1e-6 < search.suggestion <= 10
    True
    """
    if not 0 < lowest < highest < math.inf:
        raise ArgumentError(f"find_learning_rate: rates must be 0 < lowest < highest, got {lowest:g} and {highest:g}")
    if steps < LEAST_STEPS:
        raise ArgumentError(f"find_learning_rate: steps must be at least {LEAST_STEPS}, got {steps}")
    if len(batches) == 0:
        raise DataError("find_learning_rate: there is no batch to train on")
    weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    state = _copied(optimizer.state_dict())
    generator, training = default_generator.get_state(), model.training
    model.train()
    try:
        learn_unsupervised(model, batches, lambda _: None)
        with np.errstate(over="ignore", invalid="ignore"):
            losses = _search(model, loss, optimizer, batches, np.geomspace(lowest, highest, steps))
    finally:
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
        optimizer.zero_grad()
        model.train(training)
        default_generator.set_state(generator)
    if len(losses) < LEAST_STEPS:
        raise RunError(
            f"find_learning_rate: the loss diverged after {len(losses)} steps, at a learning rate of at most "
            f"{np.geomspace(lowest, highest, steps)[len(losses)]:.2g}; look for NaN in the images, or begin lower"
        )
    return RateSearch(np.geomspace(lowest, highest, steps)[: len(losses)], np.array(losses))


def _search(model: Module, loss: Any, optimizer: Optimizer, batches: BatchSource, rates: FloatArray) -> list[float]:
    smoothed: list[float] = []
    mean = 0.0
    for rate, (images, labels) in zip(rates.tolist(), _endless(batches), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        value = total_loss(loss, model(images), labels)
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value.item()
        smoothed.append(mean / (1 - SMOOTHING ** (len(smoothed) + 1)))
        if not smoothed[-1] <= DIVERGED * min(smoothed):
            return smoothed[:-1]
        value.backward()
        optimizer.step()
    return smoothed


def _endless(batches: BatchSource) -> Iterator[tuple[Tensor, Tensor]]:
    epoch = 0
    while True:
        if hasattr(batches, "set_epoch"):
            batches.set_epoch(epoch)
        yield from map(checked, batches)
        epoch += 1


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """An optimiser's state, whose tensors go on changing, as it is now."""
    entries = {
        number: {name: value.clone() if isinstance(value, Tensor) else value for name, value in entry.items()}
        for number, entry in state["state"].items()
    }
    return {"state": entries, "param_groups": [dict(group) for group in state["param_groups"]]}


def rates_png(search: RateSearch, title: str) -> bytes:
    """PNG of the smoothed loss over the rate, with the suggestion marked. The same search gives the same bytes."""

    def draw(figure: Figure) -> None:
        figure.suptitle(title, fontsize=12)
        _draw(figure.subplots(), search)

    return figure_png(draw, 6.5, 4.2)


def _draw(axes: Axes, search: RateSearch) -> None:
    suggestion, least = search.suggestion, int(search.losses.argmin())
    axes.plot(search.rates, search.losses, color=HELD_OUT, linewidth=1.6)
    place = int(np.abs(search.rates - suggestion).argmin())
    label = f"falls fastest: {suggestion:.2g}"
    axes.plot(suggestion, search.losses[place], "o", markersize=9, markerfacecolor="none", color=BEST, label=label)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")  # the usual one writes formulas
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss, smoothed")
    # What the loss becomes where it diverges would press the part that matters flat.
    bottom, top = float(search.losses[least]), float(search.losses[: least + 1].max())
    axes.set_ylim(bottom - 0.05 * (top - bottom) - 1e-9, top + 0.5 * (top - bottom) + 1e-9)
    plain_axes(axes)
    axes.legend(frameon=False, loc="upper left")
