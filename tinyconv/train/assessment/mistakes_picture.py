"""The worst mistakes with their images: what the network saw, what it took it for, and how sure it was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.train.figures import INK, figure_png, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS, LONGEST_NAME = 6, 22
TILE_WIDTH, TILE_HEIGHT, HEADER, NARROWEST = 1.75, 2.2, 0.75, 6.6
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
    rows = math.ceil(len(mistakes) / columns)

    def draw(figure: Figure) -> None:
        figure.suptitle(title, fontsize=11, color=INK)
        figure.supxlabel("in percent: the probability that the network gave to the class", fontsize=8, color=INK)
        places = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in places:
            axes.set_axis_off()
        for axes, mistake in zip(places, mistakes, strict=False):
            _draw(axes, mistake)

    return figure_png(draw, max(TILE_WIDTH * columns, NARROWEST), TILE_HEIGHT * rows + HEADER)


def _draw(axes: Axes, mistake: Mistake) -> None:
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
        axes.annotate(
            text,
            (0.5, 0),
            (0, -4 - 10 * number),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=7.5,
            color=colour,
        )


def _percent(probability: float) -> str:
    """Whole percents, and never 100% of what was wrong, or 0% of what was true."""
    if probability > 0.995:
        return ">99%"
    return "<1%" if probability < 0.005 else f"{100 * probability:.0f}%"
