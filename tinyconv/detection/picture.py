"""A photograph with boxes drawn into it."""

from __future__ import annotations

from collections.abc import Sequence

from tinyconv.core.arrays import FloatArray
from tinyconv.detection.boxes import Box
from tinyconv.features.canvas import Page, enlarge, text_width
from tinyconv.features.colours import Pixels
from tinyconv.features.input_panel import image_pixels

COLOUR, EDGE = (255, 214, 10), (20, 20, 20)
LEAST_SIDE = 480
"""Photographs with a shorter side below half of this are enlarged, so that the numbers on them can be read."""
LABEL, PAD = 13, 3


def draw_boxes(photo: FloatArray, boxes: Sequence[Box]) -> Pixels:
    """``photo`` (C, H, W) in [0, 1] with ``boxes`` in it, each with its probability in per cent: (h, w, 3) uint8.

    Shape: photo (C, H, W); result (H k, W k, 3), with k > 1 for small photographs.
    Dtype: photo of floats; the result is uint8.
    Raises: nothing of its own.

    >>> from tinyconv.detection import Box, draw_boxes
    >>> draw_boxes(np.zeros((1, 300, 200)), [Box(50, 50, 82, 86, 0.93)]).shape
    (600, 400, 3)
    """
    pixels = image_pixels(photo)[0]
    factor = max(1, LEAST_SIDE // min(pixels.shape[:2]))
    pixels = enlarge(pixels, factor)
    page = Page(pixels.shape[1], pixels.shape[0])
    page.paste(pixels, 0, 0)
    thick = max(2, round(min(pixels.shape[:2]) / 200))
    for box in reversed(boxes):  # the surest is drawn last, over the others
        _draw(page, [round(factor * edge) for edge in (box.left, box.top, box.right, box.bottom)], thick)
    for box in reversed(boxes):
        text = f"{100 * box.probability:.0f}%"
        left, top = round(factor * box.left), round(factor * box.top)
        above = top - LABEL - 2 * PAD
        place = above if above >= 0 else top + thick
        page.pencil.rectangle((left, place, left + text_width(text, LABEL) + 2 * PAD, place + LABEL + 2 * PAD), COLOUR)
        page.text(left + PAD, place + PAD + LABEL // 2, text, LABEL, colour=EDGE, anchor="lm")
    return page.pixels()


def _draw(page: Page, edges: list[int], thick: int) -> None:
    """A coloured frame between two dark lines: it shows on any photograph."""
    left, top, right, bottom = edges
    frame = (left - 1, top - 1, right, bottom)
    page.pencil.rectangle(frame, outline=EDGE, width=thick + 2)
    page.pencil.rectangle((left, top, right - 1, bottom - 1), outline=COLOUR, width=thick)
