"""Augmentation and normalisation of batches of images.

Every random number is a function of (seed, epoch, sample index), so a sample is changed in the same way whatever batch
it comes in, and whichever thread prepares it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tinyconv.core import layout, random
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, DataError


class Transform(Protocol):
    """A random change of a batch that is told which numbers to use."""

    @property
    def draws(self) -> int:
        """How many uniform numbers each sample takes."""

    def __call__(self, images: Array, uniform: Array) -> Array:
        """Changed copies of ``images`` (N, C, H, W) in [0, 1]; ``uniform``: float64 (N, draws) in [0, 1)."""


class Augmentation:
    """Random transforms, one after the other.

    ``augmentation(images, epoch, indices)`` changes float images (N, C, H, W), the samples ``indices`` of the dataset.

    Raises: ``ArgumentError`` unless there is one index per image.

    >>> from tinyconv.data.transforms import Augmentation, RandomHorizontalFlip
    >>> images = np.arange(2.0).reshape(1, 1, 1, 2)
    >>> Augmentation([RandomHorizontalFlip(1.0)])(images, epoch=1, indices=[0]).ravel().tolist()
    [1.0, 0.0]
    """

    def __init__(self, transforms: Sequence[Transform], seed: int = 0) -> None:
        self.transforms = tuple(transforms)
        self.seed = seed

    def __call__(self, images: Array, epoch: int, indices: Sequence[int] | Array) -> Array:
        if len(indices) != len(images):
            raise ArgumentError(f"augmentation of {len(images)} images was given {len(indices)} sample indices")
        total = sum(transform.draws for transform in self.transforms)
        uniform = np.empty((len(images), total))
        for row, index in zip(uniform, indices, strict=True):
            random.philox(self.seed, "augmentation", epoch, int(index)).random(out=row)
        first = 0
        for transform in self.transforms:
            images = transform(images, uniform[:, first : first + transform.draws])
            first += transform.draws
        return images

    def __repr__(self) -> str:
        return f"Augmentation([{', '.join(map(repr, self.transforms))}], seed={self.seed})"


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
        flipped = uniform[:, 0] < self.p
        result = layout.copy(images)
        result[flipped] = images[flipped][..., ::-1]
        return result


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
        samples, _, height, width = images.shape
        down, right = np.floor(uniform.T * (2 * self.pixels + 1)).astype(np.int64) - self.pixels
        rows = (np.arange(height) - down[:, None]).clip(0, height - 1)
        columns = (np.arange(width) - right[:, None]).clip(0, width - 1)
        pixels_first = images.transpose(0, 2, 3, 1)
        return layout.nchw(pixels_first[np.arange(samples)[:, None, None], rows[:, :, None], columns[:, None, :]])


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
        return affine_warp(images, matrices / factors[:, None, None])


def affine_warp(images: Array, matrices: Array) -> Array:
    """result[n, :, i, j] = images[n, :, y, x] with (y, x) = centre + matrices[n] (i - centre_y, j - centre_x).

    ``images``: (N, C, H, W) floating point; ``matrices``: (N, 2, 2). Between pixels the image is interpolated
    bilinearly, beyond its edge it continues with the edge's pixels. The result has the type of ``images``.
    """
    samples, channels, height, width = images.shape
    y, x = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    yx = matrices[:, :, 0, None, None] * y + matrices[:, :, 1, None, None] * x
    top, top_weight = _whole_and_fraction(yx[:, 0] + (height - 1) / 2, height)
    left, left_weight = _whole_and_fraction(yx[:, 1] + (width - 1) / 2, width)
    # Flat positions of the four neighbours in (N H W, C): one gather moves all channels of a pixel.
    pixels = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).reshape(-1, channels)
    corner = (np.arange(samples)[:, None, None] * height + top) * width + left
    below = width * (top + 1 < height)
    beside = (left + 1 < width).astype(np.int64)
    vertical = top_weight[..., None].astype(images.dtype)
    horizontal = left_weight[..., None].astype(images.dtype)
    above = pixels[corner] * (1 - horizontal) + pixels[corner + beside] * horizontal
    beneath = pixels[corner + below] * (1 - horizontal) + pixels[corner + below + beside] * horizontal
    return layout.nchw(above * (1 - vertical) + beneath * vertical)


def _whole_and_fraction(position: Array, size: int) -> tuple[Array, Array]:
    clipped = position.clip(0, size - 1)
    whole = np.floor(clipped).astype(np.int64)
    return whole, clipped - whole


@dataclass(frozen=True)
class ColorJitter:
    """Add up to ``brightness`` either way, and scale differences from the image's mean by 1 +- ``contrast``.

    The result is clipped to [0, 1].

    Raises: ``ArgumentError`` for amounts outside 0 ... 1.

    >>> from tinyconv.data.transforms import ColorJitter
    >>> ColorJitter(brightness=0.2)(np.full((1, 1, 1, 2), 0.5), np.array([[1.0, 0.5]])).ravel().tolist()
    [0.7, 0.7]
    """

    brightness: float = 0.0
    contrast: float = 0.0
    draws = 2

    def __post_init__(self) -> None:
        if not (0 <= self.brightness <= 1 and 0 <= self.contrast <= 1):
            raise ArgumentError(
                f"ColorJitter: brightness and contrast must be 0 to 1, got {self.brightness} and {self.contrast}"
            )

    def __call__(self, images: Array, uniform: Array) -> Array:
        offsets = (2 * uniform[:, 0] - 1) * self.brightness
        factors = 1 + (2 * uniform[:, 1] - 1) * self.contrast
        result = layout.empty(images.shape, images.dtype)
        for image, offset, factor, target in zip(images, offsets.tolist(), factors.tolist(), result, strict=True):
            mean = float(image.mean(dtype=np.float64))
            # mean + factor (image - mean) + offset, as one multiplication and one addition per pixel
            np.clip(image * factor + (mean * (1 - factor) + offset), 0.0, 1.0, out=target)
        return result


@dataclass(frozen=True)
class Normalize:
    """(image - mean) / std, channel by channel; ``mean`` and ``std`` have one number per channel.

    Raises: nothing of its own.

    >>> from tinyconv.data.transforms import Normalize
    >>> Normalize((0.5,), (0.25,))(np.full((1, 1, 1, 2), 0.75, np.float32)).ravel().tolist()
    [1.0, 1.0]
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std):
            raise ArgumentError(f"Normalize: {len(self.mean)} means but {len(self.std)} standard deviations")
        if not all(value > 0 for value in self.std):
            raise ArgumentError(f"Normalize: standard deviations must be positive, got {self.std}")

    @classmethod
    def fit(cls, images: Array) -> Normalize:
        """The normalisation that gives ``images`` (N, C, H, W) mean 0 and variance 1 in every channel.

        A constant channel is only centred. Fit it on training images alone.
        """
        if len(images) == 0:
            raise DataError("Normalize cannot be fitted: there are no training images")
        moments = getattr(images, "moments", None)  # images that are decoded when needed have been added up before
        if moments is not None:
            mean, std = moments()
        else:
            mean = images.mean(axis=(0, 2, 3), dtype=np.float64)
            std = images.std(axis=(0, 2, 3), dtype=np.float64)
        std[std < np.finfo(np.float32).eps] = 1.0
        return cls(tuple(mean.tolist()), tuple(std.tolist()))

    def __call__(self, images: Array) -> Array:
        if images.shape[1] != len(self.mean):
            raise DataError(
                f"images have {images.shape[1]} channels, but the normalisation was fitted on {len(self.mean)}"
            )
        result = layout.empty(images.shape, images.dtype)
        mean = np.array(self.mean, images.dtype)[:, None, None]
        np.subtract(images, mean, out=result)
        result /= np.array(self.std, images.dtype)[:, None, None]
        return result
