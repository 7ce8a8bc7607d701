"""The colours of explanation maps, and in words what colours alone do not say.

One orientation everywhere: red speaks for the class explained, blue against it, white not at all. A map that is never
negative shows the white and red half alone.
"""

from __future__ import annotations

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.features.colours import NOT_FINITE, Pixels, Scale, colourise, count_not_finite, format_number
from tinyconv.features.input_panel import image_pixels

PERCENTILE = 99.5
STRONGEST_COVER = 0.85
DARKEST_GREY, GREY_RANGE = 110, 0.55


def scale_limit(heat: FloatArray) -> float:
    """The value that has the strongest colour: the 99.5th percentile of the magnitudes, 0 for a map of zeros.

    Were it the largest, a single extreme pixel would leave all others white. Values that are not finite do not count.

    Raises: nothing of its own.

    >>> from tinyconv.explain.pictures import scale_limit
    >>> scale_limit(np.array([[-3.0, 0.0], [1.0, np.nan]]))
    2.98
    """
    magnitudes = np.abs(heat[np.isfinite(heat)], dtype=np.float64)
    if not magnitudes.size:
        return 0.0
    return float(np.percentile(magnitudes, PERCENTILE)) or float(magnitudes.max())


def map_pixels(heat: FloatArray, limit: float, under: FloatArray | None = None) -> Pixels:
    """(H, W, 3) pixels of a map (H, W) in red and blue; over the image ``under`` (C, H, W) in grey, if it is given.

    Over an image, a pixel's colour covers the grey in proportion to its magnitude. NaN and infinity are magenta.

    Raises: nothing of its own.

    >>> from tinyconv.explain.pictures import map_pixels
    >>> red, white, blue = map_pixels(np.array([[2.0, 0.0, -2.0]]), limit=2.0)[0].astype(int)
    >>> bool(red[0] > red[2]), bool(white.min() > 240), bool(blue[2] > blue[0])
    (True, True, True)
    """
    colours = colourise(heat, Scale("channel", limit, signed=True))
    if under is None or under.shape[1:] != heat.shape:
        return colours
    pixels, _ = image_pixels(under)
    # Lightened, with less contrast: colours must show on it.
    grey = DARKEST_GREY + GREY_RANGE * pixels.mean(axis=-1, keepdims=True)
    finite = np.isfinite(heat)
    cover = np.clip(np.abs(np.where(finite, heat, 0)) / limit, 0, 1)[..., None] * STRONGEST_COVER
    blended: Pixels = np.rint(cover * colours + (1 - cover) * grey).astype(np.uint8)
    blended[~finite] = NOT_FINITE
    return blended


def remarks(heat: FloatArray, score: float | None = None, baseline: float | None = None) -> str:
    """What is wrong with a map, or one-sided; and its sum beside the ``score``, where it shares that out.

    ``baseline``: the score of a baseline, where only the difference to that is shared out.

    Raises: nothing of its own.

    >>> from tinyconv.explain.pictures import remarks
    >>> remarks(np.array([[-1.0, -2.0]]), score=-3.0)
    'sum −3, score −3; nowhere positive: all of it against'
    """
    bad = count_not_finite(heat)
    if bad:
        return f"{bad} of {heat.size} values are NaN or infinite (magenta)"
    if not heat.any():
        return "0 everywhere"
    said = []
    if score is not None:
        less = "" if baseline is None else f" less {format_number(baseline)} of the baseline"
        said.append(f"sum {format_number(float(heat.sum()))}, score {format_number(score)}{less}")
    if heat.max() <= 0:
        said.append("nowhere positive: all of it against")
    return "; ".join(said)
