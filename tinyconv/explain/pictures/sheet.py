"""The arrangement of a picture: for each image a head and cells; above all a title, below all the notes.

Everything is drawn on one pair of axes that measures in inches from the top left: axes for every map and every bar
would take seconds.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ShapeError
from tinyconv.explain.pictures.colours import map_pixels, remarks, scale_limit
from tinyconv.explain.pictures.marks import (
    BAR,
    BAR_LABELS,
    FAINT,
    GAP,
    LINE,
    SIDE,
    SMALL_LINE,
    draw_bar,
    place,
    write,
    write_lines,
)
from tinyconv.explain.running import host
from tinyconv.features.canvas import hatching
from tinyconv.features.colours import format_number
from tinyconv.features.input_panel import image_pixels
from tinyconv.train.figures import DOTS_PER_INCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tinyconv.explain.attribution import Attribution

COLUMNS = 6
CELL = SIDE + BAR + BAR_LABELS + GAP
MARGIN = 0.25
SMALLEST_WIDTH = 7.2
CHARACTERS_PER_INCH = 15

OVER_THE_IMAGE = ("grad-cam", "hires-cam", "occlusion")
"""Methods whose maps are smooth: drawn over the image in grey, where one sees what they point at."""
ADDING_UP = ("input-x-gradient", "integrated-gradients", "lrp")
"""Methods, by how their names begin, that share a score out: what their maps sum to means something."""
TOLD = ("layer", "window", "steps", "samples", "epsilon", "gamma")
"""The options that stand under a map."""
ORIENTATION = (
    "Red speaks for the class explained, blue against it, white not at all; coarse maps lie over the image in grey. "
    "Every map has a scale of its own, printed at its bar; what lies beyond it has the strongest colour."
)


@dataclass(frozen=True)
class Subject:
    """What a picture is of, in words: ``classes`` by number, ``images`` as a reader knows them, and where from.

    ``images``: (N, C, H, W), best in [0, 1]. ``labels``: what each image is, beside its number. ``source``: a line such
    as "runs/0001 (facenet), epoch 30".

    Raises: nothing of its own.

    >>> from tinyconv.explain import Subject
    >>> Subject(classes=["cat", "dog"], source="epoch 3").class_name(1)
    'dog'
    """

    images: Any = None
    classes: Sequence[str] = ()
    labels: Sequence[str] = ()
    source: str = ""

    def class_name(self, number: int) -> str:
        """The name of class ``number``; "class 3" where names are not known."""
        return str(self.classes[number]) if number < len(self.classes) else f"class {number}"


class Sheet:
    """The picture of ``attributions``, ``width`` x ``height`` inches. Raises ``ShapeError`` where they do not fit."""

    def __init__(self, attributions: Attribution | Sequence[Attribution], subject: Subject) -> None:
        self.maps: list[Attribution] = list(attributions) if isinstance(attributions, Sequence) else [attributions]
        self.subject = subject
        counts = {len(one) for one in self.maps}
        if len(counts) != 1:
            raise ShapeError(f"a picture shows methods' maps of the same images, got maps of {sorted(counts)} images")
        self.count = counts.pop()
        self.images = None if subject.images is None else _as_array(subject.images)
        if self.images is not None and (self.images.ndim != 4 or len(self.images) != self.count):
            raise ShapeError(f"images must be (N, C, H, W), one for each of {self.count} maps, got {self.images.shape}")
        cells = len(self.maps) + (self.images is not None)
        self.columns = min(cells, COLUMNS)
        self.tall = max(SIDE * height / max(height, width) for height, width in (m.values.shape[2:] for m in self.maps))
        # Over a map its method's name and two lines about it, where there are several; two lines under it.
        self.above = LINE + (2 * SMALL_LINE if len(self.maps) > 1 else 0) + 0.06
        self.row = self.above + self.tall + 2 * SMALL_LINE + 0.16
        self.block = 2.5 * LINE + ceil(cells / self.columns) * self.row
        self.across = min(max(COLUMNS // cells, 1), self.count)
        self.width = max(2 * MARGIN + self.across * self.columns * CELL, SMALLEST_WIDTH)
        self.title = self._wrapped([_title(self.maps)], 1.4)
        self.head = self._wrapped([subject.source, ORIENTATION])
        self.notes = self._wrapped(dict.fromkeys(f"{one.method}: {note}" for one in self.maps for note in one.notes))
        self.top = MARGIN + 1.5 * LINE * len(self.title) + LINE * len(self.head) + LINE
        self.bottom = self.top + ceil(self.count / self.across) * self.block
        self.height = self.bottom + LINE * len(self.notes) + MARGIN

    def _wrapped(self, texts: Any, enlarged: float = 1) -> list[str]:
        characters = int((self.width - 2 * MARGIN) * CHARACTERS_PER_INCH / enlarged)
        return [line for text in texts for line in textwrap.wrap(text, characters)]

    def draw(self, figure: Figure) -> None:
        """Draw everything on ``figure``, which is as large as the sheet."""
        axes = figure.add_axes((0, 0, 1, 1))
        y = MARGIN
        for line in self.title:
            write(axes, MARGIN, y, line, size=13, weight="bold")
            y += 1.5 * LINE
        for line in self.head:
            write(axes, MARGIN, y, line, colour=FAINT)
            y += LINE
        for number in range(self.count):
            row, column = divmod(number, self.across)
            left = MARGIN + column * self.columns * CELL
            self._draw_block(axes, number, left, self.top + row * self.block)
        for position, line in enumerate(self.notes):
            write(axes, MARGIN, self.bottom + position * LINE, line)
        axes.set_axis_off()
        axes.set(xlim=(0, self.width), ylim=(self.height, 0), aspect="auto")

    def _draw_block(self, axes: Axes, number: int, left: float, top: float) -> None:
        """One image and its maps."""
        label = f" ({self.subject.labels[number]})" if number < len(self.subject.labels) else ""
        write(axes, left, top, f"Image {number + 1}{label}", weight="bold")
        write(axes, left, top + LINE, self._explained(number))
        cells: list[Attribution | None] = [None, *self.maps] if self.images is not None else [*self.maps]
        for position, one in enumerate(cells):
            row, column = divmod(position, self.columns)
            x, y = left + column * CELL, top + 2.5 * LINE + row * self.row
            if one is None:
                self._draw_image(axes, number, x, y)
            else:
                self._draw_map(axes, one, number, x, y)

    def _explained(self, number: int) -> str:
        targets = {int(one.targets[number]) for one in self.maps}
        if len(targets) > 1:
            return "several classes are explained, named over the maps"
        score = format_number(float(self.maps[0].scores[number]))
        return f"explained is {self.subject.class_name(targets.pop())}, score {score} before the softmax"

    def _draw_image(self, axes: Axes, number: int, x: float, y: float) -> None:
        pixels, remark = image_pixels(self.images[number])  # type: ignore[index]  # drawn where there are images
        write(axes, x, y, "the image", weight="bold")
        bottom = place(axes, pixels, x, y + self.above)
        said = [f"{pixels.shape[0]}×{pixels.shape[1]} pixels", remark]
        write_lines(axes, x, bottom + 0.06, "; ".join(filter(None, said)))

    def _draw_map(self, axes: Axes, one: Attribution, number: int, x: float, y: float) -> None:
        heat = one.heat()[number]
        write(axes, x, y, one.method, weight="bold")
        if len(self.maps) > 1:
            write_lines(axes, x, y + LINE, self._words(one, number))
        limit = scale_limit(heat)
        if limit == 0:  # nothing to colour: hatched, as feature maps that show nothing
            side = round(SIDE * DOTS_PER_INCH / max(heat.shape))
            bottom = place(axes, hatching(heat.shape[0] * side, heat.shape[1] * side), x, y + self.above)
        else:
            under = self.images[number] if self.images is not None and one.method in OVER_THE_IMAGE else None
            bottom = place(axes, map_pixels(heat, limit, under), x, y + self.above)
            draw_bar(axes, x + SIDE + 0.05, y + self.above, bottom, limit, bool((heat < 0).any()))
        adds_up = one.method.startswith(ADDING_UP)
        said = [*_told(one, number), remarks(heat, float(one.scores[number]) if adds_up else None)]
        write_lines(axes, x, bottom + 0.06, "; ".join(filter(None, said)))

    def _words(self, one: Attribution, number: int) -> str:
        """What the method shows; before it, the class, where the maps explain several."""
        words = _method_words(one.method)
        if len({int(other.targets[number]) for other in self.maps}) == 1:
            return words
        name, score = self.subject.class_name(int(one.targets[number])), format_number(float(one.scores[number]))
        return f"{name}, score {score}: {words}"


def _title(maps: list[Attribution]) -> str:
    methods = {one.method for one in maps}
    if len(methods) > 1:
        return f"What each pixel counted for the score, by {len(methods)} methods"
    (method,) = methods
    words = _method_words(method)
    return f"{method}: {words}" if words else method


def _method_words(name: str) -> str:
    from tinyconv.explain.methods import METHODS  # the table needs attributions, which need pictures

    return METHODS[name].words if name in METHODS else ""


def _told(one: Attribution, number: int) -> list[str]:
    """What a method was told and what it measured: "layer relu4", "8×8 patch", "gap 0.01"."""
    told = []
    for name, value in one.options.items():
        if name in TOLD and value is not None:
            counted = name in ("steps", "samples")
            shown = format_number(value) if isinstance(value, float) else value
            told.append(
                f"{value[0]}×{value[1]} patch"
                if name == "window"
                else f"{value} {name}"
                if counted
                else f"{name} {shown}"
            )
    told += [f"{name} {format_number(float(v[number]), 2)}" for name, v in one.measures.items() if "gap" in name]
    return told


def _as_array(images: Any) -> FloatArray:
    return host(images) if hasattr(images, "detach") else np.asarray(images)
