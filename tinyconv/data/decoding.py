"""Image files as one array: in memory where they fit, decoded when asked for where they do not.

Either way an image has the numbers that 8 bits can express (16 where a file has more), so that no result depends on how
much memory there is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, cast

import numpy as np

from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import DataError
from tinyconv.data.image_files import ARCHIVE_ERRORS, ImageFile
from tinyconv.data.images import bytes_of, decoded, is_deep, is_gray, open_image, upright_size

IN_MEMORY = 1 << 30
"""Bytes of float32 images: up to here they are an ordinary array."""

CACHE_SHARE = 4
"""Of more, the first are kept as whole numbers, in up to a quarter of the machine's memory."""

READING_ERRORS = (DataError, RuntimeError, *ARCHIVE_ERRORS)  # an encrypted file in a .zip raises a RuntimeError


class Header(NamedTuple):
    """What an image file says of itself before its pixels are decoded."""

    size: Pair
    gray: bool
    deep: bool


def read_header(file: ImageFile) -> Header | None:
    """None where it cannot be read."""
    try:
        with file.open() as content, open_image(file.name, content) as image:
            return Header(upright_size(image), is_gray(image), is_deep(image))
    except READING_ERRORS:
        return None


def in_threads(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """``function`` of every item, in order. Pillow decodes without the interpreter's lock."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        try:
            return list(pool.map(function, items, chunksize=1))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class DecodedImages:
    """Image files that are indexed like a float32 array (N, C, H, W) in [0, 1], and decoded then.

    ``whole``: uint8 or uint16, the type in which they are kept: ``cache`` (K, C, H, W) are the first K of them.
    ``sums``: float64 (N, C, 2), each image's sum and sum of squares per channel.
    """

    dtype = np.dtype(np.float32)
    ndim = 4

    def __init__(
        self, files: Sequence[ImageFile], channels: int, size: Pair, whole: Any, cache: Array, sums: Array
    ) -> None:
        self._files, self._whole, self._cache, self.sums = files, np.dtype(whole), cache, sums
        self.shape = (len(files), channels, *size)
        self._chosen = np.arange(len(files))

    def subset(self, indices: Array) -> Array:
        """The images at ``indices``, none of which is decoded yet."""
        result = object.__new__(DecodedImages)
        result.__dict__.update(self.__dict__)
        result._chosen = self._chosen[indices]
        result.shape = (len(result._chosen), *self.shape[1:])
        return as_array(result)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Array:
        if isinstance(key, tuple):
            first, rest = key[0], key[1:]
            images = self[first]
            return images[rest] if images.ndim == self.ndim - 1 else images[(slice(None), *rest)]
        chosen = self._chosen[key]
        if chosen.ndim == 0:
            return self[[key]][0]
        images = np.empty((len(chosen), *self.shape[1:]), self._whole)
        for image, index in zip(images, chosen.tolist(), strict=True):
            image[...] = self._cache[index] if index < len(self._cache) else self._decode(index)
        return as_float(images)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype, copy=False)

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation of every channel, float64 (C,)."""
        sums = self.sums[self._chosen].sum(axis=0) / (len(self) * self.shape[2] * self.shape[3])
        return sums[:, 0], np.sqrt(np.maximum(sums[:, 1] - sums[:, 0] ** 2, 0))

    def _decode(self, index: int) -> Array:
        _, channels, height, width = self.shape
        return decode(self._files[index], channels, (height, width), self._whole)


def decode(file: ImageFile, channels: int, size: Pair, whole: Any) -> Array:
    """The image as whole numbers (C, H, W). Raises ``DataError`` or ``OSError``."""
    with file.open() as content:
        image = open_image(file.name, content)
        if whole == np.uint8 and (exact := bytes_of(image, file.name, channels, size)) is not None:
            return exact
        pixels = decoded(image, file.name, channels, size)
    return np.rint(pixels * np.float32(np.iinfo(whole).max)).astype(whole)


def decode_all(
    files: Sequence[ImageFile], channels: int, size: Pair, deep: bool, in_memory: int = IN_MEMORY
) -> tuple[Array, Array]:
    """The images that can be decoded, and which those are: bool (len(files),).

    Images of three equal channels become gray. They are an array, or ``DecodedImages`` where that would take more than
    ``in_memory`` bytes.
    """
    whole = np.dtype(np.uint16 if deep else np.uint8)
    numbers = channels * size[0] * size[1]
    fits = len(files) * numbers * np.dtype(np.float32).itemsize <= in_memory
    room = len(files) if fits else min(len(files), _memory() // CACHE_SHARE // (numbers * whole.itemsize))
    cache = np.empty((room, channels, *size), whole)
    sums = np.zeros((len(files), channels, 2))
    readable, coloured = np.zeros(len(files), bool), np.zeros(len(files), bool)

    def take(index: int) -> None:
        try:
            image = decode(files[index], channels, size, whole)
        except READING_ERRORS:
            return
        if index < room:
            cache[index] = image
        readable[index] = True
        coloured[index] = channels == 3 and not (image == image[:1]).all()
        if not fits:
            pixels = as_float(image).astype(np.float64)
            sums[index] = np.stack([pixels.sum(axis=(1, 2)), (pixels**2).sum(axis=(1, 2))], axis=1)

    in_threads(take, range(len(files)))
    if not coloured.any():
        channels, cache, sums = 1, cache[:, :1], sums[:, :1]
    if fits:
        return as_float(cache if readable.all() else cache[readable]), readable
    kept = [file for file, good in zip(files, readable, strict=True) if good]
    return as_array(DecodedImages(kept, channels, size, whole, cache[readable[:room]], sums[readable])), readable


def as_float(images: Array) -> Array:
    """Whole numbers as float32 in [0, 1]."""
    return images.astype(np.float32) / np.float32(np.iinfo(images.dtype).max)


def as_array(images: DecodedImages) -> Array:
    """For annotations: it has what is asked of a set of images, a shape and indices."""
    return cast("Array", images)


def _memory() -> int:
    """The machine's memory, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4 << 30
