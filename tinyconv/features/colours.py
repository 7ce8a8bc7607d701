"""From numbers to colours: the scale of a picture, its colour map, and what cannot be coloured.

One orientation everywhere. Maps that are never negative (behind a ReLU) are drawn on a sequential colour map from 0
(dark) to the limit (bright); signed maps (before it) on a diverging one from -limit to +limit: blue below zero, white
at zero, red above. NaN and infinite values are drawn in one colour that neither map contains.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError

Pixels = NDArray[np.uint8]
"""RGB pixels, (..., 3) uint8."""

SCALE_MODES = ("channel", "layer", "shared")
NOT_FINITE = (255, 0, 220)
LEVELS = 256

# A map whose values differ by less than this part of their size differs by the rounding of float32 alone.
CONSTANT_TOLERANCE = 1e-6

STANDARD, STANDARD_SPAN = "standard", 2.0
"""Standard deviations from the mean to the strongest colour, where each map is standardised."""


@dataclass(frozen=True)
class Scale:
    """Which value gets the strongest colour. ``limit`` is that value; with ``signed``, -limit has the opposite one.

    ``mode`` says over what the limit was taken, and is printed on the picture: ``channel`` (each map its own),
    ``layer`` (all maps of one picture) or ``shared`` (all epochs, so that growth is visible).
    """

    mode: str
    limit: float
    signed: bool

    @property
    def low(self) -> float:
        return -self.limit if self.signed else 0.0


def finite_limit(values: FloatArray) -> float:
    """The largest finite magnitude among ``values``; 0 where there is none."""
    magnitudes = np.abs(values[np.isfinite(values)], dtype=np.float64)
    return float(magnitudes.max(initial=0.0))


def scale_of(maps: FloatArray | Sequence[FloatArray], mode: str = "layer") -> Scale:
    """The scale for one array of maps, or for several that are to share it (``mode="shared"``).

    Raises ``ArgumentError`` for a mode that does not exist.
    """
    if mode not in SCALE_MODES:
        raise ArgumentError(f"scale {mode!r} does not exist: choose one of {', '.join(SCALE_MODES)}")
    arrays = [maps] if isinstance(maps, np.ndarray) else list(maps)
    limit = max((finite_limit(array) for array in arrays), default=0.0)
    signed = any(bool((array[np.isfinite(array)] < 0).any()) for array in arrays)
    return Scale(mode, limit, signed)


def scale_of_channel(scale: Scale, map_of_channel: FloatArray) -> Scale:
    """The scale one map is drawn with: its own limit in mode ``channel``, the common one otherwise."""
    return replace(scale, limit=finite_limit(map_of_channel)) if scale.mode == "channel" else scale


def standardised(maps: FloatArray) -> FloatArray:
    """z = (a - mean) / sd of each map of (C, H, W); 0 where a map is constant. Values that are not finite stay so.

    On ``Scale("standard", 2, signed=True)`` that gives the levels of Chollet's pictures of feature maps, 64 z + 128,
    clipped to 0 ... 255 (Deep Learning with Python, 2017, section 5.4.1).
    """
    finite = np.isfinite(maps)
    values = np.where(finite, maps, np.nan).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a map without a finite value
        mean = np.nanmean(values, axis=(-2, -1), keepdims=True)
        spread = np.nanstd(values, axis=(-2, -1), keepdims=True)
    varies = spread > CONSTANT_TOLERANCE * np.abs(mean)
    scores = np.divide(values - mean, spread, out=np.zeros_like(values), where=varies)
    return np.where(finite, scores, maps)


@lru_cache(maxsize=2)
def colour_table(signed: bool) -> Pixels:
    """(256, 3): the diverging table (blue, white, red) if ``signed``, else the sequential one (dark to bright)."""
    from matplotlib import colormaps

    name = "RdBu_r" if signed else "viridis"
    table: Any = colormaps[name](np.arange(LEVELS), bytes=True)
    return np.ascontiguousarray(table[:, :3], dtype=np.uint8)


def colourise(values: FloatArray, scale: Scale) -> Pixels:
    """RGB pixels of shape values.shape + (3,).

    level = round(255 (value - low) / (limit - low)), clipped to 0 ... 255; a signed zero is the white middle.
    """
    finite = np.isfinite(values)
    span = scale.limit - scale.low
    shares = (np.where(finite, values, 0.0) - scale.low) / span if span > 0 else np.zeros(values.shape)
    levels = np.clip(np.rint(shares * (LEVELS - 1)), 0, LEVELS - 1).astype(np.uint8)
    pixels: Pixels = colour_table(scale.signed)[levels]
    if not finite.all():
        pixels[~finite] = NOT_FINITE
    return pixels


def is_constant(values: FloatArray) -> bool:
    """Whether a map of more than one pixel shows nothing: all values equal to within float32 rounding."""
    if values.size < 2 or not np.isfinite(values).all():
        return False
    low, high = float(values.min()), float(values.max())
    return high - low <= CONSTANT_TOLERANCE * max(abs(low), abs(high))


def count_not_finite(values: FloatArray) -> int:
    """How many values are NaN or infinite."""
    return int(values.size - np.isfinite(values).sum())


def format_number(value: float, digits: int = 3) -> str:
    """``digits`` significant digits, short enough for the label of a small map: 0.0123, 1.23, 123, 1.2e5."""
    if value == 0 or not np.isfinite(value):
        return "0" if value == 0 else str(float(value)).replace("-", "−")
    if 0.001 <= abs(value) < 99999.5:
        decimals = max(0, digits - 1 - int(np.floor(np.log10(abs(value)))))
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa, exponent = f"{value:.{min(digits - 1, 1)}e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")
