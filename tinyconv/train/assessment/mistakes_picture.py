"""The worst mistakes with their images: what the network saw, what it took it for, and how sure it was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.train.figures import INK, figure_png, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS, LONGEST_NAME = 6, 22
TILE, PICTURE, CAPTION, HEADER, FOOTER, NARROWEST = 1.95, 1.6, 0.5, 0.7, 0.35, 6.6
"""In inches: a tile's width, the side of its picture, and the height of the lines below it; of the whole, the height of
title and note, and the width that the title needs."""

TRUE, TAKEN_FOR = "#0b62c4", "#c2410c"


@dataclass(frozen=True)
class Mistake:
    """An image (C, H, W) in [0, 1], its class, the class it was taken for, and the probabilities given to both."""

    image: Array
    true: str
    predicted: str
    probability: float
    true_probability: float


def mistakes_png(mistakes: Sequence[Mistake], title: str) -> bytes:
    """PNG of the ``mistakes``, in their order, row by row."""
    columns = min(COLUMNS, len(mistakes))
    width = max(TILE * columns, NARROWEST)
    height = HEADER + FOOTER + (PICTURE + CAPTION) * math.ceil(len(mistakes) / columns)

    def draw(figure: Figure) -> None:
        figure.text(0.5, 1 - 0.1 / height, title, fontsize=11, color=INK, ha="center", va="top")
        note = "in percent: the probability that the network gave to the class"
        figure.text(0.5, 0.1 / height, note, fontsize=8, color=INK, ha="center", va="bottom")
        for number, mistake in enumerate(mistakes):
            row, column = divmod(number, columns)
            left = (width - TILE * columns) / 2 + TILE * column + (TILE - PICTURE) / 2
            bottom = height - HEADER - (PICTURE + CAPTION) * row - PICTURE
            place = (left / width, bottom / height, PICTURE / width, PICTURE / height)
            _draw(figure.add_axes(place), mistake)

    return figure_png(draw, width, height, arranged=False)


def _draw(axes: Axes, mistake: Mistake) -> None:
    axes.set_axis_off()
    pixels = np.asarray(mistake.image, np.float32).transpose(1, 2, 0)
    if pixels.shape[2] == 1:
        axes.imshow(pixels[:, :, 0], cmap="gray", vmin=0, vmax=1)
    else:
        axes.imshow(pixels.clip(0, 1))
    lines = (
        (f"is {shortened(mistake.true, LONGEST_NAME)}: {_percent(mistake.true_probability)}", TRUE),
        (f"taken for {shortened(mistake.predicted, LONGEST_NAME)}: {_percent(mistake.probability)}", TAKEN_FOR),
    )
    for number, (text, colour) in enumerate(lines):
        below = (0, -4 - 11 * number)
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
        axes.annotate(text, (0.5, 0), below, fontsize=7.5, color=colour, ha="center", va="top", **place)


def _percent(probability: float) -> str:
    """Whole percents, and never 100% of what was wrong, or 0% of what was true."""
    if probability > 0.995:
        return ">99%"
    return "<1%" if probability < 0.005 else f"{100 * probability:.0f}%"
