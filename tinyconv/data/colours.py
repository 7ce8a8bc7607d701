"""Transforms that change the values of pixels where they are: brightness and contrast, cutout, normalisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, DataError

MID_GRAY = 0.5


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
        # mean + factor (image - mean) + offset, as one multiplication and one addition per pixel
        rows = layout.ordered(images).transpose(0, 2, 3, 1).reshape(len(images), -1)
        offsets += rows.mean(axis=1, dtype=np.float64) * (1 - factors)
        result = layout.empty(images.shape, images.dtype)
        changed = result.transpose(0, 2, 3, 1).reshape(len(images), -1)
        np.multiply(rows, factors.astype(images.dtype)[:, None], out=changed)
        changed += offsets.astype(images.dtype)[:, None]
        changed.clip(0.0, 1.0, out=changed)
        return result


@dataclass(frozen=True)
class Cutout:
    """Make a square of ``side`` pixels mid-gray, anywhere in an image; its centre is, a part of it may be outside.

    Raises: ``ArgumentError`` for a negative side.
    Source: DeVries and Taylor, 2017, "Improved regularization of convolutional neural networks with cutout", who set
        normalised images to 0, which is their mean; 0.5 stands for it here, where images are not yet normalised.

    >>> from tinyconv.data.transforms import Cutout
    >>> Cutout(2)(np.zeros((1, 1, 1, 4)), np.array([[0.0, 0.5]])).ravel().tolist()
    [0.0, 0.5, 0.5, 0.0]
    """

    side: int
    draws = 2

    def __post_init__(self) -> None:
        if self.side < 0:
            raise ArgumentError(f"Cutout: a side of {self.side} pixels; the number must not be negative")

    def __call__(self, images: Array, uniform: Array) -> Array:
        _, _, height, width = images.shape
        result = layout.copy(images)
        starts = np.floor(uniform * [height, width]).astype(np.int64) - self.side // 2
        for image, (top, left) in zip(result, starts.tolist(), strict=True):
            image[:, max(top, 0) : max(top + self.side, 0), max(left, 0) : max(left + self.side, 0)] = MID_GRAY
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
        # Lines of all their pixels' channels: NumPy's loops would be as short as there are channels.
        line = images.shape[3]
        mean, std = (np.tile(np.array(numbers, images.dtype), line) for numbers in (self.mean, self.std))
        rows, normal = (
            array.transpose(0, 2, 3, 1).reshape(-1, line * len(self.mean)) for array in (layout.ordered(images), result)
        )
        np.subtract(rows, mean, out=normal)
        normal /= std
        return result
