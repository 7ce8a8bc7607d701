"""The learning curves of several runs in one picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import ArgumentError
from tinyconv.train.comparison.runs import Comparison, RunSummary
from tinyconv.train.figures import INK, figure_png, percent, plain_axes, shortened
from tinyconv.train.records import EpochRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (
    "#1f6fd6", "#e0601f", "#2a9d47", "#c1272d", "#7d4bc2", "#8a5a3b", "#e377c2", "#4d4d4d", "#b3a11a", "#17a8bd",
)  # fmt: skip
MARKERS = "os^DvPX<>*"
"""A colour and a mark for each run: who tells colours apart badly sees the marks, and so does a gray print."""

LONGEST_LABEL = 110
WIDE_RANGE = 30
"""Losses that differ by more than this factor are drawn on a logarithmic axis."""

Value = Callable[[EpochRecord], float | None]


def comparison_png(comparison: Comparison) -> bytes:
    """PNG of loss and accuracy over the epochs of every run; the legend says what was chosen for it.

    The same runs give the same bytes.

    Raises: ``ArgumentError`` for more runs than can be told apart, or if none has finished an epoch.

    >>> from tinyconv.train import Comparison, comparison_png
    >>> try:
    ...     comparison_png(Comparison([], (), ()))
    ... except ValueError as error:
    ...     print(error)
    none of the runs has finished an epoch: there is no curve to draw
    """
    drawn = [run for run in comparison.runs if run.history]
    if not drawn:
        raise ArgumentError("none of the runs has finished an epoch: there is no curve to draw")
    if len(drawn) > len(COLOURS):
        raise ArgumentError(f"{len(drawn)} runs cannot be told apart in one picture; compare {len(COLOURS)} or fewer")

    def draw(figure: Figure) -> None:
        loss_axes, accuracy_axes = figure.subplots(1, 2)
        for number, run in enumerate(drawn):
            style = {"color": COLOURS[number], "marker": MARKERS[number]}
            _draw(loss_axes, run, lambda epoch: epoch.test_loss, lambda epoch: epoch.train_loss, style)
            _draw(accuracy_axes, run, lambda epoch: epoch.test_accuracy, lambda epoch: epoch.train_accuracy, style)
        _finish(loss_axes, drawn, "loss")
        _finish(accuracy_axes, drawn, "accuracy")
        losses = [value for run in drawn for epoch in run.history for value in (epoch.test_loss, epoch.train_loss)]
        known = [value for value in losses if value is not None and value > 0]
        if known and max(known) > WIDE_RANGE * min(known):
            loss_axes.set_yscale("log")
            loss_axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            loss_axes.yaxis.set_minor_formatter("")
        accuracy_axes.yaxis.set_major_formatter(lambda value, _: percent(value))
        figure.suptitle("lines with marks: held-out images; dotted lines: training, while learning", fontsize=9)
        handles = [axes_line for axes_line in accuracy_axes.get_lines() if axes_line.get_marker() != "None"]
        labels = [_label(comparison, run) for run in drawn]
        figure.legend(handles, labels, loc="outside lower left", ncols=1, frameon=False, fontsize=8.5, labelcolor=INK)

    return figure_png(draw, 11, 4.6 + 0.19 * len(drawn))


def _label(comparison: Comparison, run: RunSummary) -> str:
    difference = comparison.difference(run) or "the same recipe"
    state = (
        "" if run.status == "finished" else f" ({run.status}, {run.epochs} of {run.recipe.get('epochs', '?')} epochs)"
    )
    return shortened(f"{run.name}: {difference}", LONGEST_LABEL) + state


def _draw(axes: Axes, run: RunSummary, held_out: Value, training: Value, style: dict[str, Any]) -> None:
    epochs = [epoch.epoch for epoch in run.history]
    learnt = [training(epoch) for epoch in run.history]
    axes.plot(epochs, _known(learnt), color=style["color"], linestyle=":", linewidth=1.1, marker="None")
    values = _known([held_out(epoch) for epoch in run.history])
    if all(math.isnan(value) for value in values):  # nothing was held out: the marks stand on the training's line
        values = _known(learnt)
    often = max(1, len(epochs) // 12)
    axes.plot(epochs, values, linewidth=1.7, markersize=4.5, markevery=often, **style)


def _known(values: list[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _finish(axes: Axes, drawn: list[RunSummary], name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_ylabel(name)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlim(0.5, max(run.epochs for run in drawn) + 0.5)
    plain_axes(axes)
