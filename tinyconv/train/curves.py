"""The learning curves of a run as one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.train.figures import figure_png, percent, plain_axes
from tinyconv.train.records import EpochRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, HELD_OUT, BEST = "#8a8f98", "#0b62c4", "#d9480f"
MARGIN = 0.04
"""Share of an axis left free, so that a mark at the lowest or highest value is not cut."""


def curves_png(history: Sequence[EpochRecord], title: str, best_epoch: int | None) -> bytes:
    """PNG of loss and accuracy over the epochs, training and held-out; ``best_epoch`` is marked where given.

    The same history gives the same bytes, whatever matplotlib is configured to.
    """

    def draw(figure: Figure) -> None:
        loss_axes, accuracy_axes = figure.subplots(1, 2)
        figure.suptitle(title, fontsize=12)
        _draw(loss_axes, history, lambda record: record.train_loss, lambda record: record.test_loss, best_epoch)
        loss_axes.set_ylabel("loss")
        loss_axes.set_ylim(bottom=-MARGIN * loss_axes.get_ylim()[1])
        _draw(
            accuracy_axes,
            history,
            lambda record: record.train_accuracy,
            lambda record: record.test_accuracy,
            best_epoch,
        )
        accuracy_axes.set_ylabel("accuracy")
        accuracy_axes.yaxis.set_major_formatter(lambda value, _: percent(value))
        low = min(min(record.train_accuracy, record.test_accuracy or 1.0) for record in history)
        accuracy_axes.set_ylim(low - MARGIN * (1 - low) - 0.01, 1 + MARGIN * (1 - low) + 0.01)
        handles, labels = loss_axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)

    return figure_png(draw, 9.5, 4.2)


def _draw(
    axes: Axes,
    history: Sequence[EpochRecord],
    training: Callable[[EpochRecord], float],
    held_out: Callable[[EpochRecord], float | None],
    best_epoch: int | None,
) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = [record.epoch for record in history]
    style: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linewidth": 1.6}
    axes.plot(
        epochs, [training(record) for record in history], color=TRAINING, label="training, while learning", **style
    )
    measured = [(record.epoch, held_out(record)) for record in history if held_out(record) is not None]
    if measured:
        axes.plot(*zip(*measured, strict=True), color=HELD_OUT, label="held-out", **style)
    for record in history:
        value = held_out(record)
        if record.epoch == best_epoch and value is not None:
            label = f"lowest held-out loss: epoch {best_epoch}"
            axes.plot(record.epoch, value, "o", markersize=9, markerfacecolor="none", color=BEST, label=label, zorder=3)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    plain_axes(axes)
