"""What synthesis answers: the images that were made, what they reach, and the sheet that shows them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.explain.synthesis.tiles import Sheet, Tile, within_bounds
from tinyconv.features.colours import format_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Bounds = tuple[Any, Any]
"""Black and white of an image as the model takes it: numbers, or one for each channel."""

STANDARDISED = (-2.0, 2.0)
"""Of a standardised image, as good as is known without its mean and deviation."""

FAINT_SHARE = 0.7
"""Pictures whose pixels stay within this share of the way to black or white are shown with more contrast."""


@dataclass(frozen=True)
class Synthesis:
    """Images (N, C, H, W), as the model takes them, that were made for N units or classes.

    ``values``: (N,) the activation (for a class its score before the softmax) on each. ``history``: (steps + 1, N) on
    the way there. ``channels``: of the units, with ``labels`` for their captions. ``layer``: None for the classes.
    ``bounds``: black and white, as the model takes them. ``box``: the pixels that the units see, (top, left, bottom,
    right). ``confidences``: (N,) the model's probability of the class. ``best_on_data``: (N,)
    the strongest that real images give, where somebody looked. ``options``: what else it was made with. ``notes``: what
    a reader must know.

    Raises: nothing of its own.

    >>> from tinyconv.explain.synthesis import maximize
    >>> made = maximize(nn.Sequential(nn.Conv2d(1, 4, 3)), "conv1", [0, 2], shape=(1, 8, 8), recipe="plain", steps=5)
    >>> made.images.shape, made.box, bool((made.values > made.history[0]).all())
    ((2, 1, 8, 8), (3, 3, 6, 6), True)
    """

    images: FloatArray
    values: FloatArray
    history: FloatArray
    method: str
    layer: str | None
    channels: tuple[int, ...]
    labels: tuple[str, ...]
    bounds: Bounds
    box: tuple[int, int, int, int]
    options: dict[str, Any]
    notes: tuple[str, ...] = ()
    confidences: FloatArray | None = None
    best_on_data: FloatArray | None = None

    def pictures(self, contrast: float = 1.0) -> FloatArray:
        """(N, C, H, W) in [0, 1], to look at: what the units see of the images, around the mean image."""
        top, left, bottom, right = self.box
        return within_bounds(self.images[:, :, top:bottom, left:right] * contrast, self.bounds)

    def sheet(self) -> Sheet:
        """All images with their captions, for ``png()`` or ``figure()``."""
        contrast = self._contrast()
        tiles = [Tile(picture, self._caption(number)) for number, picture in enumerate(self.pictures(contrast))]
        subject = f"the units of {self.layer}" if self.layer else "each class"
        recipe = f", recipe {self.options['recipe']}" if "recipe" in self.options else ""
        details = [
            f"{self.method}{recipe}: {self.options['description']}.",
            f"The network alone made these pictures, for {subject}; grey is the mean of the training images. "
            + " ".join(filter(None, (self._scale(contrast), self._crop()))),
        ]
        title = f"What {subject} look for" if self.layer else "What the network looks for in each class"
        return Sheet(title, details, tiles, notes=self.notes)

    def figure(self) -> Figure:
        """The sheet as a matplotlib figure."""
        return self.sheet().figure()

    def _caption(self, number: int) -> list[str]:
        value = format_number(float(self.values[number]))
        if self.layer is None:
            probability = "" if self.confidences is None else f", probability {_percent(self.confidences[number])}"
            lines = [self.labels[number], f"score {value}{probability}"]
        else:
            lines = [self.labels[number], f"activation {value}"]
        if self.best_on_data is not None:
            lines.append(f"real images: at most {format_number(float(self.best_on_data[number]))}")
        return lines

    def _contrast(self) -> float:
        """How much the pictures are stretched around the mean image, together, to be seen."""
        top, left, bottom, right = self.box
        reach = float(np.quantile(np.abs(self.images[:, :, top:bottom, left:right]), 0.999))
        room = min(-float(np.max(self.bounds[0])), float(np.min(self.bounds[1])))
        return room / reach if 0 < reach < FAINT_SHARE * room else 1.0

    def _scale(self, contrast: float) -> str:
        return f"Contrast × {contrast:.2g}, to be seen." if contrast > 1 else ""

    def _crop(self) -> str:
        top, left, bottom, right = self.box
        size, whole = (bottom - top, right - left), self.images.shape[2:]
        if size == whole:
            return ""
        return f"Shown: the {size[0]}×{size[1]} pixels that a unit sees, of {whole[0]}×{whole[1]}."

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self.sheet().png()).decode()
        return f'<img alt="{len(self.labels)} synthesised images" src="data:image/png;base64,{picture}">'


def _percent(share: float) -> str:
    """Whole percents; what is nearly all is not called all."""
    return ">99%" if share > 0.995 else f"{100 * share:.0f}%"
