"""What relevance did at each layer of a network: numbers, a table, a picture."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.explain.pictures.descent import descent_figure
from tinyconv.explain.pictures.sheet import Subject
from tinyconv.features.colours import format_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("layer", "by the rule", "received", "handed down", "kept by biases and epsilon")
DIGITS = 4
SHOWN_IN_NOTEBOOKS = 4


@dataclass(frozen=True)
class LayerRelevance:
    """What relevance did at one layer.

    ``name`` and ``kind``: the layer's, as ``features.capture`` names them; ``rule``: in words, by what it handed
    relevance down. ``values``: the relevance of the layer's outputs, in their shape. ``received``, ``handed_down``:
    (N,), its sum over the outputs, and over the inputs; where both differ, biases or epsilon kept the rest.

    Raises: nothing of its own.

    >>> from tinyconv.explain.lrp import LayerRelevance
    >>> layer = LayerRelevance("fc", "linear", "plain", np.ones((1, 2)), np.array([2.0]), np.array([1.5]))
    >>> layer.kept.tolist()
    [0.5]
    """

    name: str
    kind: str
    rule: str
    values: FloatArray
    received: FloatArray
    handed_down: FloatArray

    @property
    def kept(self) -> FloatArray:
        """(N,): what the layer received and did not hand down; negative where a bias spoke against."""
        kept: FloatArray = self.received - self.handed_down
        return kept


class LayerRelevances(list[LayerRelevance]):
    """The layers, from the scores down to the pixels; and what is at both ends.

    ``pixels``: (N, C, H, W), the relevance that arrived. ``targets``, ``scores``: (N,), the classes explained and what
    they scored. ``method``: what the propagation is called.

    Raises: nothing of its own.

    >>> from tinyconv.explain.lrp import LayerRelevances
    >>> LayerRelevances([], np.zeros((1, 1, 2, 2)), np.array([0]), np.array([3.0])).scores.tolist()
    [3.0]
    """

    def __init__(
        self,
        layers: Iterable[LayerRelevance],
        pixels: FloatArray,
        targets: Array,
        scores: FloatArray,
        method: str = "lrp",
    ) -> None:
        super().__init__(layers)
        self.pixels, self.targets, self.scores, self.method = pixels, targets, scores, method

    def rows(self, number: int = 0) -> list[tuple[str, ...]]:
        """A table's rows for image ``number``: layer, rule, relevance received, handed down, and kept."""
        return [
            (
                layer.name,
                layer.rule,
                *(_shown(values[number]) for values in (layer.received, layer.handed_down)),
                # What rounding leaves of a sum was kept by nobody.
                _shown(layer.kept[number] if abs(layer.kept[number]) > 1e-5 * abs(self.scores[number]) else 0.0),
            )
            for layer in self
        ]

    def figure(self, number: int = 0, subject: Subject | None = None) -> Figure:
        """The picture of ``descent_figure`` for image ``number``."""
        return descent_figure(self, number, subject)

    def _repr_html_(self) -> str:
        """What a notebook shows: a table for each of the first images."""
        tables = []
        for number in range(min(len(self.scores), SHOWN_IN_NOTEBOOKS)):
            explained = f"class {self.targets[number]}, score {_shown(self.scores[number])}"
            caption = html.escape(f"{self.method}, image {number + 1}: {explained}")
            lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in self.rows(number)]
            head = "".join(f"<th>{name}</th>" for name in COLUMNS)
            body = "".join(f"<tr>{line}</tr>" for line in lines)
            tables.append(f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>")
        return "".join(tables)


def _shown(value: float) -> str:
    return format_number(float(value), DIGITS)
