"""From images to what a network is fed, and back from a run's record of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import RunError
from tinyconv.data.images import read_image
from tinyconv.data.transforms import Normalize


@dataclass(frozen=True)
class Preprocessing:
    """Image size, number of channels and normalisation that a model was trained with.

    ``image_size``: (height, width). ``mean`` and ``std``: one number per channel, of images in [0, 1].

    Raises: nothing of its own; ``read`` raises ``DataError``, ``from_json`` ``RunError``.

    >>> from tinyconv.train import Preprocessing
    >>> images = np.array([0.2, 0.6]).reshape(2, 1, 1, 1)
    >>> Preprocessing.fit(images).normalize(images).ravel().round(3).tolist()
    [-1.0, 1.0]
    """

    channels: int
    image_size: Pair
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(cls, images: Array) -> Preprocessing:
        """For training images (N, C, H, W) in [0, 1]: their size, and the normalisation to mean 0 and variance 1."""
        normalize = Normalize.fit(images)
        return cls(images.shape[1], (images.shape[2], images.shape[3]), normalize.mean, normalize.std)

    def read(self, path: str | Path) -> Array:
        """The image file ``path`` as float32 (channels, height, width) in [0, 1]. Raises ``DataError``."""
        return read_image(path, self.channels, self.image_size)

    def normalize(self, images: Array) -> Array:
        """Images (N, C, H, W) in [0, 1], as the network takes them: (image - mean) / std."""
        return Normalize(self.mean, self.std)(images)

    def bounds(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What the darkest and the brightest pixel, 0 and 1, are as the network takes them; one number per channel."""
        channels = list(zip(self.mean, self.std, strict=True))
        return tuple((0 - mean) / std for mean, std in channels), tuple((1 - mean) / std for mean, std in channels)

    def to_json(self) -> dict[str, Any]:
        """The numbers as JSON expresses them."""
        return {
            "channels": self.channels,
            "image_size": list(self.image_size),
            "mean": list(self.mean),
            "std": list(self.std),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Preprocessing:
        """The inverse of ``to_json``. Raises ``RunError`` where the record is not one."""
        try:
            height, width = (int(side) for side in record["image_size"])
            mean, std = (tuple(float(number) for number in record[name]) for name in ("mean", "std"))
            result = cls(int(record["channels"]), (height, width), mean, std)
        except (KeyError, TypeError, ValueError):
            raise RunError(f"the record of the preprocessing is damaged: {record!r}") from None
        if not len(mean) == len(std) == result.channels:
            raise RunError(f"the record of the preprocessing is damaged: {record!r}")
        return result
