"""Drawings of grids of numbers as SVG: text, so that they are sharp at any size and the same on every machine.

Inputs are blue, filters orange, outputs green, in light and dark; a gradient has the colour of what it is the gradient
of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from theory.sums import plain

STYLE = """
text { font: 13px sans-serif; fill: #1f2328; text-anchor: middle; dominant-baseline: central }
text.left { text-anchor: start } text.small { font-size: 11px } text.faint { fill: #6e7781 }
text.title { font-weight: 600 } text.strong { font-weight: 700 }
rect { stroke: #57606a; stroke-width: 1 } .input { fill: #d5e6fb } .filter { fill: #fde2c2 } .output { fill: #cfeed5 }
.empty { fill: none } .padding { fill: none; stroke: #8c959f; stroke-dasharray: 3 2 } .zero { fill: #eaeef2 }
.frame { fill: none; stroke: #bc4c00; stroke-width: 3 } .frame2 { fill: none; stroke: #1a7f37; stroke-width: 3 }
path { stroke: #57606a; stroke-width: 1.5; fill: none } path.head { fill: #57606a; stroke: none }
path.input { stroke: #0969da } path.filter { stroke: #bc4c00 } path.output { stroke: #1a7f37 }
path.area { stroke: none; fill: #0969da; fill-opacity: 0.13 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } text.faint { fill: #9198a1 } rect { stroke: #9198a1 }
.input { fill: #16365c } .filter { fill: #5c3410 } .output { fill: #16472a } .empty { fill: none }
.zero { fill: #2d333b } .padding { fill: none; stroke: #768390 } .frame { fill: none; stroke: #ffa657 }
.frame2 { fill: none; stroke: #56d364 } path { stroke: #9198a1 } path.head { fill: #9198a1 }
path.input { stroke: #58a6ff } path.filter { stroke: #ffa657 } path.output { stroke: #56d364 }
path.area { fill: #58a6ff; fill-opacity: 0.18 } }
"""

CELL = 30


class Drawing:
    """A picture of ``width`` x ``height`` pixels; ``words`` say what it shows to those who cannot see it."""

    def __init__(self, width: int, height: int, words: str) -> None:
        size = {"viewBox": f"0 0 {width} {height}", "width": str(width), "height": str(height)}
        self.root = ET.Element("svg", size | {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
        ET.SubElement(self.root, "title").text = words
        ET.SubElement(self.root, "style").text = STYLE

    def svg(self) -> str:
        """The picture as text, one element a line."""
        ET.indent(self.root, "")
        return ET.tostring(self.root, encoding="unicode") + "\n"

    def text(self, x: float, y: float, words: str, style: str = "") -> None:
        """``words`` with their middle at (x, y); style "left": their beginning."""
        ET.SubElement(self.root, "text", {"x": plain(x), "y": plain(y), "class": style}).text = words

    def box(self, x: float, y: float, width: float, height: float, style: str) -> None:
        """A rectangle."""
        place = {"x": plain(x), "y": plain(y), "width": plain(width), "height": plain(height), "class": style}
        ET.SubElement(self.root, "rect", place)

    def line(self, points: Sequence[tuple[float, float]], style: str = "", arrow: bool = False) -> None:
        """Through ``points``; with ``arrow``, a head at the last."""
        path = "M " + " L ".join(f"{plain(x)} {plain(y)}" for x, y in points)
        ET.SubElement(self.root, "path", {"d": path, "class": style})
        if arrow:
            (x0, y0), (x1, y1) = points[-2:]
            ahead = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
            aside = np.array([-ahead[1], ahead[0]])
            corners = [(x1, y1), *(np.array([x1, y1]) - 9 * ahead + side * aside for side in (4, -4))]
            path = "M " + " L ".join(f"{plain(cx)} {plain(cy)}" for cx, cy in corners) + " Z"
            ET.SubElement(self.root, "path", {"d": path, "class": "head"})

    def grid(
        self,
        x: float,
        y: float,
        values: Any,
        style: str,
        cell: float = CELL,
        strong: Collection[tuple[int, int]] = (),
        empty: Collection[tuple[int, int]] = (),
        words: str = "",
    ) -> None:
        """A matrix of numbers or words with its corner at (x, y), ``words`` above it.

        ``strong``: cells whose number is bold. ``empty``: cells without colour.
        """
        cells = np.asarray(values)
        for (i, j), value in np.ndenumerate(cells):
            self.box(x + j * cell, y + i * cell, cell, cell, "padding" if (i, j) in empty else style)
            text = value if isinstance(value, str) else plain(value)
            style_of_text = ("strong" if (i, j) in strong else "") + (" faint" if (i, j) in empty else "")
            self.text(x + (j + 0.5) * cell, y + (i + 0.5) * cell + 1, text, style_of_text.strip())
        if words:
            self.text(x + cells.shape[1] * cell / 2, y - 14, words, "title")

    def frame(
        self,
        x: float,
        y: float,
        place: tuple[int, int],
        size: tuple[int, int],
        cell: float = CELL,
        style: str = "frame",
    ) -> None:
        """A thick frame around ``size`` cells of a grid at (x, y), from the cell at ``place``."""
        (i, j), (rows, columns) = place, size
        self.box(x + j * cell, y + i * cell, columns * cell, rows * cell, style)
