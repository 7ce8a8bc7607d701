"""Augmentation and normalisation of batches of images.

Every random number is a function of (seed, epoch, sample index), so a sample is changed in the same way whatever batch
it comes in, and whichever thread prepares it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError
from tinyconv.data.colours import ColorJitter, Cutout, Normalize
from tinyconv.data.moves import RandomAffine, RandomCrop, RandomHorizontalFlip, RandomShift
from tinyconv.ops.image_moves import uniform_rows

__all__ = [
    "Augmentation",
    "ColorJitter",
    "Cutout",
    "Normalize",
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomShift",
    "Transform",
]


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
        uniform = uniform_rows(self.seed, "augmentation", epoch, np.asarray(indices, np.int64), total)
        first = 0
        for transform in self.transforms:
            images = transform(images, uniform[:, first : first + transform.draws])
            first += transform.draws
        return images

    def __repr__(self) -> str:
        return f"Augmentation([{', '.join(map(repr, self.transforms))}], seed={self.seed})"
