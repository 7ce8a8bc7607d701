"""Arrays and pictures as text that a page can hold: base64 of float32 numbers, and PNG as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.features.colours import LEVELS, Scale, colour_table
from tinyconv.features.input_panel import image_pixels


def numbers(array: Array | None) -> str | None:
    """float32, little-endian, in the order of the axes: the page reads it as a ``Float32Array``, bit for bit."""
    return None if array is None else base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()


def photograph(image: FloatArray) -> str:
    """An image (C, H, W) as a reader knows it; grey where all its colours are."""
    pixels, _ = image_pixels(image)
    grey = bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all())
    return png(pixels[..., 0] if grey else pixels)


def coloured(values: FloatArray, scale: Scale) -> str:
    """A map (H, W) in the colours of ``scale``: one byte for a pixel, and the table of colours."""
    span = scale.limit - scale.low
    shares = (np.nan_to_num(values) - scale.low) / span if span > 0 else np.full(values.shape, 0.5 * scale.signed)
    levels = np.clip(np.rint(shares * (LEVELS - 1)), 0, LEVELS - 1).astype(np.uint8)
    return png(levels, colour_table(scale.signed))


def beside(pictures: Sequence[Array], columns: int, fill: int = 0) -> Array:
    """Pictures (H, W) of one size in rows of ``columns``; what is left of the last row is ``fill``."""
    height, width = pictures[0].shape
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, columns * width), fill, pictures[0].dtype)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
    return sheet


def png(pixels: Array, palette: NDArray[np.uint8] | None = None) -> str:
    """Pixels (H, W) or (H, W, 3) uint8 as a data URI; (H, W) are places in ``palette``, or greys without one."""
    from PIL import Image

    image: Any = Image.fromarray(np.ascontiguousarray(pixels))
    if palette is not None:
        image.putpalette(np.ascontiguousarray(palette).tobytes())
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
