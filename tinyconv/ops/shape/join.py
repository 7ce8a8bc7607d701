"""Putting tensors together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.dispatch import normalize_dim, operands
from tinyconv.ops.indexing.gathering import narrow
from tinyconv.ops.shape.shape import reshape, unsqueeze

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Concatenate(Operation):
    """y holds the inputs one after the other along ``dim``;  each dx is its part of dy."""

    kind = "cat"

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *arrays: Any) -> Any:
        whole = max(arrays, key=lambda array: array.ndim).shape
        # A tensor of shape (0,) goes with any others, as in PyTorch.
        self.fits = [array.ndim == len(whole) for array in arrays]
        self.sizes = [array.shape[self.dim] if fits else 0 for array, fits in zip(arrays, self.fits, strict=True)]
        shape = list(whole)
        shape[self.dim] = sum(self.sizes)
        result = layout.empty(tuple(shape), arrays[0].dtype, self.xp)
        start = 0
        for array, size in zip(arrays, self.sizes, strict=True):
            if size:
                result[(*(slice(None),) * self.dim, slice(start, start + size))] = array
            start += size
        return result

    def backward(self, dy: Tensor) -> Any:
        parts = []
        start = 0
        for size, fits, needed in zip(self.sizes, self.fits, self.needs_input_gradient, strict=True):
            part = narrow(dy, self.dim, start, size) if needed else None
            parts.append(part if part is None or fits else reshape(part, (0,)))
            start += size
        return tuple(parts)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The ``tensors`` one after the other along ``dim``.

    Shape: any with a dimension; sizes are equal but along ``dim``, where they add up. A tensor of shape (0,) goes with
        any others.
    Dtype: any; the result has the promoted one.
    Raises: ``ShapeError`` for other sizes that differ, ``ArgumentError`` for no tensors.

    >>> tc.cat([tc.tensor([[1, 2]]), tc.tensor([[3, 4], [5, 6]])])
    tensor([[1, 2],
            [3, 4],
            [5, 6]])
    """
    return _concatenate("cat", tensors, dim)


def concat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """``cat`` under another name.

    Shape: as for ``cat``.
    Dtype: any; the result has the promoted one.
    Raises: as ``cat``.

    >>> tc.concat([tc.tensor([1]), tc.tensor([2.5])])
    tensor([1. , 2.5])
    """
    return _concatenate("concat", tensors, dim)


def concatenate(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """``cat`` under NumPy's name.

    Shape: as for ``cat``.
    Dtype: any; the result has the promoted one.
    Raises: as ``cat``.

    >>> tc.concatenate([tc.tensor([1]), tc.tensor([2])])
    tensor([1, 2])
    """
    return _concatenate("concatenate", tensors, axis)


def _concatenate(name: str, tensors: Sequence[Tensor], dim: int) -> Tensor:
    given = _listed(name, tensors)
    ndim = max(tensor.ndim for tensor in given)
    dim = normalize_dim(name, dim, ndim)
    shapes = [tensor.shape for tensor in given if tensor.shape != (0,)]
    first = shapes[0] if shapes else (0,)
    for position, tensor in enumerate(given):
        shape = tensor.shape
        same = len(shape) == len(first) and all(
            a == b for i, (a, b) in enumerate(zip(shape, first, strict=True)) if i != dim
        )
        if not shape or not (same or shape == (0,)):
            raise ShapeError(
                f"{name}: tensor {position} has shape {shape}, the first {first}; along dimension {dim} sizes may "
                "differ, all others must be equal, and there must be at least one dimension"
            )
    return Concatenate(dim).apply(*operands(name, *given))


def _listed(name: str, tensors: Any) -> list[Any]:
    if isinstance(tensors, TensorBase) or not isinstance(tensors, Iterable):
        kind = "one tensor" if isinstance(tensors, TensorBase) else f"{tensors!r:.60}"
        raise DTypeError(f"{name}: takes a list or tuple of tensors, got {kind}")
    given = list(tensors)
    if not given:
        raise ArgumentError(f"{name}: the list of tensors is empty")
    for position, tensor in enumerate(given):
        if not isinstance(tensor, TensorBase):
            raise DTypeError(f"{name}: item {position} is a {type(tensor).__name__}, no tensor")
    return given


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The ``tensors`` along a new dimension ``dim``.

    Shape: any, the same for all; result with their number inserted at ``dim``.
    Dtype: any; the result has the promoted one.
    Raises: ``ShapeError`` for shapes that differ, ``ArgumentError`` for no tensors.

    >>> tc.stack([tc.tensor([1, 2]), tc.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    given = _listed("stack", tensors)
    for position, tensor in enumerate(given):
        if tensor.shape != given[0].shape:
            raise ShapeError(
                f"stack: tensor {position} has shape {tensor.shape}, the first {given[0].shape}; they must be equal"
            )
    place = normalize_dim("stack", dim, given[0].ndim + 1)
    return Concatenate(place).apply(*operands("stack", *(unsqueeze(tensor, place) for tensor in given)))


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """The ``tensors`` side by side: along dimension 1, vectors along their only one.

    Shape: any; sizes are equal but along that dimension. A number counts as a vector.
    Dtype: any; the result has the promoted one.
    Raises: ``ShapeError`` for other sizes that differ, ``ArgumentError`` for no tensors.

    >>> tc.hstack([tc.tensor([[1], [2]]), tc.tensor([[3], [4]])])
    tensor([[1, 3],
            [2, 4]])
    """
    given = [reshape(tensor, (1,)) if tensor.ndim == 0 else tensor for tensor in _listed("hstack", tensors)]
    return _concatenate("hstack", given, 0 if given[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """The ``tensors`` below each other: along dimension 0, vectors as rows.

    Shape: any; sizes are equal but along that dimension.
    Dtype: any; the result has the promoted one.
    Raises: ``ShapeError`` for other sizes that differ, ``ArgumentError`` for no tensors.

    >>> tc.vstack([tc.tensor([1, 2]), tc.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return _concatenate("vstack", [_padded(tensor, 2) for tensor in _listed("vstack", tensors)], 0)


def row_stack(tensors: Sequence[Tensor]) -> Tensor:
    """``vstack`` under another name.

    Shape: as for ``vstack``.
    Dtype: any; the result has the promoted one.
    Raises: as ``vstack``.

    >>> tc.row_stack([tc.tensor([1, 2]), tc.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return _concatenate("row_stack", [_padded(tensor, 2) for tensor in _listed("row_stack", tensors)], 0)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """The ``tensors`` behind each other: along dimension 2, vectors as (1, N, 1), matrices as (M, N, 1).

    Shape: any; sizes are equal but along that dimension.
    Dtype: any; the result has the promoted one.
    Raises: ``ShapeError`` for other sizes that differ, ``ArgumentError`` for no tensors.

    >>> tc.dstack([tc.tensor([1, 2]), tc.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    deep = [_padded(tensor, 2) for tensor in _listed("dstack", tensors)]
    return _concatenate("dstack", [unsqueeze(tensor, 2) if tensor.ndim == 2 else tensor for tensor in deep], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """The ``tensors`` side by side, numbers and vectors as columns.

    Shape: any; sizes are equal but along dimension 1.
    Dtype: any; the result has the promoted one.
    Raises: ``ShapeError`` for other sizes that differ, ``ArgumentError`` for no tensors.

    >>> tc.column_stack([tc.tensor([1, 2]), tc.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    given = _listed("column_stack", tensors)
    columns = [tensor if tensor.ndim > 1 else reshape(tensor, (tensor.array.size, 1)) for tensor in given]
    return _concatenate("column_stack", columns, 1)


def _padded(tensor: Tensor, ndim: int) -> Tensor:
    return tensor if tensor.ndim >= ndim else reshape(tensor, (1,) * (ndim - tensor.ndim) + tensor.shape)
