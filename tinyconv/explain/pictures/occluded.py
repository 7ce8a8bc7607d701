"""The picture of an occlusion: what the network said with the patch at each position, as Zeiler & Fergus draw it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.explain.pictures.colours import map_pixels, scale_limit
from tinyconv.explain.pictures.marks import (
    FAINT,
    LINE,
    MARGIN,
    SIDE,
    SMALL_LINE,
    draw_bar,
    draw_image,
    draw_signed_bar,
    inches,
    place,
    wrapped,
    write,
    write_head,
    write_lines,
)
from tinyconv.explain.pictures.sheet import CELL, Subject
from tinyconv.features.colours import Pixels, Scale, colour_table, colourise, format_number
from tinyconv.features.folders import make_folder
from tinyconv.train.figures import figure_png
from tinyconv.utils.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tinyconv.explain.occlusion import OcclusionGrid

HEAD = (
    "A patch was slid over the image. Every square stands for one position of the patch: what the network said while "
    "it covered that place."
)
LABEL_COLOURS = np.array(
    [[31, 119, 180], [255, 127, 14], [44, 160, 44], [148, 103, 189], [140, 86, 75], [127, 127, 127]], np.uint8
)
MOST_LABELS = len(LABEL_COLOURS)
"""So many predicted classes have colours of their own: the most frequent ones; the last colour is for all others."""


def occlusion_figure(grid: OcclusionGrid, subject: Subject | None = None) -> Figure:
    """A matplotlib figure of what the network said with the patch at each position, a row for each image.

    How far the score fell, the probability of the target, the class predicted, and, where a layer was watched, the
    activity of the map that answers most strongly to the uncovered image.

    Raises: ``ShapeError`` for another number of images than the grid's.

    >>> from tinyconv.explain import occlusion_figure, occlusion_grid
    >>> model, image = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), np.ones((1, 1, 4, 4), np.float32)
    >>> figure = occlusion_figure(occlusion_grid(model, image, window=2))
    >>> [text.get_text() for text in figure.axes[0].texts if text.get_text().startswith("pro")]
    ['probability of the class']
    """
    from matplotlib.figure import Figure

    sheet = _OcclusionSheet(grid, subject or Subject())
    figure = Figure(figsize=(sheet.width, sheet.height))
    sheet.draw(figure)
    return figure


def save_occlusion(path: Path | str, grid: OcclusionGrid, subject: Subject | None = None) -> Path:
    """Write the picture of ``occlusion_figure`` as a PNG file: equal bytes for equal arguments. Returns its path.

    Raises: as ``occlusion_figure``, and ``RunError`` where the file cannot be written.

    >>> from tinyconv.explain import occlusion_grid, save_occlusion
    >>> model, image = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), np.ones((1, 1, 4, 4), np.float32)
    >>> save_occlusion("covered.png", occlusion_grid(model, image, window=2)).name
    'covered.png'
    """
    path = Path(path)
    sheet = _OcclusionSheet(grid, subject or Subject())
    content = figure_png(sheet.draw, sheet.width, sheet.height, arranged=False)
    make_folder(path.parent)
    write_atomically(path, content)
    return path


class _OcclusionSheet:
    def __init__(self, grid: OcclusionGrid, subject: Subject) -> None:
        self.grid, self.subject = grid, subject
        self.count, rows, columns = grid.drops.shape
        self.images = subject.pictures(self.count)
        cells = 3 + (self.images is not None) + (grid.activations is not None)
        self.width = 2 * MARGIN + max(cells, 4) * CELL
        room = self.width - 2 * MARGIN
        size = "×".join(str(side) for side in grid.window)
        self.title = wrapped([f"What a patch of {size} pixels changes where it covers the image"], room, enlarged=1.4)
        self.head = wrapped([subject.source, HEAD], room)
        self.top = MARGIN + 1.5 * LINE * len(self.title) + LINE * (len(self.head) + 1)
        heights = [SIDE * rows / max(rows, columns)]
        heights += [SIDE * a / max(a, b) for a, b in ([] if self.images is None else [self.images.shape[2:]])]
        self.above = LINE + 0.06
        self.block = 2.5 * LINE + self.above + max(heights) + MOST_LABELS * SMALL_LINE + 0.2
        self.height = self.top + self.count * self.block + MARGIN

    def draw(self, figure: Figure) -> None:
        """Draw everything on ``figure``, which is as large as the sheet."""
        axes = inches(figure, self.width, self.height)
        write_head(axes, MARGIN, MARGIN, self.title, self.head)
        for number in range(self.count):
            self._draw_row(axes, number, self.top + number * self.block)

    def _draw_row(self, axes: Axes, number: int, top: float) -> None:
        grid = self.grid
        name = self.subject.class_name(int(grid.targets[number]))
        score = format_number(float(grid.scores[number]))
        write(axes, MARGIN, top, self.subject.image_name(number), weight="bold")
        write(axes, MARGIN, top + LINE, f"explained is {name}, score {score} before the softmax, nothing covered")
        x, y = MARGIN, top + 2.5 * LINE
        if self.images is not None:
            draw_image(axes, self.images[number], x, y, self.above)
            x += CELL
        self._draw_drops(axes, grid.drops[number], x, y)
        self._draw_amounts(axes, grid.probabilities[number], "probability of the class", 1.0, x + CELL, y)
        self._draw_labels(axes, grid.labels[number], x + 2 * CELL, y)
        if grid.activations is not None and grid.channels is not None:
            words = f"activity of {grid.layer}, map {grid.channels[number]}"
            values = grid.activations[number]
            self._draw_amounts(axes, values, words, float(np.abs(values).max()) or 1.0, x + 3 * CELL, y)

    def _draw_drops(self, axes: Axes, drops: FloatArray, x: float, y: float) -> None:
        write(axes, x, y, "how far the score fell", weight="bold")
        limit = scale_limit(drops) or 1.0
        bottom = place(axes, map_pixels(drops, limit), x, y + self.above)
        draw_signed_bar(axes, x + SIDE + 0.05, y + self.above, bottom, limit, bool((drops < 0).any()))
        write_lines(axes, x, bottom + 0.06, "red: it fell, the place speaks for the class; blue: it rose")

    def _draw_amounts(self, axes: Axes, values: FloatArray, words: str, limit: float, x: float, y: float) -> None:
        write(axes, x, y, words, weight="bold")
        scale = Scale("layer", limit, signed=bool((values < 0).any()))
        bottom = place(axes, colourise(values, scale), x, y + self.above)
        ticks = (limit, 0.0, -limit) if scale.signed else (limit, limit / 2, 0.0)
        draw_bar(axes, x + SIDE + 0.05, y + self.above, bottom, colour_table(scale.signed)[::-1, None], ticks)
        low, high = (format_number(float(end)) for end in (values.min(), values.max()))
        write_lines(axes, x, bottom + 0.06, f"from {low} to {high}" if low != high else f"{low} everywhere")

    def _draw_labels(self, axes: Axes, labels: Array, x: float, y: float) -> None:
        write(axes, x, y, "class predicted", weight="bold")
        pixels, legend = label_pixels(labels)
        bottom = place(axes, pixels, x, y + self.above)
        for position, (label, colour) in enumerate(legend):
            line = bottom + 0.06 + position * SMALL_LINE
            named = "other classes" if label is None else self.subject.class_name(label)
            axes.fill_between((x, x + 0.1), line, line + 0.1, color=[part / 255 for part in colour])
            write(axes, x + 0.16, line, named, size=7, colour=FAINT)


def label_pixels(labels: Array) -> tuple[Pixels, list[tuple[int | None, list[int]]]]:
    """(rows, columns, 3) pixels of class numbers, and the key: (class, colour), the most frequent class first.

    Where there are more classes than colours, the last colour is for all the others, whose key has None.
    """
    found, counts = np.unique(labels, return_counts=True)
    order = [int(found[position]) for position in np.argsort(-counts, kind="stable")]
    own = order if len(order) <= MOST_LABELS else order[: MOST_LABELS - 1]
    pixels = np.broadcast_to(LABEL_COLOURS[-1], (*labels.shape, 3)).copy()
    for label, colour in zip(own, LABEL_COLOURS, strict=False):
        pixels[labels == label] = colour
    key: list[tuple[int | None, list[int]]] = [(label, LABEL_COLOURS[i].tolist()) for i, label in enumerate(own)]
    return pixels, key if own is order else [*key, (None, LABEL_COLOURS[-1].tolist())]
