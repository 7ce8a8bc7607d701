"""Samplers: in which order a loader visits a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from tinyconv.core import random
from tinyconv.core.errors import ArgumentError, UnsupportedError

Index = TypeVar("Index", covariant=True)


class Sampler(Generic[Index]):
    """Base of samplers: ``__iter__`` gives indices (or, for a batch sampler, lists of indices).

    Raises: ``UnsupportedError`` where a subclass has no ``__iter__``.

    >>> from tinyconv.utils.data import DataLoader, Sampler
    >>> class EveryOther(Sampler):
    ...     def __iter__(self):
    ...         return iter([0, 2, 4])
    >>> [letters for letters in DataLoader("abcdef", batch_size=2, sampler=EveryOther())]
    [['a', 'c'], ['e']]
    """

    def __iter__(self) -> Iterator[Index]:
        raise UnsupportedError(f"{type(self).__name__} has no __iter__; write it")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ..., in order: the indices of ``data_source``.

    Raises: nothing of its own.

    >>> from tinyconv.utils.data import SequentialSampler
    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Every index once, in random order; or ``num_samples`` draws ``replacement``.

    The order is drawn from ``generator`` (default: the one that ``manual_seed`` seeds) when the iteration begins.

    Raises: ``ArgumentError`` for ``num_samples`` below 1, or a ``replacement`` that is no bool.

    >>> from tinyconv.utils.data import RandomSampler
    >>> sorted(RandomSampler("abcd"))
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: random.Generator | None = None,
    ) -> None:
        _check_draws(self, replacement, 1 if num_samples is None else num_samples)
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """How many indices a pass draws: as asked for, or as many as there are."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        # Drawn here and not at the first step: prefetching must not move the draw among the caller's other draws.
        size = len(self.data_source)
        draw = random.drawn_from(self.generator)
        if self.replacement:
            order = draw.integers(size, size=self.num_samples) if size else np.empty(0, np.int64)
        else:
            rounds = -(-self.num_samples // size) if size else 0
            order = np.concatenate([np.empty(0, np.int64), *(draw.permutation(size) for _ in range(rounds))])
        return iter(order[: self.num_samples].tolist())

    def __len__(self) -> int:
        return self.num_samples


def _check_draws(sampler: Sampler[int], replacement: object, num_samples: object) -> None:
    name = type(sampler).__name__
    if not isinstance(replacement, bool):
        raise ArgumentError(f"{name}: replacement must be True or False, got {replacement!r}")
    if isinstance(num_samples, bool) or not isinstance(num_samples, int) or num_samples < 1:
        raise ArgumentError(f"{name}: num_samples must be an int of at least 1, got {num_samples!r}")


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, drawn from ``generator`` (default: the one that ``manual_seed`` seeds).

    Raises: nothing of its own.

    >>> from tinyconv.utils.data import SubsetRandomSampler
    >>> sorted(SubsetRandomSampler([3, 5, 8]))
    [3, 5, 8]
    """

    def __init__(self, indices: Sequence[int], generator: random.Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = random.drawn_from(self.generator).permutation(len(self.indices))
        return iter([self.indices[position] for position in order.tolist()])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """``num_samples`` indices, index i with a probability proportional to ``weights[i]``.

    ``replacement``: whether an index may come again. Drawn from ``generator``, by default the one that ``manual_seed``
    seeds.

    Raises: ``ArgumentError`` for weights below 0, with no positive sum or not in one dimension, and for more draws
        without replacement than there are positive weights.

    >>> from tinyconv.utils.data import WeightedRandomSampler
    >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], num_samples=3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: random.Generator | None = None,
    ) -> None:
        self.weights = np.asarray(weights, np.float64)
        if self.weights.ndim != 1 or not (self.weights >= 0).all() or not self.weights.sum() > 0:
            raise ArgumentError("WeightedRandomSampler: weights must be a sequence of numbers >= 0 with a positive sum")
        _check_draws(self, replacement, num_samples)
        positive = int((self.weights > 0).sum())
        if not replacement and num_samples > positive:
            raise ArgumentError(
                f"WeightedRandomSampler: {num_samples} draws without replacement from {positive} positive weights"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        draw = random.drawn_from(self.generator)
        chances = self.weights / self.weights.sum()
        return iter(draw.choice(len(chances), self.num_samples, self.replacement, chances).tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[Any]]):
    """Lists of ``batch_size`` consecutive indices of ``sampler``; the last may be shorter unless ``drop_last``.

    Raises: ``ArgumentError`` for ``batch_size`` below 1, or a ``drop_last`` that is no bool.

    >>> from tinyconv.utils.data import BatchSampler
    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise ArgumentError(f"batch_size must be a positive integer, got {batch_size!r}")
        if not isinstance(drop_last, bool):
            raise ArgumentError(f"drop_last must be True or False, got {drop_last!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        # Not itself a generator: the inner sampler's iteration, and with it its draw, begins now.
        return self._batches(iter(self.sampler))

    def _batches(self, indices: Iterator[Any]) -> Iterator[list[Any]]:
        batch = []
        for index in indices:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        size = len(self.sampler)  # type: ignore[arg-type]  # a sampler without a length has a batch count no more
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)
