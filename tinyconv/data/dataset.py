"""Datasets, with PyTorch's names and meaning: something with a length that gives sample ``i`` for index ``i``."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from tinyconv.core import random
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError, UnsupportedError
from tinyconv.ops.tensor import Tensor

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample]):
    """Base of datasets: subclasses write ``__getitem__(index)`` and ``__len__()``.

    ``one + other`` is their ``ConcatDataset``.

    Raises: ``UnsupportedError`` where a subclass has no ``__getitem__``.

    >>> from tinyconv.utils.data import Dataset
    >>> class Squares(Dataset):
    ...     def __getitem__(self, index):
    ...         return index**2
    ...     def __len__(self):
    ...         return 4
    >>> (Squares() + Squares())[6]
    4
    """

    def __getitem__(self, index: Any) -> Sample:
        raise UnsupportedError(f"{type(self).__name__} has no __getitem__; write it")

    def __add__(self, other: Dataset[Sample]) -> Dataset[Sample]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample]):
    """Base of datasets that can only be gone through: subclasses write ``__iter__()``.

    With ``__len__()``, the number of samples, a ``DataLoader`` knows how many batches there are. Each of its workers
    goes through all the samples, unless ``__iter__`` asks ``get_worker_info()`` and takes a part.
    ``one + other`` is their ``ChainDataset``.

    Raises: ``UnsupportedError`` where a subclass has no ``__iter__``.

    >>> from tinyconv.utils.data import DataLoader, IterableDataset
    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(5, 0, -1))
    >>> [batch.tolist() for batch in DataLoader(Countdown(), batch_size=2)]
    [[5, 4], [3, 2], [1]]
    """

    def __iter__(self) -> Iterator[Sample]:
        raise UnsupportedError(f"{type(self).__name__} has no __iter__; write it")

    def __add__(self, other: Dataset[Sample]) -> Dataset[Sample]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample ``i`` is the tuple of ``tensor[i]`` of every tensor.

    Shape: tensors (N, ...) of one N; samples (...).
    Dtype: any; the samples have their tensor's.
    Raises: ``ShapeError`` for tensors of different first dimensions, ``ArgumentError`` for none.

    >>> from tinyconv.utils.data import TensorDataset
    >>> data = TensorDataset(tc.arange(6).reshape(3, 2), tc.tensor([7, 8, 9]))
    >>> [value.tolist() for value in data[1]]
    [[2, 3], 8]
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ArgumentError("TensorDataset needs at least one tensor")
        for position, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise ArgumentError(
                    f"TensorDataset: argument {position} is a {type(tensor).__name__}; convert it with tc.as_tensor"
                )
        lengths = [tensor.shape[0] if tensor.shape else None for tensor in tensors]
        if None in lengths or len(set(lengths)) != 1:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise ShapeError(f"TensorDataset: the tensors must have the same first dimension, got shapes {shapes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class StackDataset(Dataset[Any]):
    """Sample ``i`` is the tuple of sample ``i`` of every dataset, or with keywords a dictionary of them.

    Raises: ``ShapeError`` for datasets of different lengths; ``ArgumentError`` for none, or for both kinds.

    >>> from tinyconv.utils.data import StackDataset
    >>> StackDataset(image=["one", "two"], label=[1, 2])[1]
    {'image': 'two', 'label': 2}
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ArgumentError("StackDataset takes datasets one after the other, or all by name; at least one")
        self.datasets: Any = args or kwargs
        lengths = [len(dataset) for dataset in (args or kwargs.values())]
        if len(set(lengths)) > 1:
            raise ShapeError(f"StackDataset: the datasets must have the same length, got lengths {lengths}")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return self._length


class Subset(Dataset[Sample]):
    """The samples ``indices`` of ``dataset``, in that order.

    Raises: nothing of its own.

    >>> from tinyconv.utils.data import Subset
    >>> list(Subset("abcdef", [4, 0]))
    ['e', 'a']
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[position] for position in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        """A batch of samples: the dataset may have a way of its own to fetch them together."""
        chosen = [self.indices[position] for position in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(chosen)
        return [self.dataset[position] for position in chosen]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[Sample]):
    """The samples of several datasets, one dataset after the other.

    Raises: ``ArgumentError`` for no datasets or an ``IterableDataset``, ``DimensionError`` for an index outside.

    >>> from tinyconv.utils.data import ConcatDataset
    >>> ConcatDataset(["abc", "de"])[-2]
    'd'
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset needs at least one dataset")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise ArgumentError("ConcatDataset: an IterableDataset has no indices; join them with ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __getitem__(self, index: int) -> Sample:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise DimensionError(f"sample {index} is outside this dataset of {len(self)} samples")
        which = bisect.bisect_right(self.cumulative_sizes, position)
        before = self.cumulative_sizes[which - 1] if which else 0
        sample: Sample = self.datasets[which][position - before]
        return sample

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[Sample]):
    """The samples of several ``IterableDataset``, one dataset after the other.

    Raises: ``ArgumentError``, when it comes to one that is no ``IterableDataset``.

    >>> from tinyconv.utils.data import ChainDataset, IterableDataset
    >>> class Letters(IterableDataset):
    ...     def __iter__(self):
    ...         return iter("ab")
    >>> list(ChainDataset([Letters(), Letters()]))
    ['a', 'b', 'a', 'b']
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for position, dataset in enumerate(self.datasets):
            if not isinstance(dataset, IterableDataset):
                raise ArgumentError(
                    f"ChainDataset: dataset {position} is a {type(dataset).__name__}, no IterableDataset; those with "
                    "indices are joined with ConcatDataset"
                )
            yield dataset

    def __iter__(self) -> Iterator[Sample]:
        return itertools.chain.from_iterable(self._checked())

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: random.Generator | None = None
) -> list[Subset[Any]]:
    """Disjoint random subsets of ``dataset`` of the given ``lengths``, drawn from ``generator``.

    Lengths are counts that sum to the dataset's, or fractions that sum to 1, of which each is rounded down and the rest
    given to the first ones, one each.

    Raises: ``ArgumentError`` for lengths that do not sum to that.

    >>> from tinyconv.utils.data import random_split
    >>> parts = random_split(range(10), [0.7, 0.3], generator=tc.Generator().manual_seed(0))
    >>> [len(part) for part in parts], sorted([*parts[0], *parts[1]]) == list(range(10))
    ([7, 3], True)
    """
    if not all(length >= 0 for length in lengths):
        raise ArgumentError(f"random_split: lengths must not be negative, got {list(lengths)}")
    counts = [int(length) for length in lengths]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        counts = [math.floor(len(dataset) * length) for length in lengths]
        for position in range(len(dataset) - sum(counts)):
            counts[position % len(counts)] += 1
        for position, count in enumerate(counts):
            if count == 0:
                warnings.warn(
                    f"random_split: part {position}, {lengths[position]} of {len(dataset)} samples, is empty",
                    UserWarning,
                    stacklevel=2,
                )
    if sum(counts) != len(dataset):
        raise ArgumentError(f"random_split: the lengths sum to {sum(counts)}, the dataset has {len(dataset)} samples")
    order = random.drawn_from(generator).permutation(len(dataset)).tolist()
    ends = list(itertools.accumulate(counts))
    return [Subset(dataset, order[end - count : end]) for count, end in zip(counts, ends, strict=True)]
