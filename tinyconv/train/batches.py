"""An image set in memory as batches for the training loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyconv.core import random
from tinyconv.core.arrays import Array
from tinyconv.core.devices import CPU, Device
from tinyconv.core.errors import ArgumentError
from tinyconv.data.transforms import Augmentation
from tinyconv.ops.tensor import Tensor
from tinyconv.train.preprocessing import Preprocessing


class Batches:
    """(images, labels) tensors, augmented and normalised, from arrays that are in memory.

    ``images``: float32 (N, C, H, W) in [0, 1]; ``labels``: int64 (N,). With ``shuffle`` the order is drawn anew for
    each epoch, from ``seed`` and the number given to ``set_epoch``; so is the ``augmentation``.

    The N samples are spread evenly over ceil(N / batch_size) batches, whose sizes differ by one at most: a small
    remainder would count as much in an optimiser step as a whole batch, and spoil batch normalisation.

    Raises: ``ArgumentError`` for a batch size below 1, and unless there is one label per image.

    >>> from tinyconv.train import Batches, Preprocessing
    >>> images = np.random.default_rng(0).random((10, 1, 4, 4), np.float32)
    >>> batches = Batches(images, np.arange(10) % 2, 4, Preprocessing.fit(images))
    >>> [len(labels) for _, labels in batches]
    [4, 3, 3]
    """

    def __init__(
        self,
        images: Array,
        labels: Array,
        batch_size: int,
        preprocessing: Preprocessing,
        *,
        augmentation: Augmentation | None = None,
        shuffle: bool = False,
        seed: int = 0,
        device: Device = CPU,
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(f"Batches: batch_size must be at least 1, got {batch_size}")
        if len(images) != len(labels):
            raise ArgumentError(f"Batches: {len(images)} images but {len(labels)} labels; there must be one per image")
        self._images, self._labels = images, labels
        self._batch_size = batch_size
        self._preprocessing = preprocessing
        self._augmentation = augmentation
        self._shuffle, self._seed = shuffle, seed
        self._device = device
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order and the augmentation of the next pass (the method's name in PyTorch's samplers)."""
        self._epoch = epoch

    def __len__(self) -> int:
        return -(-len(self._images) // self._batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if not len(self):
            return
        order = np.arange(len(self._images))
        if self._shuffle:
            order = random.philox(self._seed, "shuffle", self._epoch).permutation(order)
        for indices in np.array_split(order, len(self)):
            images = self._images[indices]
            if self._augmentation is not None:
                images = self._augmentation(images, self._epoch, indices)
            inputs = Tensor(self._preprocessing.normalize(images)).to(self._device)
            yield inputs, Tensor(self._labels[indices]).to(self._device)
