"""The health of a network as one picture: what is wrong, by layer and by epoch, and how large updates were."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.features.health.record import HealthRecord
from tinyconv.features.health.verdict import faults
from tinyconv.train.figures import figure_png, percent, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

SHOWN = {
    "dead": "#1d2127",
    "constant": "#8a8f98",
    "saturated": "#d9480f",
    "duplicate": "#0b62c4",
    "not finite": "#c2009e",
}
GOOD_RATIO = 1e-3


def health_png(record: HealthRecord, title: str) -> bytes:
    """PNG of the share of faulty channels by layer at the last epoch, their number by epoch, and updates by epoch.

    Equal records give equal bytes. Updates are left out where they were not recorded.
    """
    has_epochs = len(record.epochs) > 1
    has_updates = any(np.isfinite(known["update_ratio"]).any() for known in record.figures.values())

    def draw(figure: Figure) -> None:
        figure.suptitle(f"{title}: health of channels, over {record.images} images", fontsize=12)
        count = 1 + has_epochs + has_updates
        axes = np.atleast_1d(figure.subplots(1, count))
        _draw_layers(axes[0], record)
        if has_epochs:
            _draw_epochs(axes[1], record)
        if has_updates:
            _draw_updates(axes[-1], record)
        shown = _keys(record)
        if shown:
            figure.legend(handles=shown, loc="outside lower center", ncols=len(shown), frameon=False)

    height = max(3.6, 1.4 + 0.22 * len(record.figures))
    return figure_png(draw, 5.0 * (1 + has_epochs + has_updates), height)


def _keys(record: HealthRecord) -> list[Patch]:
    """A key for each fault that there was at any epoch, even if it is no longer there at the last."""
    from matplotlib.patches import Patch

    found = [fault for fault in SHOWN if any(faults(record, layer)[fault].any() for layer in record.figures)]
    return [Patch(color=SHOWN[fault], label=fault) for fault in found]


def _draw_layers(axes: Axes, record: HealthRecord) -> None:
    layers = list(record.figures)
    left = np.zeros(len(layers))
    for fault, colour in SHOWN.items():
        shares = np.array([faults(record, layer)[fault][-1].mean() for layer in layers])
        if shares.any():
            axes.barh(layers, shares, left=left, color=colour)
            left = left + shares
    axes.invert_yaxis()
    axes.set_xlim(0, max(0.1, 1.1 * float(left.max(initial=0))))
    axes.xaxis.set_major_formatter(lambda value, _: percent(value))
    axes.set_title(f"channels with a fault, epoch {record.epochs[-1]}", fontsize=10)
    if not left.any():
        axes.set_yticks(range(len(layers)), layers)
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color="#5c6470")
    plain_axes(axes)


def _draw_epochs(axes: Axes, record: HealthRecord) -> None:
    from matplotlib.ticker import MaxNLocator

    totals: dict[str, Any] = {
        fault: sum(faults(record, layer)[fault].sum(axis=1) for layer in record.figures) for fault in SHOWN
    }
    for fault, counts in totals.items():
        if np.any(counts):
            axes.plot(record.epochs, counts, color=SHOWN[fault], marker="o", markersize=3.5, linewidth=1.6)
    axes.set_title("number of faulty channels", fontsize=10)
    axes.set_xlabel("epoch")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_axes(axes)


def _draw_updates(axes: Axes, record: HealthRecord) -> None:
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    layers = list(record.figures)
    axes.axhline(GOOD_RATIO, color="#8a8f98", linestyle="--", linewidth=1)
    for number, layer in enumerate(layers):
        ratios = record.figures[layer]["update_ratio"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # before the training nothing was updated
            medians = np.nanmedian(ratios, axis=1)
        if np.isfinite(medians).any():
            colour = colormaps["viridis"](number / max(1, len(layers) - 1) * 0.9)
            axes.plot(record.epochs, medians, color=colour, marker="o", markersize=3.5, linewidth=1.6, label=layer)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("update / weight of a step, median of channels\n(dashed: 0.001, a healthy size)", fontsize=10)
    axes.set_xlabel("epoch")
    axes.legend(fontsize=8, frameon=False)
    plain_axes(axes)
