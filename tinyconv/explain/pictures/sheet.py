"""The arrangement of a picture: for each image a head and cells; above all a title, below all the notes.

Everything is drawn on one pair of axes that measures in inches from the top left: axes for every map and every bar
would take seconds.
"""

from __future__ import annotations

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
    GAP,
    LINE,
    MARGIN,
    SIDE,
    SMALL_LINE,
    draw_image,
    draw_signed_bar,
    inches,
    place,
    wrapped,
    write,
    write_head,
    write_lines,
)
from tinyconv.explain.running import host
from tinyconv.features.canvas import hatching
from tinyconv.features.colours import format_number
from tinyconv.train.figures import DOTS_PER_INCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tinyconv.explain.attribution import Attribution

COLUMNS = 6
CELL = SIDE + BAR + BAR_LABELS + GAP
SMALLEST_WIDTH = 7.2

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

    def image_name(self, number: int) -> str:
        """For the head of an image: "Image 2 (a cat)"."""
        label = f" ({self.labels[number]})" if number < len(self.labels) else ""
        return f"Image {number + 1}{label}"

    def pictures(self, count: int) -> FloatArray | None:
        """The images as an array, if they are known. Raises ``ShapeError`` unless they are ``count``."""
        if self.images is None:
            return None
        images = host(self.images) if hasattr(self.images, "detach") else np.asarray(self.images)
        if images.ndim != 4 or len(images) != count:
            raise ShapeError(f"images must be (N, C, H, W), one for each of {count} maps, got {images.shape}")
        return images


class Sheet:
    """The picture of ``attributions``, ``width`` x ``height`` inches. Raises ``ShapeError`` where they do not fit."""

    def __init__(self, attributions: Attribution | Sequence[Attribution], subject: Subject) -> None:
        self.maps: list[Attribution] = list(attributions) if isinstance(attributions, Sequence) else [attributions]
        self.subject = subject
        counts = {len(one) for one in self.maps}
        if len(counts) != 1:
            raise ShapeError(f"a picture shows methods' maps of the same images, got maps of {sorted(counts)} images")
        self.count = counts.pop()
        self.images = subject.pictures(self.count)
        cells = len(self.maps) + (self.images is not None)
        self.columns = min(cells, COLUMNS)
        self.tall = max(SIDE * height / max(height, width) for height, width in (m.values.shape[2:] for m in self.maps))
        # Over a map its method's name and two lines about it, where there are several; two lines under it.
        self.above = LINE + (2 * SMALL_LINE if len(self.maps) > 1 else 0) + 0.06
        self.row = self.above + self.tall + 2 * SMALL_LINE + 0.16
        self.block = 2.5 * LINE + ceil(cells / self.columns) * self.row
        self.across = min(max(COLUMNS // cells, 1), self.count)
        self.width = max(2 * MARGIN + self.across * self.columns * CELL, SMALLEST_WIDTH)
        room = self.width - 2 * MARGIN
        self.title = wrapped([_title(self.maps)], room, enlarged=1.4)
        self.head = wrapped([subject.source, ORIENTATION], room)
        self.notes = wrapped([f"{one.method}: {note}" for one in self.maps for note in one.notes], room)
        self.top = MARGIN + 1.5 * LINE * len(self.title) + LINE * len(self.head) + LINE
        self.bottom = self.top + ceil(self.count / self.across) * self.block
        self.height = self.bottom + LINE * len(self.notes) + MARGIN

    def draw(self, figure: Figure) -> None:
        """Draw everything on ``figure``, which is as large as the sheet."""
        axes = inches(figure, self.width, self.height)
        write_head(axes, MARGIN, MARGIN, self.title, self.head)
        for number in range(self.count):
            row, column = divmod(number, self.across)
            left = MARGIN + column * self.columns * CELL
            self._draw_block(axes, number, left, self.top + row * self.block)
        for position, line in enumerate(self.notes):
            write(axes, MARGIN, self.bottom + position * LINE, line)

    def _draw_block(self, axes: Axes, number: int, left: float, top: float) -> None:
        """One image and its maps."""
        write(axes, left, top, self.subject.image_name(number), weight="bold")
        write(axes, left, top + LINE, self._explained(number))
        cells: list[Attribution | None] = [None, *self.maps] if self.images is not None else [*self.maps]
        for position, one in enumerate(cells):
            row, column = divmod(position, self.columns)
            x, y = left + column * CELL, top + 2.5 * LINE + row * self.row
            if one is None:
                draw_image(axes, self.images[number], x, y, self.above)  # type: ignore[index]  # None stands for one
            else:
                self._draw_map(axes, one, number, x, y)

    def _explained(self, number: int) -> str:
        targets = {int(one.targets[number]) for one in self.maps}
        if len(targets) > 1:
            return "several classes are explained, named over the maps"
        score = format_number(float(self.maps[0].scores[number]))
        return f"explained is {self.subject.class_name(targets.pop())}, score {score} before the softmax"

    def _draw_map(self, axes: Axes, one: Attribution, number: int, x: float, y: float) -> None:
        heat = one.heat()[number]
        write(axes, x, y, one.method, weight="bold")
        if len(self.maps) > 1:
            write_lines(axes, x, y + LINE, self._words(one, number))
        limit = scale_limit(heat)
        if not heat.any():  # nothing to colour: hatched, as feature maps that show nothing
            side = round(SIDE * DOTS_PER_INCH / max(heat.shape))
            bottom = place(axes, hatching(heat.shape[0] * side, heat.shape[1] * side), x, y + self.above)
        else:
            under = self.images[number] if self.images is not None and one.method in OVER_THE_IMAGE else None
            bottom = place(axes, map_pixels(heat, limit or 1.0, under), x, y + self.above)
        if limit > 0:
            draw_signed_bar(axes, x + SIDE + 0.05, y + self.above, bottom, limit, bool((heat < 0).any()))
        score = float(one.scores[number]) if one.method.startswith(ADDING_UP) else None
        baseline = float(one.measures["baseline score"][number]) if "baseline score" in one.measures else None
        said = [*_told(one, number), remarks(heat, score, baseline)]
        if any(note.startswith(f"Image {number + 1}:") for note in one.notes):
            said.append("see the note below")
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
    if "completeness gap" in one.measures:
        told.append(f"gap {format_number(float(one.measures['completeness gap'][number]), 2)}")
    return told
