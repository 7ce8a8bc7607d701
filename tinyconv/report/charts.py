"""Lines over the epochs as SVG that follows the page's colours: where the lines go, and what stands at the axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyconv.features.colours import format_number

WIDTH, HEIGHT = 460, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 36


@dataclass(frozen=True)
class Line:
    """``points``: (x, y, text of the point) in pixels; parted where a value is missing."""

    name: str
    style: str
    runs: list[list[tuple[float, float, str]]]


@dataclass(frozen=True)
class Chart:
    """One picture: ``title``, what stands on both axes as (pixel, text), and its lines."""

    title: str
    words: str
    across: list[tuple[float, str]]
    upward: list[tuple[float, str]]
    lines: list[Line]
    axis: str = "epoch"
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def chart(
    title: str,
    words: str,
    epochs: Sequence[float],
    values: Mapping[str, tuple[str, Sequence[float | None]]],
    written: Callable[[float], str] = format_number,
    logarithmic: bool = False,
    axis: str = "epoch",
) -> Chart | None:
    """A chart of ``values``: name -> (style, one value for each of ``epochs``); None where no value is known."""
    known = [v for _, row in values.values() for v in row if v is not None and np.isfinite(v)]
    known = [v for v in known if v > 0] if logarithmic else known
    if not known or not epochs:
        return None
    ticks = _powers(min(known), max(known)) if logarithmic else _ticks(min(0.0, *known), max(known))
    low, high = ticks[0], ticks[-1]
    first, last = min(epochs), max(epochs)

    def x_of(epoch: float) -> float:
        share = 0.5 if last == first else (epoch - first) / (last - first)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y_of(value: float) -> float:
        share = np.log(value / low) / np.log(high / low) if logarithmic else (value - low) / (high - low)
        return round(float(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)), 1)

    lines = []
    for name, (style, row) in values.items():
        runs: list[list[tuple[float, float, str]]] = [[]]
        for epoch, value in zip(epochs, row, strict=True):
            if value is None or not np.isfinite(value) or (logarithmic and value <= 0):
                runs.append([])
            else:
                runs[-1].append((x_of(epoch), y_of(value), f"{name}, {axis} {epoch:g}: {written(value)}"))
        lines.append(Line(name, style, [run for run in runs if run]))
    across = [(x_of(tick), f"{tick:g}") for tick in _whole_ticks(first, last)]
    return Chart(title, words, across, [(y_of(tick), written(tick)) for tick in ticks], lines, axis)


def _ticks(low: float, high: float) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=5).tick_values(low, high if high > low else low + 1)
    return [float(tick) for tick in ticks]


def _whole_ticks(low: float, high: float) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=8, integer=True).tick_values(low, high)
    return sorted({low, *(float(tick) for tick in ticks if low < tick <= high)})


def _powers(low: float, high: float) -> list[float]:
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    last = max(last, first + 1)
    step = -(-(last - first) // 6)
    return [10.0**power for power in range(first, last + step, step)]
