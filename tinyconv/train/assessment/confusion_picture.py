"""The confusion matrix as a picture that stays readable for two classes and for a hundred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.train.figures import INK, figure_png, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES, LONGEST_NAME = 80, 24
CELL, LARGEST_CELL, SMALLEST_SIDE = 0.27, 0.85, 4.2
"""In inches: a cell of many classes holds three digits of the smallest legible size, one of a few is not a poster."""

LETTER = 0.0078
"""Inches that a letter of one point takes, on average."""

RIGHT, WRONG = "Blues", "Oranges"
DARK = 0.6
"""From this share of the colour scale on, numbers are written in white."""


def confusion_png(confusion: Array, classes: Sequence[str], title: str) -> bytes:
    """PNG of ``confusion``: a row for each true class, a column for each class that images were taken for.

    A cell holds a number of images, and its colour is their share of the row. Of more than 80 classes those with most
    mistakes are shown.
    """
    shown = most_mistaken(confusion, MOST_CLASSES)
    counts = confusion[np.ix_(shown, shown)]
    names = [f"{shortened(classes[label], LONGEST_NAME)} ({confusion[label].sum()})" for label in shown]
    columns = [shortened(classes[label], LONGEST_NAME) for label in shown]
    cell = min(LARGEST_CELL, max(CELL, SMALLEST_SIDE / len(shown)))
    side = cell * len(shown)
    font = 7.0 if cell < 0.4 else 9.5
    left, below = (0.6 + max(map(len, texts)) * font * LETTER for texts in (names, columns))
    subtitle = "rows: the true class (its images); columns: what they were taken for"
    if len(shown) < len(classes):
        subtitle += f"\nthe {len(shown)} of {len(classes)} classes with most mistakes"

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        figure.suptitle(title, fontsize=12, color=INK)
        axes.set_title(subtitle, fontsize=9, color=INK)
        _cells(axes, counts, confusion.sum(axis=1)[shown], 6.0 if cell < 0.4 else 10.0)
        axes.set_xticks(range(len(shown)), columns, rotation=90, fontsize=font)
        axes.set_yticks(range(len(shown)), names, fontsize=font)
        axes.tick_params(length=0)
        axes.set_xlabel("taken for", fontsize=10)
        axes.set_ylabel("true class", fontsize=10)
        figure.supxlabel("blue: recognised, orange: mistaken; the darker, the larger the share of its row", fontsize=9)

    return figure_png(draw, max(side + left, 6.2), side + below + 1.15)


def most_mistaken(confusion: Array, limit: int) -> Array:
    """Labels, ascending, of the ``limit`` classes that were taken for others, or others for them, most often."""
    mistakes = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * np.diagonal(confusion)
    return np.sort(np.argsort(-mistakes, kind="stable")[:limit])


def _cells(axes: Axes, counts: Array, images: Array, font: float) -> None:
    # A share s is drawn at 0.15 + 0.85 √s of the colour scale: one mistake among a hundred images must be seen.
    shade = 0.15 + 0.85 * np.sqrt(counts / np.maximum(images, 1)[:, None])
    diagonal = np.eye(len(counts), dtype=bool)
    for where, colours in ((diagonal, RIGHT), (~diagonal, WRONG)):
        axes.imshow(np.where(where & (counts > 0), shade, np.nan), cmap=colours, vmin=0, vmax=1)
    edges = np.arange(len(counts) + 1) - 0.5
    axes.hlines(edges, edges[0], edges[-1], color="#d3d6da", linewidth=0.5)
    axes.vlines(edges, edges[0], edges[-1], color="#d3d6da", linewidth=0.5)
    for row, column in np.argwhere(counts):
        colour = "white" if shade[row, column] > DARK else INK
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=font, color=colour)
    for side in axes.spines.values():
        side.set_visible(False)
