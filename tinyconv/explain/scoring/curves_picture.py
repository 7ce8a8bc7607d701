"""The perturbation curves of several methods as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyconv.explain.methods import METHODS
from tinyconv.features.folders import make_folder
from tinyconv.train.figures import INK, figure_png, plain_axes
from tinyconv.utils.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinyconv.explain.scoring.record import ScoreRecord

FAMILY_COLOURS = {
    "gradients": "#1f6fd6",
    "rectified": "#7d4bc2",
    "activation maps": "#2a9d47",
    "relevance": "#d9480f",
    "occlusion": "#8a5a3b",
}
RANDOM = "#20242a"
BAR_HEIGHT = 0.24


def write_scores_png(path: Path, record: ScoreRecord) -> Path:
    """Draw the scores of ``record`` into the PNG file ``path``: for each replacement the curves, and AOPC as bars.

    Raises: ``RunError`` where the file cannot be written.

    >>> from tinyconv.explain.scoring import write_scores_png
    >>> write_scores_png.__name__
    'write_scores_png'
    """
    kinds = list(record.random)
    rows = max(sum(kind in row for row in record.methods.values()) for kind in kinds)
    height = len(kinds) * (1.6 + max(BAR_HEIGHT * (rows + 1), 2.4))

    def draw(figure: Figure) -> None:
        subject = record.subject
        figure.suptitle(
            f"{subject['run']} (epoch {subject['epoch']}), {subject['images']} images: how fast the class's "
            f"{subject['answer']} falls when a method's most relevant regions are replaced\n"
            "faster is better; black: the same regions in random order",
            fontsize=10,
            color=INK,
        )
        panels: Any = figure.subplots(len(kinds), 2, squeeze=False, width_ratios=(1, 1.15))
        for (curves, bars), kind in zip(panels, kinds, strict=True):
            _draw_curves(curves, record, kind)
            _draw_bars(bars, record, kind)

    make_folder(path.parent)
    write_atomically(path, figure_png(draw, 11, height))
    return path


def _colour(method: str) -> str:
    return FAMILY_COLOURS.get(METHODS[method].family, "#8a8f98") if method in METHODS else "#8a8f98"


def _draw_curves(axes: Any, record: ScoreRecord, kind: str) -> None:
    families = set()
    for name, row in record.methods.items():
        if kind not in row:
            continue
        family = METHODS[name].family if name in METHODS else "other"
        label = None if family in families else family
        families.add(family)
        axes.plot(row[kind]["curve"], color=_colour(name), linewidth=1.3, alpha=0.85, label=label)
    axes.plot(record.random[kind]["curve"], color=RANDOM, linewidth=2.2, linestyle="--", label="random order")
    axes.set_xlabel(f"regions replaced by {kind}")
    axes.set_ylabel(f"fall of the {record.subject['answer']}")
    axes.legend(frameon=False, fontsize=8)
    plain_axes(axes)


def _draw_bars(axes: Any, record: ScoreRecord, kind: str) -> None:
    rows = sorted((row for row in record.methods.values() if kind in row), key=lambda row: float(row[kind]["aopc"]))
    names = [row["method"] for row in rows]
    areas = [row[kind]["aopc"] for row in rows]
    errors = [2 * (row[kind]["standard_error"] or 0.0) for row in rows]
    axes.barh(names, areas, xerr=errors, color=[_colour(name) for name in names], height=0.7, ecolor="#8a8f98")
    random = record.random[kind]["aopc"]
    axes.axvline(sum(random) / len(random), color=RANDOM, linewidth=2, linestyle="--")
    axes.set_xlabel(f"AOPC, {kind}: mean fall over the steps (grey: ± 2 standard errors)")
    axes.tick_params(axis="y", labelsize=8)
    axes.xaxis.label.set_size(8.5)
    plain_axes(axes)
