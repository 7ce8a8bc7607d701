"""A layer's maps over the epochs as an animated GIF, which plays wherever a picture can be shown."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.features.canvas import (
    ALARM,
    BORDER,
    FAINT,
    HATCH_LINE,
    HATCH_PAPER,
    INK,
    LABEL_SIZE,
    MARGIN,
    PAPER,
    Page,
    text_width,
)
from tinyconv.features.colours import LEVELS, NOT_FINITE, Pixels, colour_table, scale_of
from tinyconv.features.folders import make_folder
from tinyconv.features.grids import draw_grid
from tinyconv.features.input_panel import FIELD_COLOUR, image_pixels
from tinyconv.features.layers import Layer
from tinyconv.utils.files import write_atomically

PAUSE, LAST_PAUSE = 800, 2400
"""Milliseconds that an epoch is shown, and the last one."""
TIMELINE = 44
MAP_COLOURS, IMAGE_COLOURS = 128, 64
SCALES = ("shared", "layer", "channel")


def evolution_frames(
    maps: FloatArray,
    epochs: Sequence[int],
    layer: Layer | str,
    *,
    image: FloatArray | None = None,
    subject: str = "",
    total_channels: int | None = None,
    scale: str = "shared",
) -> list[Pixels]:
    """A picture of one layer's maps of one image for each epoch, all of one size, nothing in them moving but the maps.

    ``maps``: (epochs, C, H, W), or (epochs, C). ``scale``: "shared" (one for all channels and epochs, so that growth is
    visible), "layer" (each epoch its own) or "channel" (each map its own). The rest as in ``feature_grid``; below the
    maps a line says which epoch is shown.

    Raises: ``ShapeError``; ``ArgumentError`` for a scale that does not exist.

    >>> from tinyconv.features import evolution_frames
    >>> frames = evolution_frames(np.random.default_rng(0).random((3, 4, 6, 6)), [0, 1, 5], "conv1")
    >>> len(frames), len({frame.shape for frame in frames})
    (3, 1)
    """
    if scale not in SCALES:
        raise ArgumentError(f"scale {scale!r} does not exist: choose one of {', '.join(SCALES)}")
    if maps.ndim not in (2, 4) or len(maps) != len(epochs) or not len(epochs):
        raise ShapeError(
            f"evolution_frames: maps {maps.shape} for {len(epochs)} epochs must be (epochs, channels, height, width)"
        )
    common = scale_of(maps, "shared") if scale == "shared" else scale
    drawn = [
        draw_grid(
            values,
            layer,
            image=image,
            epoch=epoch,
            subject=subject,
            channels=None,
            total_channels=total_channels,
            scale=common,
        )
        for epoch, values in zip(epochs, maps, strict=True)
    ]
    head = max(top for _, top in drawn)
    body = max(len(pixels) - top for pixels, top in drawn)
    width = max(pixels.shape[1] for pixels, _ in drawn)
    frames = []
    for number, (pixels, top) in enumerate(drawn):
        page = Page(width, head + body + TIMELINE)
        page.paste(pixels[:top], 0, 0)
        page.paste(pixels[top:], 0, head)
        _draw_timeline(page, epochs, number, width, head + body)
        frames.append(page.pixels())
    return frames


def save_evolution_gif(
    path: Path | str,
    maps: FloatArray,
    epochs: Sequence[int],
    layer: Layer | str,
    *,
    image: FloatArray | None = None,
    subject: str = "",
    total_channels: int | None = None,
    scale: str = "shared",
) -> Path:
    """Write ``evolution_frames`` (see there for the arguments) as an endless GIF. Returns its path.

    A GIF has 256 colours: every second one of the colour scale, 64 of the image, the others for text. Equal maps make
    equal bytes.

    Raises: as ``evolution_frames``, and ``RunError`` where the file cannot be written.

    >>> from tinyconv.features import save_evolution_gif
    >>> maps = np.random.default_rng(0).random((3, 4, 6, 6))
    >>> save_evolution_gif("conv1.gif", maps, [0, 1, 5], "conv1").name
    'conv1.gif'
    """
    frames = evolution_frames(
        maps, epochs, layer, image=image, subject=subject, total_channels=total_channels, scale=scale
    )
    signed = bool((maps[np.isfinite(maps)] < 0).any())
    path = Path(path)
    make_folder(path.parent)
    write_atomically(path, _gif(frames, _palette(signed, image)))
    return path


def _draw_timeline(page: Page, epochs: Sequence[int], shown: int, width: int, top: int) -> None:
    """A line with a mark for every epoch, and a larger one for that which is shown."""
    left, right = MARGIN + text_width("epoch", LABEL_SIZE) + MARGIN, width - 2 * MARGIN
    step = (right - left) / max(1, len(epochs) - 1)
    page.text(MARGIN, top + 10, "epoch", LABEL_SIZE, anchor="lm")
    page.pencil.line((left, top + 10, right, top + 10), fill=BORDER, width=2)
    for number, epoch in enumerate(epochs):
        x, radius = round(left + number * step), 7 if number == shown else 3
        colour = FIELD_COLOUR if number == shown else FAINT
        page.pencil.ellipse((x - radius, top + 10 - radius, x + radius, top + 10 + radius), fill=colour)
        page.text(x, top + 29, str(epoch), LABEL_SIZE, bold=number == shown, anchor="mm")


def _palette(signed: bool, image: FloatArray | None) -> Pixels:
    """The (256, 3) colours of all frames: fixed, so that what does not change does not flicker."""
    from PIL import Image

    table = colour_table(signed)
    marks = [INK, FAINT, PAPER, BORDER, HATCH_PAPER, HATCH_LINE, ALARM, NOT_FINITE, FIELD_COLOUR]
    parts = [table[:: LEVELS // MAP_COLOURS], table[-1:], np.array(marks, np.uint8)]
    if image is not None:
        found = Image.fromarray(image_pixels(image)[0]).quantize(IMAGE_COLOURS, dither=Image.Dither.NONE)
        parts.append(np.array(found.getpalette(), np.uint8).reshape(-1, 3)[:IMAGE_COLOURS])
    greys = np.linspace(0, 255, LEVELS - sum(map(len, parts))).round().astype(np.uint8)
    return np.concatenate([*parts, np.stack([greys] * 3, axis=1)])


def _indices(pixels: Pixels, palette: Pixels) -> Array:
    """For each pixel the number of the nearest colour. (Pillow's own search takes a neighbour of white for white.)"""
    parts = pixels.astype(np.int64)
    colours = parts[..., 0] << 16 | parts[..., 1] << 8 | parts[..., 2]
    occurs = np.zeros(1 << 24, bool)
    occurs[colours] = True
    found = np.flatnonzero(occurs)
    channels = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1)
    nearest = np.empty(1 << 24, np.uint8)
    for part in np.array_split(np.arange(len(found)), len(found) // 4096 + 1):
        distances = ((channels[part, None] - palette.astype(np.int64)) ** 2).sum(axis=2)
        nearest[found[part]] = distances.argmin(axis=1)
    return nearest[colours]


def _gif(frames: Sequence[Pixels], palette: Pixels) -> bytes:
    from PIL import Image

    pictures = [Image.fromarray(_indices(frame, palette)) for frame in frames]
    for picture in pictures:
        picture.putpalette(palette.reshape(-1).tolist())
    stream = io.BytesIO()
    pictures[0].save(
        stream,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[PAUSE] * (len(pictures) - 1) + [LAST_PAUSE],
        loop=0,
        optimize=False,
        comment=b"tinyconv",
    )
    return stream.getvalue()
