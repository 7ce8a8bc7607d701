"""Other sizes: interpolation and margins.

Pixel i of the result lies at x(i) in the input (``coordinate_transformation_mode``), for each axis on its own:

    half_pixel            (i + 1/2) / scale - 1/2                       asymmetric     i / scale
    pytorch_half_pixel    the same, but 0 for a result of one pixel     align_corners  i (size - 1) / (scale size - 1)
    half_pixel_symmetric  half_pixel with the middles of both on top of each other, where scale was rounded
    tf_crop_and_resize    from start to end of the region roi, in shares of size - 1

The value there is that of the nearest pixel, or on the line through the two pixels beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.table import operator
from tinyconv.nn import functional as F
from tinyconv.ops.resizing.resampling import Resample, Taps
from tinyconv.ops.tensor import Tensor

NEAREST: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda places: np.ceil(places - 0.5),
    "round_prefer_ceil": lambda places: np.floor(places + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


@operator("Resize", numbers=("roi", "scales", "sizes"))
def resize(
    x: Tensor,
    roi: Any = None,
    scales: Any = None,
    sizes: Any = None,
    *,
    antialias: int = 0,
    axes: Any = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,  # noqa: ARG001  (of a mode that is refused)
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensor:
    if mode not in ("nearest", "linear"):
        raise UnsupportedError(f"operator Resize with mode={mode!r} is not offered; nearest and linear are")
    if antialias:
        raise UnsupportedError("operator Resize with antialias is not offered")
    if exclude_outside:
        raise UnsupportedError("operator Resize with exclude_outside is for cubics, which are not offered")
    if nearest_mode not in NEAREST:
        raise UnsupportedError(f"operator Resize with nearest_mode={nearest_mode!r} is not offered")
    chosen = [axis % x.ndim for axis in axes] if axes is not None else list(range(x.ndim))
    old = [x.shape[axis] for axis in chosen]
    if sizes:
        new, factors = _to_sizes(old, sizes, keep_aspect_ratio_policy)
    else:
        factors = [float(np.float32(scale)) for scale in scales]
        new = [math.floor(length * factor) for length, factor in zip(old, factors, strict=True)]
    regions = list(zip(roi[: len(chosen)], roi[len(chosen) :], strict=True)) if roi else [(0.0, 1.0)] * len(chosen)
    outside: list[tuple[int, Array]] = []
    for axis, length, result, factor, region in zip(chosen, old, new, factors, regions, strict=True):
        places = _places(coordinate_transformation_mode, length, result, factor, region)
        if coordinate_transformation_mode == "tf_crop_and_resize":
            outside.append((axis, (places < 0) | (places > length - 1)))
        if result != length or not np.array_equal(places, np.arange(length)):
            x = Resample(axis, length, _taps(mode, nearest_mode, places, length)).apply(x)
    for axis, beyond in outside:
        if beyond.any():
            mask = Tensor(beyond.reshape(-1, *(1,) * (x.ndim - 1 - axis))).to(x.device)
            x = x.masked_fill(mask, extrapolation_value)
    return x


def _to_sizes(old: list[int], sizes: list[int], policy: str) -> tuple[list[int], list[float]]:
    factors = [size / length for size, length in zip(sizes, old, strict=True)]
    if policy == "stretch":
        return sizes, factors
    if policy not in ("not_larger", "not_smaller"):
        raise UnsupportedError(f"operator Resize with keep_aspect_ratio_policy={policy!r} is not offered")
    factor = min(factors) if policy == "not_larger" else max(factors)
    return [math.floor(length * factor + 0.5) for length in old], [factor] * len(old)


def _places(how: str, size: int, result: int, factor: float, region: tuple[float, float]) -> Array:
    """Where each pixel of the result lies in the input."""
    pixel = np.arange(result, dtype=np.float64)
    if how == "align_corners":
        last = factor * size - 1  # not rounded, where a factor was given
        return pixel * ((size - 1) / last) if result > 1 else pixel * 0
    if how == "asymmetric":
        return pixel / factor
    if how == "tf_crop_and_resize":
        start, end = region
        if result == 1:
            return np.full(1, 0.5 * (start + end) * (size - 1))
        return start * (size - 1) + pixel * ((end - start) * (size - 1) / (result - 1))
    if how not in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"):
        raise UnsupportedError(f"operator Resize with coordinate_transformation_mode={how!r} is not offered")
    places = (pixel + 0.5) / factor - 0.5
    if how == "pytorch_half_pixel" and result == 1:
        return pixel * 0
    if how == "half_pixel_symmetric":
        return places + size / 2 * (1 - result / (factor * size))
    return places


def _taps(mode: str, nearest_mode: str, places: Array, size: int) -> Taps:
    """Which pixels each position sums, and with which weights; beyond the ends, the outermost pixel."""
    if mode == "nearest":
        return Taps((np.clip(NEAREST[nearest_mode](places), 0, size - 1).astype(np.int64), None))
    places = np.clip(places, 0, size - 1)
    left = np.minimum(places.astype(np.int64), size - 1)
    share = places - left
    return Taps((left, 1 - share), (np.minimum(left + 1, size - 1), share))


@operator("Upsample", numbers=("scales",))
def upsample(x: Tensor, scales: Any, *, mode: str = "nearest") -> Tensor:
    """What Resize was before it had its options: positions are i / scale, and the nearest is the one before."""
    return resize(x, None, scales, coordinate_transformation_mode="asymmetric", mode=mode, nearest_mode="floor")


@operator("Pad", numbers=("pads", "value", "axes"))
def pad(x: Tensor, pads: Any, value: Any = None, axes: Any = None, *, mode: str = "constant") -> Tensor:
    chosen = [axis % x.ndim for axis in axes] if axes is not None else list(range(x.ndim))
    margins = [(0, 0)] * x.ndim
    for axis, before, after in zip(chosen, pads[: len(chosen)], pads[len(chosen) :], strict=True):
        margins[axis] = (before, after)
    if mode == "constant":
        number = value[0] if isinstance(value, list) else value
        return F.pad(x, [margin for pair in reversed(margins) for margin in pair], value=number or 0)
    if mode not in MARGINS:
        raise UnsupportedError(f"operator Pad with mode={mode!r} is not offered; {', '.join(MARGINS)} and constant are")
    for axis, (before, after) in enumerate(margins):
        if before or after:
            size = x.shape[axis]
            places = MARGINS[mode](np.arange(-before, size + after), size)
            x = Resample(axis, size, Taps((places, None))).apply(x)
    return x


def _mirrored(places: Array, size: int) -> Array:
    period = max(2 * (size - 1), 1)
    folded = places % period
    return np.minimum(folded, period - folded) if size > 1 else folded * 0


# Which pixel of the input a position in the margin repeats.
MARGINS: dict[str, Callable[[Array, int], Array]] = {
    "edge": lambda places, size: np.clip(places, 0, size - 1),
    "reflect": _mirrored,
    "wrap": lambda places, size: places % size,
}


@operator("CenterCropPad", numbers=("shape",))
def centre_crop_pad(x: Tensor, shape: Any, *, axes: Any = None) -> Tensor:
    """Cut off or fill up with zeros on both sides, the odd pixel at the end."""
    chosen = [axis % x.ndim for axis in axes] if axes is not None else list(range(x.ndim))
    margins = [(0, 0)] * x.ndim
    for axis, wanted in zip(chosen, shape, strict=True):
        extra = wanted - x.shape[axis]
        before = extra // 2 if extra > 0 else -(-extra // 2)
        margins[axis] = (before, extra - before)
    return F.pad(x, [margin for pair in reversed(margins) for margin in pair])
