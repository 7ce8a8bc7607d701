"""What a picture of explanations is made of, in inches on one pair of axes: maps, colour bars, lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.explain.pictures.colours import map_pixels
from tinyconv.features.colours import Pixels, format_number
from tinyconv.features.input_panel import image_pixels
from tinyconv.train.figures import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE, BAR, BAR_LABELS, GAP = 1.75, 0.09, 0.5, 0.2
"""The longer side of a map, the width of a colour bar and of its labels, the room between cells."""
MARGIN, LINE, SMALL_LINE = 0.25, 0.19, 0.14
CHARACTERS_PER_INCH = 15
CELL_CHARACTERS = 40
FAINT = "#5f5f69"
FRAME = "#96969b"


def draw_signed_bar(axes: Axes, x: float, top: float, bottom: float, limit: float, negative: bool) -> None:
    """The bar of a map in red and blue; the half of it where nothing is ``negative``."""
    low = -limit if negative else 0.0
    ticks = (limit, 0.0, low) if negative else (limit, 0.0)
    draw_bar(axes, x, top, bottom, map_pixels(np.linspace(limit, low, 128)[:, None], limit), ticks)


def draw_bar(axes: Axes, x: float, top: float, bottom: float, colours: Pixels, ticks: Sequence[float]) -> None:
    """A vertical bar of ``colours``, its ends and what is between labelled with ``ticks``, the largest on top."""
    axes.imshow(colours, extent=(x, x + BAR, bottom, top), interpolation="nearest", aspect="auto")
    outline(axes, x, top, BAR, bottom - top)
    for value in ticks:
        y = top + (ticks[0] - value) / (ticks[0] - ticks[-1]) * (bottom - top)
        axes.plot((x + BAR, x + BAR + 0.03), (y, y), color=INK, linewidth=0.6)
        write(axes, x + BAR + 0.05, y, format_number(value, 2), size=7, anchor="center")


def place(axes: Axes, pixels: Pixels, x: float, y: float) -> float:
    """Draw pixels with their longer side as long as a map's. Returns the y below them."""
    height, width = (SIDE * side / max(pixels.shape[:2]) for side in pixels.shape[:2])
    axes.imshow(pixels, extent=(x, x + width, y + height, y), interpolation="nearest", aspect="auto")
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


def write_head(axes: Axes, x: float, y: float, title: list[str], head: list[str]) -> None:
    """The lines of a title, and those below it."""
    for line in title:
        write(axes, x, y, line, size=13, weight="bold")
        y += 1.5 * LINE
    for line in head:
        write(axes, x, y, line, colour=FAINT)
        y += LINE


def wrapped(texts: Iterable[str], room: float, enlarged: float = 1) -> list[str]:
    """The lines of ``texts``, each text once, in ``room`` inches."""
    characters = int(room * CHARACTERS_PER_INCH / enlarged)
    return [line for text in dict.fromkeys(texts) for line in textwrap.wrap(text, characters)]


def inches(figure: Figure, width: float, height: float) -> Axes:
    """Axes over all of ``figure`` that measure in inches from the top left."""
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_autoscale_on(False)
    return axes


def draw_image(axes: Axes, image: FloatArray, x: float, y: float, above: float) -> float:
    """The cell of an image (C, H, W), its picture ``above`` inches below the cell's top. Returns the y below that."""
    pixels, remark = image_pixels(image)
    write(axes, x, y, "the image", weight="bold")
    bottom = place(axes, pixels, x, y + above)
    said = [f"{pixels.shape[0]}×{pixels.shape[1]} pixels", remark]
    write_lines(axes, x, bottom + 0.06, "; ".join(filter(None, said)))
    return bottom
