"""The picture of relevance on its way from a score to the pixels: what each layer received, where in its maps."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import DimensionError
from tinyconv.explain.pictures.colours import map_pixels, remarks, scale_limit
from tinyconv.explain.pictures.marks import (
    FAINT,
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
from tinyconv.explain.pictures.sheet import CELL, COLUMNS, Subject
from tinyconv.features.canvas import hatching
from tinyconv.features.colours import format_number
from tinyconv.features.folders import make_folder
from tinyconv.train.figures import DOTS_PER_INCH, ELLIPSIS, figure_png
from tinyconv.utils.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tinyconv.explain.lrp.layers import LayerRelevances

DRAWN = ("conv", "add", "cat")
"""Layers that change where relevance is; a rectifier or a pooling only hands it on."""
CHARACTERS = 30
"""Of a map's name; of longer ones the end is shown, which tells layers apart."""
HEAD = (
    "From the last layer, first, to the pixels, last: the relevance that a layer's outputs received, summed over the "
    "channels. Red speaks for the class, blue against it, white not at all; every map has a scale of its own. What "
    "biases and epsilon keep on the way is missing from the sums."
)


def descent_figure(layers: LayerRelevances, number: int = 0, subject: Subject | None = None) -> Figure:
    """A matplotlib figure of the relevance at every convolution (and sum) on its way to the pixels of one image.

    ``number``: of the image in the batch. ``subject``: what is known of the batch.

    Raises: ``DimensionError`` for an image that the batch does not have; ``ShapeError`` for other images than its.

    >>> from tinyconv.explain.lrp import descent_figure, epsilon_plus, layer_relevance
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    >>> layers = layer_relevance(model, np.ones((1, 1, 4, 4), np.float32), composite=epsilon_plus())
    >>> [text.get_text() for text in descent_figure(layers).axes[0].texts if "conv1" in text.get_text()]
    ['conv1, 2 maps']
    """
    from matplotlib.figure import Figure

    sheet = _DescentSheet(layers, number, subject or Subject())
    figure = Figure(figsize=(sheet.width, sheet.height))
    sheet.draw(figure)
    return figure


def save_descent(path: Path | str, layers: LayerRelevances, number: int = 0, subject: Subject | None = None) -> Path:
    """Write the picture of ``descent_figure`` as a PNG file: equal bytes for equal arguments. Returns its path.

    Raises: as ``descent_figure``, and ``RunError`` where the file cannot be written.

    >>> from tinyconv.explain.lrp import epsilon_plus, layer_relevance, save_descent
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    >>> layers = layer_relevance(model, np.ones((1, 1, 4, 4), np.float32), composite=epsilon_plus())
    >>> save_descent("down.png", layers).name
    'down.png'
    """
    path = Path(path)
    sheet = _DescentSheet(layers, number, subject or Subject())
    content = figure_png(sheet.draw, sheet.width, sheet.height, arranged=False)
    make_folder(path.parent)
    write_atomically(path, content)
    return path


class _DescentSheet:
    def __init__(self, layers: LayerRelevances, number: int, subject: Subject) -> None:
        count = len(layers.scores)
        if not 0 <= number < count:
            raise DimensionError(f"there is no image {number}: the batch has {count}, numbered from 0")
        images = subject.pictures(count)
        self.image = None if images is None else images[number]
        self.score = float(layers.scores[number])
        self.cells: list[tuple[str, FloatArray, str]] = [
            (_called(layer.name, layer.values.shape[1]), layer.values[number], f"goes on by {layer.rule}")
            for layer in layers
            if layer.kind in DRAWN and layer.values.ndim == 4
        ]
        self.cells.append(("the pixels", layers.pixels[number], ""))
        cells = len(self.cells) + (self.image is not None)
        columns = min(cells, COLUMNS)
        self.columns = columns
        self.width = 2 * MARGIN + max(columns, 4) * CELL
        room = self.width - 2 * MARGIN
        name = subject.class_name(int(layers.targets[number]))
        self.title = wrapped([f"{layers.method}: how the score of {name} comes down to the pixels"], room, enlarged=1.4)
        score = f"{subject.image_name(number)}; the score is {format_number(self.score)} before the softmax."
        self.head = wrapped([subject.source, score, HEAD], room)
        self.top = MARGIN + 1.5 * LINE * len(self.title) + LINE * (len(self.head) + 1)
        self.above = LINE + 0.06
        self.row = self.above + SIDE + 2 * SMALL_LINE + 0.2
        self.height = self.top + ceil(cells / columns) * self.row + MARGIN

    def draw(self, figure: Figure) -> None:
        """Draw everything on ``figure``, which is as large as the sheet."""
        axes = inches(figure, self.width, self.height)
        write_head(axes, MARGIN, MARGIN, self.title, self.head)
        first = int(self.image is not None)
        if self.image is not None:
            draw_image(axes, self.image, MARGIN, self.top, self.above)
        for position, (name, values, rule) in enumerate(self.cells, start=first):
            row, column = divmod(position, self.columns)
            self._draw_map(axes, name, values.sum(axis=0), rule, MARGIN + column * CELL, self.top + row * self.row)

    def _draw_map(self, axes: Axes, name: str, heat: FloatArray, rule: str, x: float, y: float) -> None:
        write(axes, x, y, name, weight="bold")
        limit = scale_limit(heat)
        if limit == 0:
            side = round(SIDE * DOTS_PER_INCH / max(heat.shape))
            bottom = place(axes, hatching(heat.shape[0] * side, heat.shape[1] * side), x, y + self.above)
        else:
            bottom = place(axes, map_pixels(heat, limit), x, y + self.above)
            draw_signed_bar(axes, x + SIDE + 0.05, y + self.above, bottom, limit, bool((heat < 0).any()))
        write_lines(axes, x, bottom + 0.06, remarks(heat, self.score))
        write(axes, x, bottom + 0.06 + SMALL_LINE, rule, size=7, colour=FAINT)


def _called(name: str, maps: int) -> str:
    count = f", {maps} maps"
    room = CHARACTERS - len(count)
    return (name if len(name) <= room else ELLIPSIS + name[1 - room :]) + count
