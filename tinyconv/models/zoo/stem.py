"""How a network made for ImageNet begins when its images are small.

A published stem halves a map once or twice before anything is learnt of its details. Of an image of 32x32 pixels that
would leave almost nothing; so the small stem does not halve.
"""

from __future__ import annotations

from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, ShapeError

STEMS = ("auto", "published", "small")
SMALL_BELOW = 112
"""Half of ImageNet's 224 pixels: what is left there of the image behind the first convolution."""


def has_small_stem(model: str, stem: str, image_size: Pair) -> bool:
    """Whether ``model`` begins with the small stem. Raises ``ArgumentError`` for a ``stem`` that does not exist."""
    if stem not in STEMS:
        raise ArgumentError(f"{model} has no stem {stem!r}; known: {', '.join(STEMS)}")
    return stem == "small" or (stem == "auto" and min(image_size) < SMALL_BELOW)


def require_side(model: str, image_size: Pair, least: int, small: bool) -> None:
    """Raise ``ShapeError`` for images with fewer than ``least`` pixels to a side; ``small``: the stem it has."""
    if min(image_size) < least:
        way = "" if small else ", stem='small'"
        raise ShapeError(
            f"{model} needs images of at least {least}x{least} pixels, of which its halvings leave one, got "
            f"{image_size[0]}x{image_size[1]}; give a larger image size{way}, or use facenet"
        )
