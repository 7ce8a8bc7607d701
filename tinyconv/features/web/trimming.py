"""Keeping a page under a size: what is left out first is what the reader misses least, and it is said.

The order: first the images after the first one, the last of them first; then epochs between the first and the last,
every second one; then the channels of each layer, half of them at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.features.web.sprites import FilmScale, Sprite, film_scale, sprite

MAX_CHANNELS = 256
FEWEST_CHANNELS = 8


@dataclass(frozen=True)
class Selection:
    """What a page has room for: ``sprites`` of each layer, one for each image; ``frames``: which of the epochs.

    ``left_out``: sentences for the reader.
    """

    sprites: dict[str, list[Sprite]]
    frames: list[int]
    left_out: list[str]


def select(arrays: Mapping[str, FloatArray], scale: str, max_bytes: int) -> Selection:
    """Sprites of layers (epochs, images, C, H, W) that take at most ``max_bytes`` as data URIs, where that is possible.

    The scale is that of everything recorded, whatever is left out.
    """
    maps = {name: _five(array) for name, array in arrays.items()}
    scales = {name: film_scale(array, scale) for name, array in maps.items()}
    epochs, images = next(iter(maps.values())).shape[:2]
    frames, most = list(range(epochs)), MAX_CHANNELS
    chosen = _sprites(maps, scales, 0, frames, most)
    while _size(chosen) > max_bytes:
        if len(frames) > 2:
            frames = [*frames[:-1:2], frames[-1]]
        elif most > FEWEST_CHANNELS:
            most //= 2
        else:
            break
        chosen = _sprites(maps, scales, 0, frames, most)
    sprites = {name: [picture] for name, picture in chosen.items()}
    size, shown = _size(chosen), 1
    while shown < images:
        more = _sprites(maps, scales, shown, frames, most)
        size += _size(more)
        if size > max_bytes:
            break
        for name, picture in more.items():
            sprites[name].append(picture)
        shown += 1
    return Selection(sprites, frames, _sentences(maps, shown, len(frames), most))


def _five(array: FloatArray) -> FloatArray:
    return array[..., None, None] if array.ndim == 3 else array


def _sprites(
    maps: Mapping[str, FloatArray], scales: Mapping[str, FilmScale], image: int, frames: list[int], most: int
) -> dict[str, Sprite]:
    made = {}
    for name, array in maps.items():
        scale = scales[name]
        limits = scale.limits[frames, :most]
        made[name] = sprite(array[frames, image, :most], FilmScale(scale.mode, scale.signed, limits))
    return made


def _size(sprites: Mapping[str, Sprite]) -> int:
    """Bytes as data URIs, which write 3 bytes as 4 signs."""
    return sum(len(picture.png) * 4 // 3 for picture in sprites.values())


def _sentences(maps: Mapping[str, FloatArray], images: int, frames: int, most: int) -> list[str]:
    epochs, recorded = next(iter(maps.values())).shape[:2]
    widest = int(np.max([array.shape[2] for array in maps.values()]))
    sentences = []
    if images < recorded:
        sentences.append(f"{images} of {recorded} recorded images")
    if frames < epochs:
        sentences.append(f"{frames} of {epochs} recorded epochs")
    if most < widest:
        sentences.append(f"the first {most} channels of a layer, of up to {widest}")
    return sentences
