"""From a dataset to one batch: what a task of the loader does, in whichever thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tinyconv.core import random
from tinyconv.data.prefetch import END

Collate = Callable[[Any], Any]


def fetch(dataset: Any, index: Any, batched: bool, collate: Collate, seed: int, number: int) -> Any:
    """Batch ``number`` of a pass: the samples ``index`` (one sample, unless ``batched``), collated.

    Random numbers come from a stream of the batch's own. An exception is given a note that names the sample.
    """
    with random.drawing_from(random.Generator(seed, f"batch {number}")):
        if not batched:
            return collate(_sample(dataset, index, number))
        if callable(getattr(dataset, "__getitems__", None)):
            return collate(dataset.__getitems__(index))
        return collate([_sample(dataset, each, number) for each in index])


def _sample(dataset: Any, index: Any, number: int) -> Any:
    try:
        return dataset[index]
    except Exception as error:
        error.add_note(f"raised for sample {index!r} of the dataset, in batch {number} of the pass")
        raise


class SampleStream:
    """Calling it gives the next batch of an iterable dataset, and ``END`` after the last."""

    def __init__(
        self, dataset: Any, batch_size: int | None, drop_last: bool, collate: Collate, seed: int, worker: int
    ) -> None:
        self._dataset = dataset
        self._batch_size = batch_size
        self._drop_last = drop_last
        self._collate = collate
        self._seed = seed
        self._worker = worker
        self._number = 0
        self._samples: Iterator[Any] | None = None

    def __call__(self) -> Any:
        with random.drawing_from(random.Generator(self._seed, f"worker {self._worker} batch {self._number}")):
            if self._samples is None:  # here and not before: in the worker, who may ask who he is
                self._samples = iter(self._dataset)
            self._number += 1
            wanted = self._batch_size or 1
            batch = []
            for sample in self._samples:
                batch.append(sample)
                if len(batch) == wanted:
                    break
            if not batch or (self._drop_last and len(batch) < wanted):
                return END
            return self._collate(batch if self._batch_size is not None else batch[0])
