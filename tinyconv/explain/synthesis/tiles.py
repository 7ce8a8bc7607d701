"""Sheets of small pictures with captions: what all synthesised images are shown on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.features.colours import colour_table
from tinyconv.train.figures import INK, figure_png, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE, GAP, MARGIN = 1.55, 0.22, 0.2
LINE, TITLE_LINE = 0.155, 0.24
TITLE_SIZE, TEXT_SIZE, CAPTION_SIZE = 12, 8.5, 7.5
NARROWEST = 7.0
"""Lengths in inches, sizes of type in points."""

LETTER = 0.066
"""Mean width of a letter of ``TEXT_SIZE``, in inches."""
BAR_ROOM = 0.36
CAPTION_LETTERS = 30
"""Letters of a caption that stand below one picture."""
SMALLEST_CELL, BEYOND = 40, 235
"""Of a mosaic, in pixels; and the grey of what is beyond an image's edge."""
FAINT = "#5f6570"


@dataclass(frozen=True)
class Tile:
    """One picture, (C, H, W) in [0, 1] or (H, W, 3) uint8, and the lines below it."""

    picture: Array
    caption: Sequence[str] = ()
    colour: str = INK
    """Of the caption's first line."""


@dataclass(frozen=True)
class Sheet:
    """Tiles in rows below a head. ``png()`` gives the same bytes for the same tiles; ``figure()`` is for notebooks.

    ``columns``: tiles side by side. ``group``: tiles that belong together, with less room between them. ``bar``:
    whether the head has the colour bar of signed maps.
    """

    title: str
    details: Sequence[str]
    tiles: Sequence[Tile]
    columns: int = 6
    group: int = 1
    notes: Sequence[str] = ()
    bar: bool = False

    @property
    def _columns(self) -> int:
        """As few rows as ``columns`` allow, and these as equal as can be."""
        groups = math.ceil(len(self.tiles) / self.group)
        rows = math.ceil(groups / max(1, self.columns // self.group))
        return self.group * math.ceil(groups / max(1, rows))

    @property
    def width(self) -> float:
        gaps = GAP * (self._columns // self.group) + GAP / 4 * (self._columns - self._columns // self.group)
        return max(NARROWEST, 2 * MARGIN + PICTURE * self._columns + gaps)

    @property
    def _head(self) -> list[str]:
        letters = int((self.width - 2 * MARGIN) / LETTER)
        return [line for detail in (*self.details, *self.notes) for line in wrap(detail, letters)]

    @property
    def _row(self) -> float:
        return PICTURE + 0.06 + LINE * max((len(tile.caption) for tile in self.tiles), default=0) + 0.14

    @property
    def height(self) -> float:
        rows = math.ceil(len(self.tiles) / self._columns)
        head = MARGIN + TITLE_LINE + LINE * 1.05 * len(self._head) + BAR_ROOM * self.bar + 0.16
        return head + self._row * rows + MARGIN / 2

    def png(self) -> bytes:
        """The sheet as a PNG file."""
        return figure_png(self.draw, self.width, self.height, arranged=False)

    def figure(self) -> Figure:
        """The sheet as a matplotlib figure."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width, self.height))
        self.draw(figure)
        return figure

    def draw(self, figure: Figure) -> None:
        """Draw on an empty figure of ``width`` x ``height`` inches."""
        y = self.height - MARGIN
        self._write(figure, MARGIN, y, self.title, TITLE_SIZE, INK, weight="bold")
        y -= TITLE_LINE
        for line in self._head:
            self._write(figure, MARGIN, y, line, TEXT_SIZE, INK)
            y -= LINE * 1.05
        if self.bar:
            y -= BAR_ROOM
            self._colour_bar(figure, y)
        y -= 0.16
        for number, tile in enumerate(self.tiles):
            row, column = divmod(number, self._columns)
            whole, part = divmod(column, self.group)
            group_width = PICTURE * self.group + GAP / 4 * (self.group - 1) + GAP
            x = MARGIN + whole * group_width + part * (PICTURE + GAP / 4)
            top = y - row * self._row
            self._picture(figure, tile, x, top)
            for index, text in enumerate(tile.caption):
                colour = tile.colour if index == 0 else FAINT
                line_y = top - PICTURE - 0.06 - LINE * index
                room = CAPTION_LETTERS * (self.group if part == 0 and self._alone(number, index) else 1)
                self._write(figure, x, line_y, shortened(text, room), CAPTION_SIZE, colour)

    def _alone(self, number: int, line: int) -> bool:
        """Whether the other tiles of a group that begins with this one have nothing in a line of their captions."""
        others = self.tiles[number + 1 : number + self.group]
        return not any(tile.caption[line : line + 1] and tile.caption[line] for tile in others)

    def _colour_bar(self, figure: Figure, y: float) -> None:
        """The signed colours with their meaning, at height ``y`` (of the bar's lower edge)."""
        left, right = MARGIN + 0.75, MARGIN + 2.55
        axes = figure.add_axes((left / self.width, y / self.height, (right - left) / self.width, 0.12 / self.height))
        axes.imshow(colour_table(signed=True)[None], aspect="auto", interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        for x, text, side in ((left - 0.06, "− own max", "right"), ((left + right) / 2, "0", "center")):
            place = (x / self.width, (y + (0.06 if side == "right" else -0.07)) / self.height)
            figure.text(*place, text, fontsize=CAPTION_SIZE, color=FAINT, ha=side, va="center", parse_math=False)
        place = ((right + 0.06) / self.width, (y + 0.06) / self.height)
        figure.text(*place, "+ own max", fontsize=CAPTION_SIZE, color=FAINT, ha="left", va="center", parse_math=False)

    def _write(self, figure: Figure, x: float, y: float, text: str, size: float, colour: str, **more: Any) -> None:
        place = (x / self.width, y / self.height)
        figure.text(*place, text, fontsize=size, color=colour, ha="left", va="top", parse_math=False, **more)

    def _picture(self, figure: Figure, tile: Tile, x: float, top: float) -> None:
        place = (x / self.width, (top - PICTURE) / self.height, PICTURE / self.width, PICTURE / self.height)
        axes = figure.add_axes(place)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.imshow(colour_pixels(tile.picture), interpolation="nearest")
        axes.set_anchor("NW")


def colour_pixels(picture: Array) -> Array:
    """(H, W, 3) uint8 of a (C, H, W) picture in [0, 1]: one channel is grey, three are RGB; others by their mean."""
    if picture.dtype == np.uint8:
        return picture
    channels = picture if picture.shape[0] in (1, 3) else picture.mean(axis=0, keepdims=True)
    levels = np.rint(np.clip(channels, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(levels, (3, *levels.shape[1:])).transpose(1, 2, 0))


def within_bounds(images: FloatArray, bounds: tuple[Any, Any]) -> FloatArray:
    """Images (N, C, H, W) of a network as pictures in [0, 1], where ``bounds`` are black and white of each channel."""
    low, high = (np.asarray(bound, np.float64).reshape(-1, 1, 1) for bound in bounds)
    pictures: FloatArray = np.clip((images - low) / (high - low), 0, 1)
    return pictures


def mosaic(pictures: Sequence[Array], columns: int, corners: Array | None = None) -> Array:
    """(H, W, 3) uint8: pictures in a square of ``columns`` with white lines between, small ones enlarged.

    A picture smaller than the others is one cut off by the edge of its image: the rest of its cell is grey, above it or
    at its left where ``corners`` (pictures, 2) say that it begins at the upper or left edge.
    """
    pixels = [colour_pixels(picture) for picture in pictures]
    side = max(max(part.shape[:2]) for part in pixels)
    factor = max(1, round(SMALLEST_CELL / side))
    cell_side = side * factor
    rows = math.ceil(len(pixels) / columns)
    result = np.full((rows * (cell_side + 2) - 2, columns * (cell_side + 2) - 2, 3), 255, np.uint8)
    for number, part in enumerate(pixels):
        top, left = (index * (cell_side + 2) for index in divmod(number, columns))
        cell = np.full((side, side, 3), BEYOND, np.uint8)
        at_top, at_left = (False, False) if corners is None else corners[number]
        down = side - part.shape[0] if at_top else 0
        right = side - part.shape[1] if at_left else 0
        cell[down : down + part.shape[0], right : right + part.shape[1]] = part
        result[top : top + cell_side, left : left + cell_side] = cell.repeat(factor, axis=0).repeat(factor, axis=1)
    return result
