"""Batches prepared by workers ahead of the loop that uses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from tinyconv.data.workers import LoaderTimeoutError, WorkerPool

Task = Callable[[], Any]
END = object()
"""What a worker answers whose part of an iterable dataset is used up."""


class Pools:
    """The workers of one pass, or with ``keep`` of many: one pool that shares the tasks, or one for each worker."""

    def __init__(self, pools: Sequence[WorkerPool], prefetch_factor: int, timeout: float, keep: bool) -> None:
        self.pools = pools
        self.prefetch_factor = prefetch_factor
        self.timeout = timeout
        self.keep = keep
        self.hung = False

    def in_order(self, tasks: Iterator[Task]) -> Generator[Any]:
        """The results of ``tasks`` in their order, whichever worker is free."""
        (pool,) = self.pools
        ahead = pool.num_workers * self.prefetch_factor
        pending: deque[Future[Any]] = deque()
        try:
            for task in tasks:
                # Before the wait and the yield, so that ``ahead`` are at work while the loop uses a result.
                pending.append(pool.submit(task))
                if len(pending) > ahead:
                    yield self._result(pending.popleft())
            while pending:
                yield self._result(pending.popleft())
        finally:
            # Also reached when the loop breaks off: Python closes the generator.
            self._end([pending])

    def in_turn(self, tasks: Sequence[Task]) -> Iterator[Any]:
        """Results of each worker's own task, done again and again, in turn, until every one has answered ``END``."""
        pending: list[deque[Future[Any]]] = [deque() for _ in tasks]
        working = list(range(len(tasks)))
        try:
            for worker in working:
                pending[worker].extend(self.pools[worker].submit(tasks[worker]) for _ in range(self.prefetch_factor))
            while working:
                for worker in tuple(working):
                    result = self._result(pending[worker].popleft())
                    if result is END:
                        working.remove(worker)
                        continue
                    pending[worker].append(self.pools[worker].submit(tasks[worker]))
                    yield result
        finally:
            self._end(pending)

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result(self.timeout or None)
        except TimeoutError:
            if future.done():  # the dataset's own TimeoutError
                raise
            self.hung = True
            raise LoaderTimeoutError(
                f"DataLoader: no batch within {self.timeout:g} s; raise timeout, or look for a sample that hangs"
            ) from None

    def _end(self, pending: Sequence[deque[Future[Any]]]) -> None:
        for futures in pending:
            for future in futures:
                future.cancel()
        if self.hung or not self.keep:
            for pool in self.pools:
                pool.close(wait=not self.hung)
