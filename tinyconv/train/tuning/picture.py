"""What came of the trials, over each parameter that was searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinyconv.train.figures import INK, figure_png, percent, plain_axes
from tinyconv.train.recipes import Recipe
from tinyconv.train.tuning.trials import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ANY, BEST, UNCHANGED = "#0b62c4", "#d9480f", "#20242a"
NAMES = {
    "lr": "learning rate",
    "width": "width (1: as in the recipe)",
    "augmentation": "augmentation (1: as in the recipe)",
    "weight_decay": "weight decay",
    "batch_size": "batch size",
}
LOGARITHMIC = ("lr", "weight_decay")


def tuning_png(trials: Sequence[Trial], recipe: Recipe, title: str) -> bytes:
    """PNG of the accuracy of the ``trials``, the best of which comes first, over each of their parameters.

    ``recipe``: what was varied; it is the trial without parameters, and marked. The same trials give the same bytes.

    Raises: nothing of its own.

    >>> from pathlib import Path
    >>> from tinyconv.train import Recipe, Trial, tuning_png
    >>> trials = [Trial(1, {"lr": 0.01}, Path("001"), "finished", 0.9, 0.3, 5)]
    >>> tuning_png(trials, Recipe(), "mine").startswith(bytes([137]) + b"PNG")
    True
    """
    names = list(dict.fromkeys(name for trial in trials for name in trial.parameters)) or ["lr"]
    unchanged = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "batch_size": float(recipe.batch_size)}

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        figure.suptitle(f"{title}: accuracy on the validation images, a point for each trial", fontsize=11, color=INK)
        for axes, name in zip(panels, names, strict=True):
            usual = unchanged.get(name, 1.0)
            _draw(
                axes, name, [(t.parameters.get(name, usual), t.accuracy, t) for t in trials if t.accuracy is not None]
            )
        panels[0].set_ylabel("accuracy")
        panels[0].yaxis.set_major_formatter(lambda value, _: percent(value))
        found = {
            label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            found.values(), found.keys(), loc="outside lower center", ncols=len(found), frameon=False, fontsize=9
        )

    return figure_png(draw, 1.2 + 3.1 * len(names) + 2.0 * (len(names) == 1), 4.0)


def _draw(axes: Axes, name: str, points: Sequence[tuple[float, float, Trial]]) -> None:
    """``points``: a parameter's value, the accuracy that came of it, and the trial; that of the best one first."""
    others = [(value, accuracy) for value, accuracy, trial in points[1:] if trial.parameters]
    if others:
        axes.plot(*zip(*others, strict=True), "o", color=ANY, alpha=0.75, markersize=6, label="a trial")
    value, accuracy, best = points[0]
    label = f"the best: trial {best.number}, {best.described()}"
    axes.plot(value, accuracy, "*", color=BEST, markersize=14, label=label, zorder=3)
    for value, accuracy, trial in points:
        if not trial.parameters:
            axes.plot(
                *(value, accuracy, "s"),
                markerfacecolor="none",
                markeredgecolor=UNCHANGED,
                markersize=11,
                label="the recipe unchanged",
                zorder=4,
            )
    if name in LOGARITHMIC and all(value > 0 for value, _, _ in points):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter("")
    axes.set_xlabel(NAMES.get(name, name))
    plain_axes(axes)
