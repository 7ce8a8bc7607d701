"""What an explanation method answers: how much each pixel counted for one class's score, for or against it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ShapeError
from tinyconv.explain.pictures import Subject, explanation_figure, explanation_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_IN_NOTEBOOKS = 4


@dataclass(frozen=True)
class Attribution:
    """What the pixels of each image counted for the score of its target class.

    ``values``: (N, C, H, W), or (N, 1, H, W) from methods that know no colours. Positive is for the class, negative
    against it. ``targets``: (N,), the classes explained. ``scores``: (N,), the model's for them, before a softmax.
    ``options``: what the method was told. ``measures``: numbers of the method's own for each image, by name, such as a
    completeness gap. ``notes``: sentences that a reader of the maps must know.

    Raises: ``ShapeError`` unless there is one target and one score for each image's map.

    >>> from tinyconv.explain import Attribution
    >>> values = np.array([[[[1.0, -2.0]], [[0.5, 0.0]]]])
    >>> found = Attribution(values, "gradient", np.array([3]), np.array([7.5]))
    >>> found.heat().tolist(), found.magnitude().tolist()
    ([[[1.5, -2.0]]], [[[1.0, 2.0]]])
    """

    values: FloatArray
    method: str
    targets: Array
    scores: FloatArray
    options: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, FloatArray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 4 or {len(self.targets), len(self.scores)} != {len(self.values)}:
            raise ShapeError(
                f"Attribution: values {self.values.shape} must be (N, C, H, W), with one target and one score for "
                f"each of the N images; got {len(self.targets)} and {len(self.scores)}"
            )

    def __len__(self) -> int:
        return len(self.values)

    def heat(self) -> FloatArray:
        """(N, H, W): the sum over the channels. What a pixel counted as a whole, signed."""
        heat: FloatArray = self.values.sum(axis=1)
        return heat

    def magnitude(self) -> FloatArray:
        """(N, H, W): the largest magnitude over the channels, as Simonyan et al. (2014) draw gradients."""
        magnitude: FloatArray = np.abs(self.values).max(axis=1)
        return magnitude

    def first(self, count: int) -> Attribution:
        """The same for the first ``count`` images."""
        return self._of(slice(0, count))

    def only(self, number: int) -> Attribution:
        """The same for image ``number`` alone, with the notes that speak of it, or of all."""
        about = [re.match(r"Image (\d+): ", note) for note in self.notes]
        notes = tuple(
            note if found is None else f"Image 1: {note[found.end() :]}"
            for note, found in zip(self.notes, about, strict=True)
            if found is None or int(found[1]) == number + 1
        )
        return replace(self._of(slice(number, number + 1)), notes=notes)

    def _of(self, images: slice) -> Attribution:
        return replace(
            self,
            values=self.values[images],
            targets=self.targets[images],
            scores=self.scores[images],
            measures={name: values[images] for name, values in self.measures.items()},
        )

    def figure(self, images: Any = None, classes: Sequence[str] = (), source: str = "") -> Figure:
        """A matplotlib figure: each image, if they are given, beside its map, with a colour bar and its scale.

        ``images``: (N, C, H, W), best as a reader knows them, in [0, 1]. ``classes``: their names by number.
        ``source``: a line for the head, such as the run and the epoch.

        Raises: ``ShapeError`` for another number of images than of maps.

        >>> from tinyconv.explain import gradient
        >>> image = np.ones((1, 1, 4, 4), np.float32)
        >>> figure = gradient(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), image).figure(image, ["cat", "dog"])
        >>> figure.axes[0].texts[0].get_text()
        'gradient: which small changes of a pixel would raise the score'
        """
        return explanation_figure(self, Subject(images, classes, source=source))

    def _repr_html_(self) -> str:
        """What a notebook shows: the maps of the first images."""
        shown = self.first(SHOWN_IN_NOTEBOOKS)
        picture = b64encode(explanation_png(shown)).decode()
        more = f" The first {len(shown)} of {len(self)} images." if len(shown) < len(self) else ""
        words = f"{self.method}: maps of {len(shown)} images.{more}"
        return f'<img alt="{words}" style="max-width: 100%" src="data:image/png;base64,{picture}">'
