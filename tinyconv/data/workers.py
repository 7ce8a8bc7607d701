"""Threads that prepare batches ahead of the training loop.

Threads and not processes: decoding, NumPy and Pillow release the interpreter's lock, nothing is copied between
processes, and a forked child could not use compiled parallel kernels. The threads themselves start no parallel kernel.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NoReturn

from tinyconv.core.errors import TinyconvError

Task = tuple["Future[Any]", Callable[[], Any]]


class LoaderTimeoutError(TinyconvError, RuntimeError):
    """A batch did not arrive within the loader's ``timeout``."""


@dataclass(frozen=True)
class WorkerInfo:
    """What ``get_worker_info()`` tells inside a worker: its number, how many there are, and the dataset."""

    id: int
    num_workers: int
    dataset: Any


_local = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """The worker that calls this, or ``None`` outside a worker."""
    return getattr(_local, "info", None)


class WorkerPool:
    """``num_workers`` threads that run tasks in the order of their submission.

    They end when ``close`` is called or the pool is forgotten. They are daemons: a sample that never returns cannot
    keep the interpreter from exiting.
    """

    def __init__(self, num_workers: int, dataset: Any, worker_init_fn: Callable[[int], None] | None) -> None:
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads = []
        for number in range(num_workers):
            info = WorkerInfo(number, num_workers, dataset)
            # The thread must not refer to the pool, or a forgotten pool would never be collected.
            arguments = (self._tasks, info, worker_init_fn)
            thread = threading.Thread(target=_work, args=arguments, name=f"DataLoader worker {number}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._finalizer = weakref.finalize(self, _stop, self._tasks, num_workers)

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
