"""Putting tensors together, and taking them apart again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.dispatch import normalize_dim, operands
from tinyconv.ops.indexing import narrow
from tinyconv.ops.shape import reshape, unsqueeze

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Concatenate(Operation):
    """y holds the inputs one after the other along ``dim``;  each dx is its part of dy."""

    kind = "cat"

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *arrays: Any) -> Any:
        self.sizes = [array.shape[self.dim] for array in arrays]
        shape = list(arrays[0].shape)
        shape[self.dim] = sum(self.sizes)
        result = layout.empty(tuple(shape), arrays[0].dtype, self.xp)
        start = 0
        for array, size in zip(arrays, self.sizes, strict=True):
            result[(*(slice(None),) * self.dim, slice(start, start + size))] = array
            start += size
        return result

    def backward(self, dy: Tensor) -> Any:
        parts = []
        start = 0
        for size, needed in zip(self.sizes, self.needs_input_gradient, strict=True):
            parts.append(narrow(dy, self.dim, start, size) if needed else None)
            start += size
        return tuple(parts)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The ``tensors`` one after the other along ``dim``; their other sizes must be equal."""
    tensors = list(tensors)
    if not tensors:
        raise ArgumentError("cat: the list of tensors is empty")
    dim = normalize_dim("cat", dim, tensors[0].ndim)
    first = tensors[0].shape
    for position, tensor in enumerate(tensors):
        same = len(tensor.shape) == len(first) and all(
            a == b for i, (a, b) in enumerate(zip(tensor.shape, first, strict=True)) if i != dim
        )
        if not same or not first:
            raise ShapeError(
                f"cat: tensor {position} has shape {tensor.shape}, the first {first}; along dimension {dim} sizes may "
                "differ, all others must be equal, and there must be at least one dimension"
            )
    return Concatenate(dim).apply(*operands("cat", *tensors))


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The ``tensors``, all of one shape, along a new dimension ``dim``."""
    tensors = list(tensors)
    if not tensors:
        raise ArgumentError("stack: the list of tensors is empty")
    for position, tensor in enumerate(tensors):
        if tensor.shape != tensors[0].shape:
            raise ShapeError(
                f"stack: tensor {position} has shape {tensor.shape}, the first {tensors[0].shape}; they must be equal"
            )
    return cat([unsqueeze(tensor, dim) for tensor in tensors], normalize_dim("stack", dim, tensors[0].ndim + 1))


def split(input: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of ``input`` along ``dim``: of one size (the last may be smaller), or of the sizes listed."""
    dim = normalize_dim("split", dim, input.ndim)
    total = input.shape[dim]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size <= 0:
            raise ArgumentError(f"split: the size must be positive, got {size}")
        sizes = [min(size, total - start) for start in range(0, total, size)] or [0]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != total or any(size < 0 for size in sizes):
            raise ShapeError(f"split: the sizes {sizes} must add up to {total}, the size of dimension {dim}")
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    return tuple(narrow(input, dim, start, size) for start, size in zip(starts, sizes, strict=True))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` views of equal size along ``dim``; the last may be smaller."""
    if chunks <= 0:
        raise ArgumentError(f"chunk: the number of chunks must be positive, got {chunks}")
    size = input.shape[normalize_dim("chunk", dim, input.ndim)]
    return split(input, max(-(-size // chunks), 1), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along ``dim``, without it."""
    dim = normalize_dim("unbind", dim, input.ndim)
    rest = input.shape[:dim] + input.shape[dim + 1 :]
    return tuple(reshape(narrow(input, dim, index, 1), *rest) for index in range(input.shape[dim]))
