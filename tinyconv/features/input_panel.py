"""The image that a layer's maps were computed from, drawn beside them with the receptive field of one map pixel."""

from __future__ import annotations

from math import ceil

import numpy as np

from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.errors import ShapeError
from tinyconv.features.canvas import GAP, LABEL_HEIGHT, LABEL_SIZE, Page, enlarge, shrink, wrap
from tinyconv.features.colours import NOT_FINITE, Pixels, format_number
from tinyconv.models.receptive_field import ReceptiveField

SIDE = 192
FIELD_COLOUR = (255, 120, 0)


def image_pixels(image: FloatArray) -> tuple[Pixels, str]:
    """(H, W, 3) pixels of a (C, H, W) image, and a remark where they are not simply the image's own values.

    One channel is shown grey, three as red, green, blue; of any other number the first. Values outside [0, 1] (a
    standardised image) are stretched from their minimum to their maximum.
    """
    remark = ""
    if image.shape[0] not in (1, 3):
        remark = f"channel 0 of {image.shape[0]}"
        image = image[:1]
    finite = np.isfinite(image)
    low = float(image[finite].min(initial=0.0))
    high = float(image[finite].max(initial=0.0))
    if low < 0 or high > 1:
        low = float(image[finite].min())
        image = (image - low) / (high - low if high > low else 1.0)
        remark = (remark + ", " if remark else "") + f"{format_number(low)} black, {format_number(high)} white"
    levels = np.rint(np.where(finite, image, 0.0) * 255).astype(np.uint8)
    pixels: Pixels = np.empty((*image.shape[1:], 3), np.uint8)
    pixels[...] = levels.transpose(1, 2, 0)
    pixels[~finite.all(axis=0)] = NOT_FINITE
    return pixels, remark


class InputPanel:
    """Draws ``image`` (C, H, W); the frame shows what the central pixel of a map of ``map_size`` sees of it."""

    def __init__(self, image: FloatArray, field: ReceptiveField | None, map_size: Pair) -> None:
        if image.ndim != 3 or 0 in image.shape:
            raise ShapeError(f"the input image must have shape (channels, height, width), got {image.shape}")
        self.image_size: Pair = (image.shape[1], image.shape[2])
        self._field, self._map_size = field, map_size
        self._reduction = ceil(max(self.image_size) / SIDE)
        pixels, remark = image_pixels(shrink(image, self._reduction))
        self._factor = max(1, SIDE // max(pixels.shape[:2]))
        self._picture = enlarge(pixels, self._factor)
        self.width = SIDE
        captions = [f"input, {image.shape[1]}×{image.shape[2]} pixels", remark]
        if field is not None:
            captions.append(
                "orange: what the central map pixel sees" if map_size != (1, 1) else "orange: what each value sees"
            )
        self._lines = [line for caption in captions if caption for line in wrap(caption, self.width, LABEL_SIZE)]
        self.height = LABEL_HEIGHT + self._picture.shape[0] + GAP + len(self._lines) * LABEL_HEIGHT

    def draw(self, page: Page, x: int, y: int) -> None:
        y += LABEL_HEIGHT
        height, width = self._picture.shape[:2]
        page.paste(self._picture, x, y)
        page.frame(x, y, width, height)
        if self._field is not None:
            rows, columns = self._map_size
            patch = self._field.patch(rows // 2, columns // 2, self.image_size)
            top, left, bottom, right = (round(edge * self._factor / self._reduction) for edge in patch)
            box = (x + left, y + top, x + max(right - 1, left + 3), y + max(bottom - 1, top + 3))
            page.pencil.rectangle(box, outline=FIELD_COLOUR, width=2)
        for number, line in enumerate(self._lines):
            page.text(x, y + height + GAP + number * LABEL_HEIGHT, line, LABEL_SIZE)
