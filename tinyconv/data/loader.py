"""DataLoader, with PyTorch's signature and meaning; its workers are prefetching threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from tinyconv.core import random
from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.data.collate import default_collate, default_convert
from tinyconv.data.samplers import BatchSampler, RandomSampler, SequentialSampler
from tinyconv.data.workers import LoaderTimeoutError, WorkerPool

DEFAULT_PREFETCH_FACTOR = 2


class DataLoader:
    """Batches of ``dataset``, pass after pass: ``for images, labels in loader: ...``.

    ``batch_size`` samples are joined by ``collate_fn`` (default: stacked into tensors); ``None`` hands on single
    samples, or what the dataset returns for a sampler's list of indices. ``shuffle`` visits in random order, drawn from
    ``generator`` (default: the one that ``manual_seed`` seeds); ``sampler`` or ``batch_sampler`` choose the order
    instead. ``drop_last`` leaves out a last batch that is not full.

    ``num_workers`` threads prepare batches ahead, each ``prefetch_factor`` (default 2) of them; 0 prepares them when
    asked. The batches, their order, and the random numbers that a dataset draws from tinyconv are the same for any
    number of workers. An exception in a worker is raised in the loop. ``timeout``: seconds to wait for a batch, 0 for
    ever. ``worker_init_fn(worker_id)`` runs first in each worker. ``persistent_workers`` keeps the threads between
    passes. ``pin_memory`` exists for scripts that set it: pages are pinned for transfers to a GPU, and tinyconv
    computes where the batch already is, so it has no effect.

    ``multiprocessing_context``, ``pin_memory_device``, ``in_order=False`` and iterable-style datasets raise
    ``UnsupportedError``. Contradictory arguments raise ``ArgumentError``.
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
        _refuse_unsupported(dataset, multiprocessing_context, pin_memory_device, in_order)
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if sampler is not None and shuffle:
            raise ArgumentError("DataLoader: sampler and shuffle=True both choose the order; give one of them")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ArgumentError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last")
            batch_size = None
        elif batch_size is None and drop_last:
            raise ArgumentError("DataLoader: drop_last has no meaning with batch_size=None, which makes no batches")
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
        if sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.sampler = sampler
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self._pool: WorkerPool | None = None

    def __len__(self) -> int:
        return len(self._index_source)  # type: ignore[arg-type]  # a sampler without a length says so itself

    def __iter__(self) -> Iterator[Any]:
        # A pass has random numbers of its own, and each of its batches its own part of them.
        pass_seed = int((self.generator or random.default_generator).draw().integers(random.MAX_SEED))
        indices = iter(self._index_source)
        tasks = (partial(self._fetch, index, pass_seed, number) for number, index in enumerate(indices))
        return self._ahead(tasks) if self.num_workers else (task() for task in tasks)

    @property
    def _index_source(self) -> Iterable[Any]:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _fetch(self, index: Any, pass_seed: int, number: int) -> Any:
        """Batch ``number``: the samples ``index``, collated."""
        with random.drawing_from(random.Generator(pass_seed, f"batch {number}")):
            if self.batch_sampler is None:
                return self.collate_fn(self.dataset[index])
            if hasattr(self.dataset, "__getitems__"):
                return self.collate_fn(self.dataset.__getitems__(index))
            return self.collate_fn([self.dataset[sample] for sample in index])

    def _ahead(self, tasks: Iterator[Callable[[], Any]]) -> Iterator[Any]:
        """The results of ``tasks`` in order, while the workers are at the next ones."""
        pool = self._pool or WorkerPool(self.num_workers, self.dataset, self.worker_init_fn)
        if self.persistent_workers:
            self._pool = pool
        pending: deque[Future[Any]] = deque()
        hung = False
        try:
            for task in tasks:
                pending.append(pool.submit(task))
                if len(pending) == self.num_workers * (self.prefetch_factor or 1):
                    yield self._result(pending.popleft())
            while pending:
                yield self._result(pending.popleft())
        except LoaderTimeoutError:
            hung = True
            raise
        finally:
            # Also reached when the loop breaks off: Python closes the generator.
            for future in pending:
                future.cancel()
            if hung or not self.persistent_workers:
                self._pool = None
                pool.close(wait=not hung)

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result(self.timeout or None)
        except TimeoutError:
            if future.done():  # the dataset's own TimeoutError
                raise
            raise LoaderTimeoutError(
                f"DataLoader: no batch within {self.timeout:g} s; raise timeout, or look for a sample that hangs"
            ) from None


def _refuse_unsupported(dataset: Any, multiprocessing_context: Any, pin_memory_device: str, in_order: bool) -> None:
    if not hasattr(dataset, "__getitem__"):
        raise UnsupportedError(
            f"DataLoader: {type(dataset).__name__} has no __getitem__; iterable-style datasets are not offered: give "
            "the dataset __getitem__(index) and __len__()"
        )
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
