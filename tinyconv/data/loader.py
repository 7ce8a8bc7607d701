"""DataLoader, with PyTorch's signature and meaning; its workers are prefetching threads."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from tinyconv.core import random
from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.data.collate import default_collate, default_convert
from tinyconv.data.dataset import IterableDataset
from tinyconv.data.fetching import SampleStream, fetch
from tinyconv.data.prefetch import END, Pools
from tinyconv.data.samplers import BatchSampler, RandomSampler, SequentialSampler
from tinyconv.data.workers import WorkerInfo, WorkerPool

DEFAULT_PREFETCH_FACTOR = 2
FIXED = ("batch_sampler", "batch_size", "dataset", "drop_last", "persistent_workers", "sampler")
"""Attributes of a loader that its other parts were made from, so that they cannot change any more."""


class DataLoader:
    """Batches of ``dataset``, pass after pass: ``for images, labels in loader: ...``.

    ``batch_size`` samples are joined by ``collate_fn`` (default: stacked into tensors); ``None`` hands on single
    samples, or what the dataset returns for a sampler's list of indices. ``shuffle`` visits in random order, drawn from
    ``generator`` (default: the one that ``manual_seed`` seeds); ``sampler`` or ``batch_sampler`` choose the order
    instead. ``drop_last`` leaves out a last batch that is not full.

    ``num_workers`` threads prepare batches ahead, each ``prefetch_factor`` (default 2) of them; 0 prepares them when
    asked. The batches, their order, and the random numbers that a dataset draws from tinyconv are the same for any
    number of workers. An exception in a worker is raised in the loop, with a note that names the sample. ``timeout``:
    seconds to wait for a batch, 0 for ever. ``worker_init_fn(worker_id)`` runs first in each worker.
    ``persistent_workers`` keeps the threads between passes. ``pin_memory`` exists for scripts that set it: pages are
    pinned for transfers to a GPU, and tinyconv computes where the batch already is, so it has no effect.

    An ``IterableDataset`` is gone through in its own order, by every worker: it takes its part by
    ``get_worker_info()``, and the workers' batches come in turn.

    Shape: samples (...) make batches (B, ...).
    Dtype: as ``default_collate``.
    Raises: ``ArgumentError`` for contradictory arguments; ``UnsupportedError`` for ``multiprocessing_context``,
        ``pin_memory_device`` and ``in_order=False``.

    >>> from tinyconv.utils.data import DataLoader
    >>> [batch.tolist() for batch in DataLoader(range(5), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: random.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _refuse_unsupported(multiprocessing_context, pin_memory_device, in_order)
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if sampler is not None and shuffle:
            raise ArgumentError("DataLoader: sampler and shuffle=True both choose the order; give one of them")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ArgumentError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last")
            batch_size = None
        elif batch_size is None and drop_last:
            raise ArgumentError("DataLoader: drop_last has no meaning with batch_size=None, which makes no batches")
        self._is_iterable = isinstance(dataset, IterableDataset)
        if self._is_iterable and (shuffle or sampler is not None or batch_sampler is not None):
            raise ArgumentError(
                f"DataLoader: {type(dataset).__name__} is an IterableDataset, which has an order of its own; leave out "
                "shuffle, sampler and batch_sampler"
            )
        if not self._is_iterable and not hasattr(dataset, "__getitem__"):
            raise ArgumentError(
                f"DataLoader: {type(dataset).__name__} has no __getitem__; give the dataset __getitem__(index) and "
                "__len__(), or derive it from IterableDataset and give it __iter__()"
            )
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor or (DEFAULT_PREFETCH_FACTOR if num_workers else None)
        self.pin_memory = pin_memory
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.batch_size = batch_size
        self.drop_last = drop_last
        if self._is_iterable:
            sampler = _Endless()
        elif sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.sampler = sampler
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self._pools: Pools | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIXED and "_pools" in self.__dict__:
            raise ArgumentError(
                f"DataLoader: {name} cannot be set any more, the loader was made with it; make a new one"
            )
        super().__setattr__(name, value)

    def __len__(self) -> int:
        if self._is_iterable:
            size = len(self.dataset)
            if self.batch_size is None:
                return size
            return size // self.batch_size if self.drop_last else -(-size // self.batch_size)
        return len(self._index_source)  # type: ignore[arg-type]  # a sampler without a length says so itself

    def __iter__(self) -> Iterator[Any]:
        # A pass has random numbers of its own, and each of its batches its own part of them.
        seed = int(random.drawn_from(self.generator).integers(random.MAX_SEED))
        if self._is_iterable:
            return self._from_streams(seed)
        indices = iter(self._index_source)
        tasks = (
            partial(fetch, self.dataset, index, self.batch_sampler is not None, self.collate_fn, seed, number)
            for number, index in enumerate(indices)
        )
        return self._workers(seed).in_order(tasks) if self.num_workers else (task() for task in tasks)

    @property
    def _index_source(self) -> Iterable[Any]:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _from_streams(self, seed: int) -> Iterator[Any]:
        """Batches of an iterable dataset: from one stream, or from each worker's in turn."""
        if self.num_workers == 0:
            return _until_end(self._stream(self.dataset, seed, 0))
        workers = self._workers(seed)
        datasets = [info.dataset for pool in workers.pools for info in pool.infos]
        return workers.in_turn([self._stream(dataset, seed, number) for number, dataset in enumerate(datasets)])

    def _stream(self, dataset: Any, seed: int, worker: int) -> SampleStream:
        return SampleStream(dataset, self.batch_size, self.drop_last, self.collate_fn, seed, worker)

    def _workers(self, seed: int) -> Pools:
        """The threads of this pass: new ones, or those that persist."""
        if self._pools is not None and not self._pools.hung:
            return self._pools
        infos = [
            WorkerInfo(
                number,
                self.num_workers,
                (seed + number) % random.MAX_SEED,
                copy.copy(self.dataset) if self._is_iterable else self.dataset,
            )
            for number in range(self.num_workers)
        ]
        # Whoever is free takes the next batch; but an iterable dataset is a stream for each worker.
        teams = [[info] for info in infos] if self._is_iterable else [infos]
        pools = Pools(
            [WorkerPool(team, self.worker_init_fn) for team in teams],
            self.prefetch_factor or DEFAULT_PREFETCH_FACTOR,
            self.timeout,
            keep=self.persistent_workers,
        )
        if self.persistent_workers:
            self._pools = pools
        return pools


def _until_end(stream: SampleStream) -> Iterator[Any]:
    while (batch := stream()) is not END:
        yield batch


class _Endless:
    """Stands for the order of an iterable dataset, which no sampler chooses."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


def _refuse_unsupported(multiprocessing_context: Any, pin_memory_device: str, in_order: bool) -> None:
    if multiprocessing_context is not None:
        raise UnsupportedError("DataLoader: multiprocessing_context is not offered: workers are threads")
    if pin_memory_device:
        raise UnsupportedError(f"DataLoader: pin_memory_device={pin_memory_device!r} is not offered")
    if not in_order:
        raise UnsupportedError("DataLoader: in_order=False is not offered: the order must not depend on timing")


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if not isinstance(num_workers, int) or num_workers < 0:
        raise ArgumentError(f"DataLoader: num_workers must be an integer >= 0, got {num_workers!r}")
    if timeout < 0:
        raise ArgumentError(f"DataLoader: timeout must be >= 0 seconds, got {timeout}")
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ArgumentError(f"DataLoader: prefetch_factor must be at least 1, got {prefetch_factor}")
    if num_workers == 0 and (prefetch_factor is not None or persistent_workers or timeout):
        raise ArgumentError("DataLoader: timeout, prefetch_factor and persistent_workers need num_workers > 0")
