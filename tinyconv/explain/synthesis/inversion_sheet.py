"""One image as it comes back from several layers of a network, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyconv.core.errors import ArgumentError
from tinyconv.explain.synthesis.inversion import Inversion
from tinyconv.explain.synthesis.tiles import Sheet, Tile, within_bounds
from tinyconv.features.colours import format_number


def inversion_sheet(found: Sequence[Inversion], subject: str = "") -> Sheet:
    """The original, then for each layer the pictures that were made of what it knows, the best one first.

    Raises: ``ArgumentError`` unless there is at least one inversion, and all are of one image.

    >>> from tinyconv.explain.synthesis import inversion_sheet, invert
    >>> image = np.random.default_rng(0).standard_normal((1, 8, 8)).astype(np.float32)
    >>> found = invert(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1)), image, "conv1", repeats=1, rates=((0.004, 5),))
    >>> len(inversion_sheet([found], "noise").tiles)
    2
    """
    if not found or not all(np.array_equal(one.original, found[0].original) for one in found):
        raise ArgumentError("inversion_sheet: give at least one inversion, all of one image")
    tiles = [Tile(within_bounds(found[0].original[None], found[0].bounds)[0], ["the image itself", subject, ""])]
    for one in found:
        order = [one.best, *(number for number in range(len(one.images)) if number != one.best)]
        for place, number in enumerate(order):
            name = one.layer or "class scores"
            again = f", again ({place + 1})" if place else ""
            error = f"error of the features {100 * one.errors[number]:.3g}%"
            pixels = [f"of the pixels ±{format_number(one.pixel_error(number) ** 0.5)}"]
            tiles.append(Tile(one.pictures()[number], [f"from {name}{again}", error, *pixels]))
    weights = ", ".join(dict.fromkeys(format_number(one.weights.total_variation) for one in found))
    steps = len(found[0].history) - 2
    details = [
        "Each picture was made from noise so that the layer gives for it what it gives for the image. What is missing "
        "in a picture, the layer no longer knows (or the smoothness asked of the picture hides it).",
        f"Error of the features: squared distance to those of the image, of their squared length. Of the pixels: root "
        f"mean square, black 0, white 1. {steps} steps, total variation × {weights}.",
    ]
    return Sheet("What the layers still know of an image", details, tiles, columns=5)
