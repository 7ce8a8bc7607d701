"""Datasets, with PyTorch's names and meaning: something with a length that gives sample ``i`` for index ``i``."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from tinyconv.core import random
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError
from tinyconv.ops.tensor import Tensor

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample]):
    """Base of datasets: subclasses write ``__getitem__(index)`` and ``__len__()``."""

    def __getitem__(self, index: Any) -> Sample:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__")

    def __add__(self, other: Dataset[Sample]) -> ConcatDataset[Sample]:
        return ConcatDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample ``i`` is the tuple of ``tensor[i]`` of every tensor; all have the same first dimension."""

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ArgumentError("TensorDataset needs at least one tensor")
        lengths = [tensor.shape[0] if tensor.shape else None for tensor in tensors]
        if None in lengths or len(set(lengths)) != 1:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise ShapeError(f"TensorDataset: the tensors must have the same first dimension, got shapes {shapes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class Subset(Dataset[Sample]):
    """The samples ``indices`` of ``dataset``, in that order."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: int) -> Sample:
        sample: Sample = self.dataset[self.indices[index]]
        return sample

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[Sample]):
    """The samples of several datasets, one dataset after the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset needs at least one dataset")
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


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: random.Generator | None = None
) -> list[Subset[Any]]:
    """Disjoint random subsets of the given lengths, or fractions that sum to 1 (rest: one each to the first ones)."""
    counts = [int(length) for length in lengths]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1 + 1e-9:
        if not all(0 <= length <= 1 for length in lengths):
            raise ArgumentError(f"random_split: fractions must be 0 to 1, got {list(lengths)}")
        counts = [math.floor(len(dataset) * length) for length in lengths]
        for position in range(len(dataset) - sum(counts)):
            counts[position % len(counts)] += 1
    if sum(counts) != len(dataset):
        raise ArgumentError(f"random_split: the lengths sum to {sum(counts)}, the dataset has {len(dataset)} samples")
    order = (generator or random.default_generator).draw().permutation(len(dataset)).tolist()
    ends = list(itertools.accumulate(counts))
    return [Subset(dataset, order[end - count : end]) for count, end in zip(counts, ends, strict=True)]
