"""Interpolation: images, signals and volumes of another size, their pixels between those of the input.

Position i of the result lies at  x(i) = (i + 1/2) scale - 1/2  in the input, so that the outer edges of both meet; with
``align_corners`` at  x(i) = i scale, so that the centres of the outermost pixels do. Along each axis on its own, the
value there is that of the nearest pixel, on the line through the two pixels beside it, or on a cubic through four.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from tinyconv.core.geometry import sizes
from tinyconv.ops.images import AXES
from tinyconv.ops.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from tinyconv.ops.resizing.resampling import Resample, Taps

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

MODES = {
    **dict.fromkeys(("nearest", "nearest-exact", "area"), (1, 2, 3)),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
}
"""For how many spatial dimensions each is."""

ALIGNABLE = ("linear", "bilinear", "trilinear", "bicubic")

AREA: dict[int, Any] = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
"""Means over windows of equal share, for so many spatial dimensions."""

CUBIC = -0.75
"""The slope at distance 1 of the cubic's kernel (Keys, 1981, where it is called a)."""


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Images (or signals, or volumes) of another ``size``, or ``scale_factor`` times as large, rounded down.

    ``mode``: ``"nearest"`` the pixel at floor(i scale); ``"nearest-exact"`` the nearest pixel; ``"linear"`` (signals),
    ``"bilinear"`` (images) and ``"trilinear"`` (volumes) lines through the pixels beside; ``"bicubic"`` (images) cubics
    through four, with the slope -0.75; ``"area"`` means over windows of equal share. ``align_corners``: for lines and
    cubics, whether the outermost pixels' centres stay in place, instead of the outer edges. ``recompute_scale_factor``:
    whether positions follow from the rounded size instead of the ``scale_factor`` given.

    Shape: input (N, C, L), (N, C, H, W) or (N, C, D, H, W); result (N, C, L'), (N, C, H', W') or (N, C, D', H', W').
    Dtype: float32 or float64, for the nearest also uint8; the result has the input's.
    Raises: ``ArgumentError`` unless one of ``size`` and ``scale_factor`` is given, or for an option without use;
        ``ShapeError`` for an empty input or result, or sizes for other dimensions; ``UnsupportedError`` for
        ``antialias``, or a mode that is not offered; ``DTypeError``.
    Source: Keys, "Cubic convolution interpolation for digital image processing", 1981, equation 4.

    >>> F.interpolate(tc.tensor([[[1.0, 3.0]]]), scale_factor=2, mode="linear").tolist()
    [[[1.0, 1.5, 2.5, 3.0]]]
    """
    _check(input, mode, align_corners, antialias)
    spatial = input.shape[2:]
    target, scales = _target(spatial, size, scale_factor, recompute_scale_factor)
    if min(input.shape[1:]) < 1 or min(target) < 1:
        raise ShapeError(
            f"interpolate: sizes of input and result must be at least 1, but input {input.shape} would become "
            f"{(*input.shape[:2], *target)}; only the batch may be empty"
        )
    if mode == "area":
        averaged: Tensor = AREA[len(spatial)](input, target)
        return averaged
    result = input
    # The axis that shrinks most comes first, and leaves less to do for the others.
    for axis in sorted(range(len(spatial)), key=lambda axis: target[axis] / spatial[axis]):
        along = spatial[axis], target[axis], scales[axis]
        taps = _taps(mode, len(spatial) == 2, *along, bool(align_corners), input.dtype)
        if taps is not None:
            result = Resample(axis + 2, spatial[axis], taps).apply(result)
    return result.clone() if result is input else result


def _check(input: Any, mode: Any, align_corners: Any, antialias: bool) -> None:
    if not isinstance(input, TensorBase):
        raise DTypeError(f"interpolate: input must be a tensor, got {type(input).__name__}; see tensor()")
    if antialias:
        raise UnsupportedError(
            "interpolate: antialias=True is not offered; mode='area' averages over the pixels that become one"
        )
    if mode not in MODES:
        raise UnsupportedError(f"interpolate: mode must be one of {', '.join(map(repr, MODES))}, got {mode!r}")
    if len(input.shape) - 2 not in MODES[mode]:
        forms = " or ".join(f"(N, C, {AXES[rank]})" for rank in MODES[mode])
        raise ShapeError(f"interpolate: mode={mode!r} takes input of shape {forms}, got {input.shape}")
    if align_corners is not None and mode not in ALIGNABLE:
        raise ArgumentError(f"interpolate: align_corners is for {', '.join(ALIGNABLE)}, not for mode={mode!r}")
    if not input.dtype.is_floating_point and not (mode.startswith("nearest") and input.dtype is dtypes.uint8):
        raise DTypeError(
            f"interpolate: input must be float32 or float64, or uint8 for the nearest pixel, got {input.dtype.name}; "
            "convert it with .float()"
        )


def _target(
    spatial: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The result's size, and the factor that positions follow from; ``None`` where they follow from the sizes."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            "interpolate: give either size or scale_factor, "
            + ("there is neither" if size is None else f"not both: size={size}, scale_factor={scale_factor}")
        )
    rank = len(spatial)
    if size is not None:
        if recompute:
            raise ArgumentError(f"interpolate: recompute_scale_factor is for a scale_factor, not for size={size}")
        if isinstance(size, Sequence) and len(size) != rank:
            raise ShapeError(f"interpolate: size={size} must have an entry for each size {spatial} of the input")
        return sizes(size, "interpolate: size", rank), (None,) * rank
    factors = tuple(scale_factor) if isinstance(scale_factor, Sequence) else (scale_factor,) * rank
    if len(factors) != rank:
        raise ShapeError(
            f"interpolate: scale_factor={scale_factor} must have an entry for each of the sizes {spatial} of the input"
        )
    for factor in factors:
        if not isinstance(factor, int | float) or not math.isfinite(factor):
            raise ArgumentError(f"interpolate: scale_factor must be a number, or one per dimension, got {factor!r}")
    target = tuple(math.floor(length * factor) for length, factor in zip(spatial, factors, strict=True))
    return target, (None,) * rank if recompute else factors


@functools.lru_cache(maxsize=256)
def _taps(
    mode: str, images: bool, size: int, target: int, factor: float | None, align_corners: bool, dtype: dtypes.DType
) -> Taps | None:
    """Which pixels each position sums, and with which weights; ``None`` where every position is a pixel's own."""
    # In the type in which PyTorch finds them, so that ties and roundings fall alike.
    real: Any = np.float64 if dtype is dtypes.float64 else np.float32
    step = real(size / target if factor is None else 1.0 / factor)
    positions: Array = np.arange(target).astype(real)
    if mode == "nearest" and images and target in (size, 2 * size):
        # PyTorch's shortcut, whatever the exact factor was that came to this size when rounded.
        return None if target == size else Taps((np.arange(target) // 2, None))
    if mode.startswith("nearest"):
        shift = real(0.5) if mode == "nearest-exact" else real(0)
        nearest = np.floor(((positions + shift) * step).astype(np.float32)).astype(np.int64)
        return Taps((np.minimum(nearest, size - 1), None))
    if mode != "bicubic" and size == target:
        return None
    if align_corners:
        places = positions * real((size - 1) / (target - 1) if target > 1 else 0)
    else:
        places = (positions + real(0.5)) * step - real(0.5)
    return _cubic(places, size) if mode == "bicubic" else _line(places, size)


def _line(places: Array, size: int) -> Taps:
    """Two pixels, and how near each is; before the first and after the last pixel, that one."""
    places = np.clip(places, 0, size - 1)
    left = np.minimum(places.astype(np.int64), size - 1)
    share = places - left.astype(places.dtype)
    return Taps((left, 1 - share), (np.minimum(left + 1, size - 1), share))


def _cubic(places: Array, size: int) -> Taps:
    """Four pixels, weighted by the cubic kernel at their distance; beyond the ends, the outermost pixel again."""
    left = np.minimum(np.floor(places), size - 1)
    share = np.clip(places - left, 0, 1)
    indices = (np.clip(left.astype(np.int64) + offset, 0, size - 1) for offset in (-1, 0, 1, 2))
    weights = (_far(share + 1), _near(share), _near(1 - share), _far(2 - share))
    return Taps(*zip(indices, weights, strict=True))


def _near(distance: Array) -> Array:
    """The cubic kernel for distances from 0 to 1."""
    return ((CUBIC + 2) * distance - (CUBIC + 3)) * distance * distance + 1


def _far(distance: Array) -> Array:
    """The cubic kernel for distances from 1 to 2."""
    return ((CUBIC * distance - 5 * CUBIC) * distance + 8 * CUBIC) * distance - 4 * CUBIC
