"""Transforms that move pixels: flips, shifts, crops, rotation and scaling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError
from tinyconv.ops.image_moves import picked, warped


@dataclass(frozen=True)
class RandomHorizontalFlip:
    """Mirror an image left to right with probability ``p``.

    Raises: ``ArgumentError`` for a probability outside 0 ... 1.

    >>> from tinyconv.data.transforms import RandomHorizontalFlip
    >>> RandomHorizontalFlip(0.5)(np.arange(2.0).reshape(1, 1, 1, 2), np.array([[0.2]])).ravel().tolist()
    [1.0, 0.0]
    """

    p: float = 0.5
    draws = 1

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ArgumentError(f"RandomHorizontalFlip: probability {self.p} is outside 0 to 1")

    def __call__(self, images: Array, uniform: Array) -> Array:
        _, _, height, width = images.shape
        there = np.arange(width)
        columns = np.where(uniform[:, :1] < self.p, there[::-1], there)
        return picked(images, np.broadcast_to(np.arange(height), (len(images), height)), columns)


@dataclass(frozen=True)
class RandomShift:
    """Move an image by up to ``pixels`` whole pixels in each direction; its edge is repeated where it leaves a gap.

    Raises: ``ArgumentError`` for a negative number.

    >>> from tinyconv.data.transforms import RandomShift
    >>> RandomShift(1)(np.arange(3.0).reshape(1, 1, 1, 3), np.array([[0.5, 0.9]])).ravel().tolist()
    [0.0, 0.0, 1.0]
    """

    pixels: int
    draws = 2

    def __post_init__(self) -> None:
        if self.pixels < 0:
            raise ArgumentError(f"RandomShift: {self.pixels} pixels; the number must not be negative")

    def __call__(self, images: Array, uniform: Array) -> Array:
        _, _, height, width = images.shape
        down, right = _whole_pixels(uniform, self.pixels)
        rows = (np.arange(height) - down[:, None]).clip(0, height - 1)
        columns = (np.arange(width) - right[:, None]).clip(0, width - 1)
        return picked(images, rows, columns)


@dataclass(frozen=True)
class RandomCrop:
    """Surround an image by ``padding`` black pixels and cut its size out of that, anywhere.

    That is the augmentation of CIFAR-10 in He et al. (2015), section 4.2, with 4 pixels. ``RandomShift`` differs in
    what appears at the edge: there it repeats the image's own.

    Raises: ``ArgumentError`` for a negative number.

    >>> from tinyconv.data.transforms import RandomCrop
    >>> RandomCrop(1)(np.arange(1.0, 4.0).reshape(1, 1, 1, 3), np.array([[0.5, 0.9]])).ravel().tolist()
    [0.0, 1.0, 2.0]
    """

    padding: int
    draws = 2

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise ArgumentError(f"RandomCrop: padding {self.padding}; the number of pixels must not be negative")

    def __call__(self, images: Array, uniform: Array) -> Array:
        _, _, height, width = images.shape
        down, right = _whole_pixels(uniform, self.padding)
        return picked(
            images,
            _inside(np.arange(height) - down[:, None], height),
            _inside(np.arange(width) - right[:, None], width),
        )


@dataclass(frozen=True)
class RandomAffine:
    """Turn an image about its centre by up to ``degrees`` either way, and scale it by 1 - ``scale`` to 1 + ``scale``.

    Bilinear interpolation; beyond its edge the image continues with the edge's pixels.

    Raises: ``ArgumentError`` for degrees outside 0 ... 180, or a scale outside 0 ... 1.

    >>> from tinyconv.data.transforms import RandomAffine
    >>> RandomAffine(degrees=10)(np.ones((1, 1, 4, 4)), np.array([[0.9, 0.5]])).shape
    (1, 1, 4, 4)
    """

    degrees: float = 0.0
    scale: float = 0.0
    draws = 2

    def __post_init__(self) -> None:
        if not (0 <= self.degrees <= 180 and 0 <= self.scale < 1):
            raise ArgumentError(
                f"RandomAffine: degrees must be 0 to 180 and scale 0 to below 1, got {self.degrees}, {self.scale}"
            )

    def __call__(self, images: Array, uniform: Array) -> Array:
        angles = (2 * uniform[:, 0] - 1) * math.radians(self.degrees)
        factors = 1 + (2 * uniform[:, 1] - 1) * self.scale
        # The inverse map, from a pixel of the result to the place in the image that it shows:
        #   (y, x) = centre + R(-angle) (i, j - centre) / factor
        matrices = np.array(
            [
                [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
                for angle in angles.tolist()  # numpy's vector sine may differ in the last bit with the batch's length
            ]
        ).reshape(-1, 2, 2)
        return warped(images, matrices / factors[:, None, None])


def _whole_pixels(uniform: Array, most: int) -> Array:
    """(2, N): whole numbers from -``most`` to ``most``, each as likely as any other."""
    numbers: Array = np.floor(uniform.T * (2 * most + 1)).astype(np.int64) - most
    return numbers


def _inside(places: Array, size: int) -> Array:
    """``places``, with -1 for those outside 0 ... ``size`` - 1."""
    return np.where((places >= 0) & (places < size), places, -1)
