"""What a picture of explanations is made of, in inches on one pair of axes: maps, colour bars, lines of text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from tinyconv.explain.pictures.colours import map_pixels
from tinyconv.features.colours import Pixels, format_number
from tinyconv.train.figures import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE, BAR, BAR_LABELS, GAP = 1.75, 0.09, 0.5, 0.2
"""The longer side of a map, the width of a colour bar and of its labels, the room between cells."""
LINE, SMALL_LINE = 0.19, 0.14
CELL_CHARACTERS = 40
FAINT = "#5f5f69"
FRAME = "#96969b"


def draw_bar(axes: Axes, x: float, top: float, bottom: float, limit: float, signed: bool) -> None:
    low = -limit if signed else 0.0
    levels = np.linspace(limit, low, 128)[:, None]
    axes.imshow(map_pixels(levels, limit), extent=(x, x + BAR, bottom, top), interpolation="nearest")
    outline(axes, x, top, BAR, bottom - top)
    for value in (limit, 0.0, low) if signed else (limit, 0.0):
        y = top + (limit - value) / (limit - low) * (bottom - top)
        axes.plot((x + BAR, x + BAR + 0.03), (y, y), color=INK, linewidth=0.6)
        write(axes, x + BAR + 0.05, y, format_number(value, 2), size=7, anchor="center")


def place(axes: Axes, pixels: Pixels, x: float, y: float) -> float:
    """Draw pixels with their longer side as long as a map's. Returns the y below them."""
    height, width = (SIDE * side / max(pixels.shape[:2]) for side in pixels.shape[:2])
    axes.imshow(pixels, extent=(x, x + width, y + height, y), interpolation="nearest")
    outline(axes, x, y, width, height)
    return y + height


def outline(axes: Axes, x: float, y: float, width: float, height: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=FRAME, linewidth=0.8))


def write_lines(axes: Axes, x: float, y: float, text: str) -> None:
    """At most two lines in small type."""
    for position, line in enumerate(textwrap.wrap(text, CELL_CHARACTERS, max_lines=2, placeholder=" …")):
        write(axes, x, y + position * SMALL_LINE, line, size=7, colour=FAINT)


def write(
    axes: Axes, x: float, y: float, text: str, *, size: float = 9, weight: str = "normal", colour: str = INK,
    anchor: str = "top",
) -> None:  # fmt: skip
    """One line with its top left corner at (x, y); no formula in it is one."""
    axes.text(x, y, text, fontsize=size, weight=weight, color=colour, va=anchor, parse_math=False)
