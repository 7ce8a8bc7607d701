"""Samplers: in which order a loader visits a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from tinyconv.core import random
from tinyconv.core.errors import ArgumentError

Index = TypeVar("Index", covariant=True)


class Sampler(Generic[Index]):
    """Base of samplers: ``__iter__`` gives indices (or, for a batch sampler, lists of indices)."""

    def __iter__(self) -> Iterator[Index]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ..., in order."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Every index once, in random order; or ``num_samples`` draws ``replacement``.

    The order is drawn from ``generator`` (default: the one that ``manual_seed`` seeds) when the iteration begins.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: random.Generator | None = None,
    ) -> None:
        if num_samples is not None and num_samples < 1:
            raise ArgumentError(f"RandomSampler: num_samples must be at least 1, got {num_samples}")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        # Drawn here and not at the first step: prefetching must not move the draw among the caller's other draws.
        size = len(self.data_source)
        draw = (self.generator or random.default_generator).draw()
        if self.replacement:
            order = draw.integers(size, size=self.num_samples) if size else np.empty(0, np.int64)
        else:
            rounds = -(-self.num_samples // size) if size else 0
            order = np.concatenate([np.empty(0, np.int64), *(draw.permutation(size) for _ in range(rounds))])
        return iter(order[: self.num_samples].tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int], generator: random.Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = (self.generator or random.default_generator).draw().permutation(len(self.indices))
        return iter([self.indices[position] for position in order.tolist()])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """``num_samples`` indices, index i with a probability proportional to ``weights[i]``."""

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
        if num_samples < 1:
            raise ArgumentError(f"WeightedRandomSampler: num_samples must be at least 1, got {num_samples}")
        positive = int((self.weights > 0).sum())
        if not replacement and num_samples > positive:
            raise ArgumentError(
                f"WeightedRandomSampler: {num_samples} draws without replacement from {positive} positive weights"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        draw = (self.generator or random.default_generator).draw()
        chances = self.weights / self.weights.sum()
        return iter(draw.choice(len(chances), self.num_samples, self.replacement, chances).tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[Any]]):
    """Lists of ``batch_size`` consecutive indices of ``sampler``; the last may be shorter unless ``drop_last``."""

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise ArgumentError(f"batch_size must be a positive integer, got {batch_size!r}")
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
