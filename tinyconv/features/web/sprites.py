"""All maps of a layer of one image in one PNG: every recorded epoch, every channel, a tile for each.

The tiles of an epoch stand in rows; below them stand those of the next epoch. So a page shows another epoch by moving
the picture, and needs nothing but a style sheet for it.

The picture has a palette, the 256 colours of the scale, and the index of a pixel *is* its level:

    level = round(255 (value - low) / (limit - low))

so that the map can be read back from it, to within a 510th of the scale's span.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from tinyconv.core.arrays import Array, FloatArray, Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.features.canvas import shrink
from tinyconv.features.colours import LEVELS, NOT_FINITE, SCALE_MODES, colour_table, finite_limit, is_constant

MAX_SIDE = 96
"""Larger maps are averaged over blocks of pixels until they are no larger than this."""
MAX_WIDTH = 4096
"""Of the picture, in pixels: browsers shrink pictures of more than 16384."""
COMPRESSION_LEVEL = 6


@dataclass(frozen=True)
class FilmScale:
    """Which value has the strongest colour, for maps of several epochs.

    ``mode`` "shared": one limit for all channels, images and epochs, so that growth is visible and channels can be
    compared; "channel": one for each channel, the same at every epoch, so that faint channels show; "layer": one for
    each epoch, so that faint beginnings show. ``limits``: (epochs, C). With ``signed``, colours diverge at 0.

    Raises: nothing of its own.

    >>> from tinyconv.features.web import film_scale
    >>> film_scale(np.array([[[[1.0]], [[3.0]]], [[[2.0]], [[4.0]]]]), "channel").limits.tolist()
    [[2.0, 4.0], [2.0, 4.0]]
    """

    mode: str
    signed: bool
    limits: FloatArray


@dataclass(frozen=True)
class Sprite:
    """The PNG file ``png``, of ``frames`` epochs one below the other with ``rows`` x ``columns`` tiles each.

    A tile has ``tile`` = (height, width) pixels; of a map that was too large each is a mean over ``reduction`` x
    ``reduction``. ``largest``: the largest finite magnitude of each map, (epochs, C); ``constant``: which maps show
    nothing, being equal everywhere; ``not_finite``: how many values of each are NaN or infinite.

    Raises: nothing of its own.

    >>> from tinyconv.features.web import sprite
    >>> picture = sprite(np.random.default_rng(0).random((3, 5, 8, 8)))
    >>> (picture.frames, picture.channels, picture.tile), picture.data_uri[:22]
    ((3, 5, (8, 8)), 'data:image/png;base64,')
    """

    png: bytes
    scale: FilmScale
    frames: int
    channels: int
    rows: int
    columns: int
    tile: Pair
    reduction: int
    largest: FloatArray
    constant: Array
    not_finite: Array

    @property
    def data_uri(self) -> str:
        """The picture as an address that contains it."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def film_scale(maps: FloatArray, mode: str = "shared") -> FilmScale:
    """The scale for maps of one layer: (epochs, C, H, W), or (epochs, images, C, H, W) for images that share it.

    Raises: ``ArgumentError`` for a mode other than "shared", "channel" and "layer", ``ShapeError``.

    >>> from tinyconv.features.web import film_scale
    >>> scale = film_scale(np.array([[[[-1.0]], [[3.0]]]]))
    >>> (scale.signed, scale.limits.tolist())
    (True, [[3.0, 3.0]])
    """
    if mode not in SCALE_MODES:
        raise ArgumentError(f"scale {mode!r} does not exist: choose one of {', '.join(SCALE_MODES)}")
    if maps.ndim not in (4, 5) or 0 in maps.shape:
        raise ShapeError(
            f"film_scale: maps must be (epochs, channels, height, width), or have a dimension of images behind that of "
            f"the epochs, got {maps.shape}"
        )
    maps = maps[:, None] if maps.ndim == 4 else maps
    finite = np.where(np.isfinite(maps), maps, 0)
    magnitudes = np.abs(finite, dtype=np.float64).max(axis=(1, 3, 4))
    over = {"shared": (0, 1), "channel": (0,), "layer": (1,)}[mode]
    limits = np.broadcast_to(magnitudes.max(axis=over, keepdims=True), magnitudes.shape).copy()
    return FilmScale(mode, bool((finite < 0).any()), limits)


def sprite(maps: FloatArray, scale: FilmScale | str = "shared") -> Sprite:
    """The picture of one layer's ``maps`` of one image: (epochs, C, H, W), or (epochs, C) for single values.

    ``scale``: a mode, or what ``film_scale`` made of several images. NaN and infinite values are magenta. Equal maps
    make equal bytes.

    Raises: ``ShapeError``; ``ArgumentError`` for a scale that does not exist.

    >>> from tinyconv.features.web import sprite
    >>> sprite(np.zeros((2, 4, 6, 6))).constant.all()
    np.True_
    """
    maps = maps[:, :, None, None] if maps.ndim == 2 else maps
    scale = film_scale(maps, scale) if isinstance(scale, str) else scale
    if maps.ndim != 4 or scale.limits.shape != maps.shape[:2]:
        raise ShapeError(
            f"sprite: maps {maps.shape} must be (epochs, channels, height, width) of one image, with a scale for each "
            f"epoch and channel, got {scale.limits.shape}"
        )
    frames, channels = maps.shape[:2]
    reduction = ceil(max(maps.shape[2:]) / MAX_SIDE)
    drawn = shrink(maps, reduction)
    height, width = drawn.shape[2:]
    columns = min(channels, max(1, MAX_WIDTH // width))
    rows = ceil(channels / columns)
    levels = np.zeros((frames, rows * columns, height, width), np.uint8)
    levels[:, :channels] = _levels(drawn, scale)
    finite = np.ones(levels.shape, bool)
    finite[:, :channels] = np.isfinite(drawn)
    return Sprite(
        _png(_tiled(levels, rows, columns), _tiled(finite, rows, columns), scale.signed),
        scale,
        frames,
        channels,
        rows,
        columns,
        (height, width),
        reduction,
        largest=np.array([[finite_limit(channel) for channel in frame] for frame in maps]),
        constant=np.array([[is_constant(channel) for channel in frame] for frame in maps]),
        not_finite=(~np.isfinite(maps)).sum(axis=(2, 3)),
    )


def png_data_uri(pixels: Array, palette: Sequence[int] | None = None) -> str:
    """(H, W, 3) pixels, or (H, W) indices of a ``palette``, as an address that contains them as a PNG.

    Raises: nothing of its own.

    >>> from tinyconv.features.web import png_data_uri
    >>> png_data_uri(np.zeros((2, 2, 3), np.uint8))[:22]
    'data:image/png;base64,'
    """
    return "data:image/png;base64," + base64.b64encode(_encoded(pixels, palette)).decode("ascii")


def _levels(maps: FloatArray, scale: FilmScale) -> Array:
    """The levels 0 ... 255 of (epochs, C, H, W); all 0 (or the middle, if signed) where the limit is 0."""
    limits = scale.limits[:, :, None, None]
    low = -limits if scale.signed else np.zeros_like(limits)
    span = limits - low
    shifted = np.where(np.isfinite(maps), maps, 0.0) - low
    shares = np.divide(shifted, span, out=np.full(maps.shape, 0.5 if scale.signed else 0.0), where=span > 0)
    return np.clip(np.rint(shares * (LEVELS - 1)), 0, LEVELS - 1).astype(np.uint8)


def _tiled(values: Array, rows: int, columns: int) -> Array:
    """(frames, rows * columns, H, W) as one (frames * rows * H, columns * W)."""
    frames, _, height, width = values.shape
    tiles = values.reshape(frames, rows, columns, height, width)
    return tiles.transpose(0, 1, 3, 2, 4).reshape(frames * rows * height, columns * width)


def _png(levels: Array, finite: Array, signed: bool) -> bytes:
    table = colour_table(signed)
    if finite.all():
        return _encoded(levels, table.reshape(-1).tolist())
    pixels = table[levels]  # a palette of 256 colours has none left for what is no number
    pixels[~finite] = NOT_FINITE
    return _encoded(pixels, None)


def _encoded(pixels: Array, palette: Sequence[int] | None) -> bytes:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    if palette is not None:
        image.putpalette(palette)
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=COMPRESSION_LEVEL)
    return stream.getvalue()
