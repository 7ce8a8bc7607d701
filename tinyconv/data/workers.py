"""Threads that prepare batches ahead of the training loop.

Threads and not processes: decoding, NumPy and Pillow release the interpreter's lock, nothing is copied between
processes, and a forked child could not use compiled parallel kernels. No parallel kernel runs in them: what a dataset
computes with tensors runs on its worker's thread alone, and takes no processor from the training.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NoReturn

from tinyconv.core.errors import TinyconvError
from tinyconv.core.threads import work_alone

Task = tuple["Future[Any]", Callable[[], Any]]


class LoaderTimeoutError(TinyconvError, RuntimeError):
    """A batch did not arrive within the loader's ``timeout``."""


@dataclass(frozen=True)
class WorkerInfo:
    """What ``get_worker_info()`` tells inside a worker: its number, how many there are, a seed of its own, the dataset.

    The dataset is the loader's own; of an ``IterableDataset`` each worker has a shallow copy, to take its part of it.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_local = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """The ``DataLoader``'s worker that calls this, or ``None`` outside a worker.

    Its ``id``, ``num_workers``, ``seed`` and ``dataset`` let an ``IterableDataset`` give each worker its part.

    Raises: nothing of its own.

    >>> from tinyconv.utils.data import DataLoader, IterableDataset, get_worker_info
    >>> class Count(IterableDataset):
    ...     def __iter__(self):
    ...         worker = get_worker_info()
    ...         return iter(range(worker.id, 6, worker.num_workers))
    >>> [batch.tolist() for batch in DataLoader(Count(), batch_size=3, num_workers=2)]
    [[0, 2, 4], [1, 3, 5]]
    """
    return getattr(_local, "info", None)


class WorkerPool:
    """A thread for each of ``infos``; they run tasks in the order of their submission.

    They end when ``close`` is called or the pool is forgotten. They are daemons: a sample that never returns cannot
    keep the interpreter from exiting.
    """

    def __init__(self, infos: Sequence[WorkerInfo], worker_init_fn: Callable[[int], None] | None) -> None:
        self.infos = tuple(infos)
        self.num_workers = len(infos)
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads = []
        for info in infos:
            # The thread must not refer to the pool, or a forgotten pool would never be collected.
            arguments = (self._tasks, info, worker_init_fn)
            thread = threading.Thread(target=_work, args=arguments, name=f"DataLoader worker {info.id}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._finalizer = weakref.finalize(self, _stop, self._tasks, self.num_workers)

    def submit(self, task: Callable[[], Any]) -> Future[Any]:
        """Queue ``task``; the future gives its result or raises its exception."""
        future: Future[Any] = Future()
        self._tasks.put((future, task))
        return future

    def close(self, wait: bool = True) -> None:
        """Let every thread end after the task it is at; ``wait`` until they have."""
        self._finalizer()
        if wait:
            for thread in self._threads:
                if thread is not threading.current_thread():  # the garbage collector may close a pool from anywhere
                    thread.join()


def _stop(tasks: queue.SimpleQueue[Task | None], num_workers: int) -> None:
    for _ in range(num_workers):
        tasks.put(None)


def _raise(failure: BaseException) -> NoReturn:
    raise failure


def _work(
    tasks: queue.SimpleQueue[Task | None], info: WorkerInfo, worker_init_fn: Callable[[int], None] | None
) -> None:
    _local.info = info
    work_alone()
    failure: BaseException | None = None
    try:
        if worker_init_fn is not None:
            worker_init_fn(info.id)
    except BaseException as error:  # handed to whoever waits for a batch
        failure = error
    while (item := tasks.get()) is not None:
        future, task = item
        if future.set_running_or_notify_cancel():
            try:
                result = task() if failure is None else _raise(failure)
            except BaseException as error:  # handed to whoever waits for this batch
                error.add_note(f"raised in DataLoader worker {info.id} of {info.num_workers}")
                future.set_exception(error)
            else:
                future.set_result(result)
                del result
        # Otherwise this thread would keep the last batch alive while it waits for the next.
        del item, future, task
