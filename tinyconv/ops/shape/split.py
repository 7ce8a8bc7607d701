"""Taking tensors apart along a dimension: always views."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.autograd.views import one_of_several
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError
from tinyconv.ops.dispatch import normalize_dim, require_tensor, require_whole, size_tuple
from tinyconv.ops.indexing.gathering import narrow, select
from tinyconv.ops.indexing.indexing import get_item
from tinyconv.ops.indexing.positions import EVERYTHING

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views along ``dim``: of one size (the last may be smaller), or of the sizes listed.

    Shape: any with a dimension; the parts' sizes along ``dim`` add up to its size.
    Dtype: any; the results have the input's.
    Raises: ``ShapeError`` for sizes that do not add up, ``ArgumentError`` for a size below 1.

    >>> tc.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    require_tensor("split", tensor=tensor)
    dim = _dimension("split", dim, tensor)
    total = tensor.shape[dim]
    if isinstance(split_size_or_sections, Sequence):
        sizes = list(size_tuple("split", (split_size_or_sections,)))
        if sum(sizes) != total or any(size < 0 for size in sizes):
            raise ShapeError(f"split: the sizes {sizes} must add up to {total}, the size of dimension {dim}")
    else:
        (size,) = size_tuple("split", (split_size_or_sections,))
        if size < 0 or (size == 0 and total):
            raise ArgumentError(f"split: the size must be positive, got {size}")
        sizes = [min(size, total - start) for start in range(0, total, size)] if total else [0]
    starts = itertools.accumulate(sizes, initial=0)
    return one_of_several(tuple(narrow(tensor, dim, start, size) for start, size in zip(starts, sizes, strict=False)))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` views of equal size along ``dim``; the last may be smaller.

    Shape: any with a dimension; the parts' sizes along ``dim`` add up to its size.
    Dtype: any; the results have the input's.
    Raises: ``ArgumentError`` for fewer than one chunk.

    >>> tc.arange(5).chunk(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    require_tensor("chunk", input=input)
    require_whole("chunk", chunks=chunks)
    if chunks <= 0:
        raise ArgumentError(f"chunk: the number of chunks must be positive, got {chunks}")
    dim = _dimension("chunk", dim, input)
    size = input.shape[dim]
    return split(input, -(-size // chunks) if size else [0] * chunks, dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views along ``dim``: so many nearly equal ones, or those between the indices listed.

    Shape: any with a dimension; of n parts of a size s, the first s mod n are larger by one.
    Dtype: any; the results have the input's.
    Raises: ``ArgumentError`` for fewer than one part.

    >>> tc.arange(5).tensor_split((1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    require_tensor("tensor_split", input=input)
    dim = _dimension("tensor_split", dim, input)
    size = input.shape[dim]
    if isinstance(indices_or_sections, TensorBase):
        indices_or_sections = indices_or_sections.array.tolist()
    if isinstance(indices_or_sections, Sequence):
        cuts = [None, *size_tuple("tensor_split", (indices_or_sections,)), None]
        before = (EVERYTHING,) * dim
        parts = (get_item(input, (*before, slice(*bounds))) for bounds in itertools.pairwise(cuts))
        return one_of_several(tuple(parts))
    (count,) = size_tuple("tensor_split", (indices_or_sections,))
    if count < 1:
        raise ArgumentError(f"tensor_split: the number of parts must be positive, got {count}")
    return split(input, [size // count + (part < size % count) for part in range(count)], dim)


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Equal views along dimension 1 (of a vector, its only one), or those between the indices listed.

    Shape: any with a dimension; the parts' sizes add up.
    Dtype: any; the results have the input's.
    Raises: ``ArgumentError`` if the size cannot be divided equally, ``DimensionError`` for too few dimensions.

    >>> tc.arange(4).hsplit(2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    require_tensor("hsplit", input=input)
    return _equally("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1, 1)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Equal views along dimension 0, or those between the indices listed.

    Shape: any with two dimensions or more; the parts' sizes add up.
    Dtype: any; the results have the input's.
    Raises: ``ArgumentError`` if the size cannot be divided equally, ``DimensionError`` for too few dimensions.

    >>> [part.shape for part in tc.zeros(4, 3).vsplit(2)]
    [(2, 3), (2, 3)]
    """
    require_tensor("vsplit", input=input)
    return _equally("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Equal views along dimension 2, or those between the indices listed.

    Shape: any with three dimensions or more; the parts' sizes add up.
    Dtype: any; the results have the input's.
    Raises: ``ArgumentError`` if the size cannot be divided equally, ``DimensionError`` for too few dimensions.

    >>> [part.shape for part in tc.zeros(2, 3, 4).dsplit([1])]
    [(2, 3, 1), (2, 3, 3)]
    """
    require_tensor("dsplit", input=input)
    return _equally("dsplit", input, indices_or_sections, 2, 3)


def _equally(name: str, input: Tensor, parts: Any, dim: int, ndim: int) -> tuple[Tensor, ...]:
    if input.ndim < ndim:
        raise DimensionError(f"{name}: needs {ndim} dimensions or more, got shape {input.shape}")
    if isinstance(parts, int) and (parts < 1 or input.shape[dim] % parts):
        raise ArgumentError(
            f"{name}: dimension {dim} of size {input.shape[dim]} cannot be divided into {parts} equal parts"
        )
    return tensor_split(input, parts, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of the slices along ``dim``, without it.

    Shape: any with a dimension; ``dim`` goes.
    Dtype: any; the results have the input's.
    Raises: ``DimensionError`` for a tensor without dimensions, or a dimension out of range.

    >>> tc.tensor([[1, 2], [3, 4]]).unbind()
    (tensor([1, 2]), tensor([3, 4]))
    """
    require_tensor("unbind", input=input)
    dim = _dimension("unbind", dim, input)
    return one_of_several(tuple(select(input, dim, index) for index in range(input.shape[dim])))


def _dimension(name: str, dim: int, input: Tensor) -> int:
    if input.ndim == 0:
        raise DimensionError(f"{name}: a tensor without dimensions cannot be taken apart")
    return normalize_dim(name, dim, input.ndim)
