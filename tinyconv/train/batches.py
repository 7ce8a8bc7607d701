"""An image set as batches for the training loop, prepared by threads while the step before computes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from typing import NamedTuple

import numpy as np

from tinyconv.core import layout, random
from tinyconv.core.arrays import Array
from tinyconv.core.devices import CPU, Device
from tinyconv.core.errors import ArgumentError
from tinyconv.data.mixup import Mixture, one_hot
from tinyconv.data.prefetch import Pools
from tinyconv.data.transforms import Augmentation
from tinyconv.data.workers import WorkerInfo, WorkerPool
from tinyconv.ops.tensor import Tensor
from tinyconv.train.preprocessing import Preprocessing

PREFETCHED = 2
"""Batches made ahead. One would do if every batch took equally long to make; the second bridges a slow one."""

Arrays = tuple[Array, Array]


class Part(NamedTuple):
    """Samples ``first`` to ``last`` - 1 of the ``whole`` in a batch: what one rank computes of it."""

    first: int
    last: int
    whole: int


class Batches:
    """(images, labels) tensors, augmented and normalised.

    ``images``: float (N, C, H, W) in [0, 1], an array or anything that gives one for an array of indices; ``labels``:
    int64 (N,). With ``shuffle`` the order is drawn anew for each epoch, from ``seed`` and the number given to
    ``set_epoch``; so is the ``augmentation``. With ``mixup``, the α of a Beta distribution, images are blended with
    others of their batch, and labels are float (B, ``classes``) targets (default: as many as the labels name).

    The N samples are spread evenly over ceil(N / batch_size) batches, whose sizes differ by one at most: a small
    remainder would count as much in an optimiser step as a whole batch, and spoil batch normalisation.

    With ``ranks`` > 1, ``rank`` gets its contiguous part of every batch; all parts together are the batch that one
    rank alone would get, mixup included. A batch is a function of (seed, epoch, number of the batch): neither ranks,
    nor a start in the middle, nor the ``prefetch`` batches that threads prepare ahead (0: none) change its bits.

    ``waited``: seconds, of all passes so far, that the loop over the batches has waited for one.

    Raises: ``ArgumentError`` for a batch size below 1, a batch with fewer samples than ranks, and unless there is one
        label per image.

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
        mixup: float = 0.0,
        classes: int | None = None,
        rank: int = 0,
        ranks: int = 1,
        prefetch: int = PREFETCHED,
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(f"Batches: batch_size must be at least 1, got {batch_size}")
        if len(images) != len(labels):
            raise ArgumentError(f"Batches: {len(images)} images but {len(labels)} labels; there must be one per image")
        if not 0 <= mixup < float("inf"):
            raise ArgumentError(f"Batches: mixup, the α of a Beta distribution, must be 0 or more, got {mixup}")
        if not 0 <= rank < ranks:
            raise ArgumentError(f"Batches: rank {rank} of {ranks} is none; ranks count from 0")
        if prefetch < 0:
            raise ArgumentError(f"Batches: prefetch, the batches made ahead, must be 0 or more, got {prefetch}")
        self._images, self._labels = images, labels
        self._batch_size = batch_size
        self._preprocessing = preprocessing
        self._augmentation = augmentation
        self._shuffle, self._seed = shuffle, seed
        self._device = device
        self._mixup = mixup
        self._classes = classes or (int(labels.max()) + 1 if len(labels) else 0)
        self._rank, self._ranks = rank, ranks
        self._prefetch = prefetch
        self._epoch = self._start = 0
        self.waited = 0.0
        smallest = len(images) // len(self) if len(self) else ranks
        if smallest < ranks:
            raise ArgumentError(
                f"Batches: a batch of {smallest} samples cannot be shared by {ranks} ranks; make batches larger"
            )

    def set_epoch(self, epoch: int) -> None:
        """Choose the order and the augmentation of the next pass (the method's name in PyTorch's samplers)."""
        self._epoch = epoch

    def start_at(self, batch: int) -> None:
        """Let the next pass, and it alone, begin at batch number ``batch``: the first that a training has not seen."""
        if not 0 <= batch <= len(self):
            raise ArgumentError(f"Batches: cannot start at batch {batch}; there are {len(self)}")
        self._start = batch

    def part(self, batch: int) -> Part:
        """Which samples of batch number ``batch`` this rank gets."""
        whole = _share(len(self._images), len(self), batch).whole
        return _share(whole, self._ranks, self._rank)._replace(whole=whole)

    def __len__(self) -> int:
        return -(-len(self._images) // self._batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        start, self._start = self._start, 0
        return self._pass(self._epoch, start)

    def _pass(self, epoch: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        if not len(self):
            return
        order = np.arange(len(self._images))
        if self._shuffle:
            order = random.philox(self._seed, "shuffle", epoch).permutation(order)
        batches = list(enumerate(np.array_split(order, len(self))))[start:]
        tasks = (partial(self._prepare, epoch, number, samples) for number, samples in batches)
        with closing(self._ahead(tasks) if self._prefetch else _now(tasks)) as ready:
            while True:
                asked = time.perf_counter()
                batch = next(ready, None)
                self.waited += time.perf_counter() - asked
                if batch is None:
                    return
                # Here and not in the threads: a GPU's memory and streams belong to the thread that computes.
                yield tuple(Tensor(array).to(self._device) for array in batch)  # type: ignore[misc]

    def _ahead(self, tasks: Iterator[Callable[[], Arrays]]) -> Generator[Arrays]:
        """The results of ``tasks``, in their order, with threads at work on the next ones."""
        infos = [WorkerInfo(number, self._prefetch, self._seed, self._images) for number in range(self._prefetch)]
        return Pools([WorkerPool(infos, None)], prefetch_factor=1, timeout=0, keep=False).in_order(tasks)

    def _prepare(self, epoch: int, number: int, samples: Array) -> Arrays:
        """This rank's part of a batch, of which ``samples`` is the whole."""
        first, last, whole = self.part(number)
        own = np.arange(first, last)
        if not self._mixup:
            return self._inputs(epoch, samples[own]), self._labels[samples[own]]
        mixture = Mixture.draw(self._mixup, whole, self._seed, epoch, number)
        partners = mixture.partners[own]
        # A partner may belong to another rank; nothing is decoded and augmented twice.
        needed, place = np.unique(np.concatenate([own, partners]), return_inverse=True)
        inputs = self._inputs(epoch, samples[needed])
        targets = one_hot(self._labels[samples[needed]], self._classes, inputs.dtype)
        ours, theirs = np.split(place, 2)
        return mixture.blend(inputs[ours], inputs[theirs]), mixture.blend(targets[ours], targets[theirs])

    def _inputs(self, epoch: int, samples: Array) -> Array:
        images = _gathered(self._images, samples)
        if self._augmentation is not None:
            images = self._augmentation(images, epoch, samples)
        return self._preprocessing.normalize(images)


def _gathered(images: Array, samples: Array) -> Array:
    """``images[samples]``; of an array in the engine's order, in that order, which NumPy would not keep."""
    if isinstance(images, np.ndarray) and images.ndim == 4 and layout.is_engine_order(images):
        return layout.nchw(images.transpose(0, 2, 3, 1)[samples])
    return images[samples]


def _share(samples: int, parts: int, number: int) -> Part:
    """Part ``number`` of ``numpy.array_split``, which makes the first ones larger; ``whole`` is its own length."""
    size, larger = divmod(samples, parts)
    first = number * size + min(number, larger)
    length = size + (number < larger)
    return Part(first, first + length, length)


def _now(tasks: Iterator[Callable[[], Arrays]]) -> Generator[Arrays]:
    for task in tasks:
        yield task()
