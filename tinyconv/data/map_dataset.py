"""Datasets written for PyTorch, for our own training.

A *map-style dataset* has ``len(dataset)`` and ``dataset[i]``, which gives (image, label). ``DataLoader`` takes it as it
is where its images are arrays or tensors. Here its images become what every part of tinyconv takes: float32
(C, H, W) in [0, 1], of one size, whether they were Pillow's, arrays with the channels first or last, or tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyconv.core import exchange, layout
from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import ArgumentError, DataError
from tinyconv.data.dataset import Dataset
from tinyconv.data.images import ImageData, decoded, in_channels, is_gray, resize
from tinyconv.data.npz import nchw, unit_range


class MapDataset(Dataset[tuple[Array, int]]):
    """The samples of a PyTorch-style ``dataset`` as (image, label).

    An image is Pillow's, or an array (PyTorch's, NumPy's, JAX's) of shape (H, W), (C, H, W) or (H, W, C) with C = 1 or
    3, of bytes or of fractions in [0, 1]. ``image_size``: (height, width) to resize to; by default none is, and all
    must have one size. ``channels``: 1 (gray) or 3; by default what the first image has. ``classes``: the names that
    labels count, by default ``dataset.classes``, which torchvision's have; labels may be these names.

    It goes into a ``DataLoader``, which ``Trainer`` takes; ``images()`` reads all of it for ``Experiment``.

    Shape: images (C, H, W).
    Dtype: images float32, labels int.
    Raises: ``ArgumentError`` for what is no such dataset; ``DataError``, which names the sample, for one that is no
        pair of image and label, or cannot be read.

    >>> from tinyconv.data.map_dataset import MapDataset
    >>> samples = [(np.full((4, 4, 3), 255, np.uint8), 0), (np.zeros((4, 4, 3), np.uint8), 1)]
    >>> image, label = MapDataset(samples, channels=1)[0]
    >>> image.shape, float(image.max()), label
    ((1, 4, 4), 1.0, 0)
    """

    def __init__(
        self,
        dataset: Any,
        image_size: Pair | None = None,
        channels: int | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        for needed in ("__getitem__", "__len__"):
            if not hasattr(dataset, needed):
                raise ArgumentError(f"MapDataset: a {type(dataset).__name__} has no {needed}; give a map-style dataset")
        if channels not in (None, 1, 3):
            raise ArgumentError(f"MapDataset: channels is 1 (gray) or 3 (colour), got {channels!r}")
        self.dataset = dataset
        self.image_size = image_size
        self.channels = channels
        names = getattr(dataset, "classes", None) if classes is None else classes
        self.classes = None if names is None else tuple(str(name) for name in names)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Array, int]:
        sample = self.dataset[index]
        if not isinstance(sample, Sequence) or len(sample) != 2:
            raise DataError(f"{self._named(index)} is a {type(sample).__name__}; it must be a pair (image, label)")
        pixels = self._pixels(sample[0], self._named(index))
        if self.channels is None:
            self.channels = len(pixels)
        pixels = in_channels(pixels, self.channels)
        if self.image_size is not None and pixels.shape[1:] != tuple(self.image_size):
            pixels = resize(pixels, self.image_size)
        return pixels, self._label(sample[1], self._named(index))

    def images(self, name: str = "map dataset", credit: str = "", mirror: bool = False) -> ImageData:
        """All samples, read now, as the labelled images that ``Experiment`` trains on and the other parts show.

        ``name``, ``credit`` and ``mirror`` are those of ``ImageData``. Raises ``DataError`` for images of several sizes
        and no ``image_size``, and for one class only.
        """
        if len(self) == 0:
            raise DataError(f"{name} has no samples")
        first = self[0][0]
        images = layout.empty((len(self), *first.shape), np.float32)
        labels = np.empty(len(self), np.int64)
        for index in range(len(self)):
            pixels, labels[index] = self[index]
            if pixels.shape != first.shape:
                raise DataError(
                    f"{self._named(index)} is {pixels.shape[1]}x{pixels.shape[2]}, the first image "
                    f"{first.shape[1]}x{first.shape[2]}; give image_size=(height, width), to resize all"
                )
            images[index] = pixels
        classes = self.classes or tuple(str(label) for label in range(int(labels.max()) + 1))
        if len(np.unique(labels)) < 2:
            raise DataError(f"{name}: one class only ({classes[labels[0]]}); telling classes apart takes at least two")
        return ImageData(name, images, labels, classes, credit, mirror)

    def _pixels(self, image: Any, what: str) -> Array:
        if hasattr(image, "getexif"):  # Pillow's; a copy, for reading closes it, and it is the dataset's
            return decoded(image.copy(), what, 1 if is_gray(image) else 3)
        if not isinstance(image, np.ndarray):
            if not exchange.is_foreign(image):
                raise DataError(f"{what}: its image is a {type(image).__name__}; it must be Pillow's, or an array")
            image = np.asarray(exchange.foreign("MapDataset", image)[0])
        return unit_range(nchw(image[None], what), what)[0]

    def _label(self, label: Any, what: str) -> int:
        if isinstance(label, str):
            if self.classes is None or label not in self.classes:
                raise DataError(
                    f"{what} has the label {label!r}; give classes=, the names in the order of their numbers"
                )
            return self.classes.index(label)
        try:
            number = int(label)
        except (TypeError, ValueError):
            raise DataError(f"{what} has the label {label!r:.60}; a label is the number of a class") from None
        if number < 0 or (self.classes is not None and number >= len(self.classes)):
            known = "0 or more" if self.classes is None else f"0 to {len(self.classes) - 1}"
            raise DataError(f"{what} has the label {number}; labels are {known}")
        return number

    def _named(self, index: int) -> str:
        return f"sample {index} of {type(self.dataset).__name__}"
