"""Elements and slices picked by tensors of positions, and the positions of nonzero elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import DimensionError, ShapeError
from tinyconv.ops.dispatch import broadcast_shape, normalize_dim, require_tensor, require_whole, wrap
from tinyconv.ops.indexing.index_tensors import (
    along,
    check_fits,
    checked,
    flat_index,
    grid,
    mask_array,
    positions,
    vector,
)
from tinyconv.ops.indexing.indexing import GetItem, PutInZeros, get_item
from tinyconv.ops.indexing.positions import EVERYTHING, Index
from tinyconv.ops.shape.shape import expand, ravel, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class TakeAlong(Operation):
    """y = x at an index for each element of the result, along one dimension;  dx has dy added at those."""

    def __init__(self, index: Any, dim: int, is_unique: bool = False) -> None:
        self.index, self.dim, self.is_unique = index, dim, is_unique

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return layout.ordered(self.xp.take_along_axis(x, self.index, self.dim), self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return PutInZeros(self.source, grid(self.xp, self.index, self.dim, self.is_unique)).apply(dy)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements at ``indices`` along ``dim``; without it, from the tensor as one row.

    Shape: any; ``indices`` broadcasts with the input but along ``dim``, and the result has that shape.
    Dtype: any, ``indices`` int64; the result has the input's.
    Raises: ``ShapeError`` for another number of dimensions, ``DimensionError`` for an index out of range.

    >>> x = tc.tensor([[3, 1, 2], [6, 5, 4]])
    >>> tc.take_along_dim(x, x.argsort(1), 1)
    tensor([[1, 2, 3],
            [4, 5, 6]])
    """
    require_tensor("take_along_dim", input=input, indices=indices)
    positions("take_along_dim", indices, input.device, (dtypes.int64,))
    negative = dim is not None
    if dim is None:
        input, indices, dim = ravel(input), ravel(indices), 0
    dim = normalize_dim("take_along_dim", dim, input.ndim)
    if indices.ndim != input.ndim:
        raise ShapeError(
            f"take_along_dim: indices of shape {indices.shape} need as many dimensions as the tensor, {input.shape}"
        )
    if input.ndim == 0:
        return take(input, indices)
    array = checked("take_along_dim", indices, dim, input, negative)
    common = broadcast_shape(
        "take_along_dim",
        *(tuple(1 if own == dim else size for own, size in enumerate(t.shape)) for t in (input, indices)),
    )
    whole = (*common[:dim], input.shape[dim], *common[dim + 1 :])
    array = array_module(input.device).broadcast_to(array, (*common[:dim], array.shape[dim], *common[dim + 1 :]))
    return TakeAlong(array, dim).apply(input if whole == input.shape else expand(input, whole))


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """y[i][j] = x[index[i][j]][j] for ``dim`` 0, and so on; ``index`` may be smaller than ``input`` elsewhere.

    Shape: any; ``index`` has as many dimensions, and the result its shape.
    Dtype: any, ``index`` int64 or int32; the result has the input's.
    Raises: ``ShapeError`` for an index that does not fit, ``DimensionError`` for one out of range.

    >>> tc.gather(tc.tensor([[1, 2], [3, 4]]), 1, tc.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    require_tensor("gather", input=input, index=index)
    dim = normalize_dim("gather", dim, input.ndim)
    array = checked("gather", index, dim, input)
    check_fits("gather", index.shape, input.shape, dim, "the tensor")
    if index.ndim != input.ndim:
        return reshape(gather(reshape(input, (-1,)), 0, reshape(index, (-1,))), index.shape)
    if input.ndim == 0:
        return reshape(input, ())
    return GetItem(grid(array_module(input.device), array, dim)).apply(input)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices ``index`` along ``dim``, as a copy.

    Shape: any; the size of ``dim`` becomes the length of ``index``, which has one dimension.
    Dtype: any, ``index`` int64 or int32; the result has the input's.
    Raises: ``ShapeError`` for an index of several dimensions, ``DimensionError`` for one out of range.

    >>> tc.index_select(tc.tensor([[1, 2, 3]]), 1, tc.tensor([2, 0]))
    tensor([[3, 1]])
    """
    require_tensor("index_select", input=input, index=index)
    dim = normalize_dim("index_select", dim, input.ndim)
    array = vector("index_select", index, dim, input)
    if input.ndim == 0:
        if array.size != 1:
            raise ShapeError(f"index_select: of a tensor without dimensions one index can be taken, got {array.size}")
        return reshape(input, ())
    return GetItem(along(dim, array)).apply(input)


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A view of ``length`` slices from ``start`` along ``dim``; a negative ``start`` counts from the end.

    Shape: any; the size of ``dim`` becomes ``length``.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` if the slices do not lie within the dimension.

    >>> tc.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    require_tensor("narrow", input=input)
    require_whole("narrow", start=start, length=length)
    if input.ndim == 0:
        raise DimensionError("narrow: a tensor without dimensions has no slices")
    dim = normalize_dim("narrow", dim, input.ndim)
    size = input.shape[dim]
    first = int(start) + size if start < 0 else int(start)
    if first < 0 or length < 0 or first + length > size:
        raise DimensionError(f"narrow: {length} slices from {start} do not lie within dimension {dim} of size {size}")
    return GetItem(Index((*(EVERYTHING,) * dim, slice(first, first + length), ...))).apply(input)


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of slice ``index`` along ``dim``, without that dimension.

    Shape: any with a dimension; ``dim`` goes.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for a dimension or an index out of range.

    >>> tc.tensor([[1, 2], [3, 4]]).select(1, 0)
    tensor([1, 3])
    """
    require_tensor("select", input=input)
    require_whole("select", index=index)
    if input.ndim == 0:
        raise DimensionError("select: a tensor without dimensions has no slices")
    dim = normalize_dim("select", dim, input.ndim)
    return get_item(input, (*(EVERYTHING,) * dim, int(index)))


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at positions ``index`` of the tensor read as one row.

    Shape: any; the result has the shape of ``index``.
    Dtype: any, ``index`` int64; the result has the input's.
    Raises: ``DimensionError`` for an index out of range.

    >>> tc.take(tc.tensor([[1, 2], [3, 4]]), tc.tensor([0, -1]))
    tensor([1, 4])
    """
    require_tensor("take", input=input, index=index)
    return GetItem(flat_index("take", index, input)).apply(input) if input.ndim else _take_number(input, index)


def _take_number(input: Tensor, index: Tensor) -> Tensor:
    return take(reshape(input, (1,)), index)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where ``mask`` holds, in one dimension.

    Shape: any that broadcast together; result (number of true elements,).
    Dtype: any, ``mask`` bool; the result has the input's.
    Raises: ``DTypeError`` for another mask, ``ShapeError`` for shapes that do not broadcast.

    >>> x = tc.tensor([1, 5, 3])
    >>> x.masked_select(x > 2)
    tensor([5, 3])
    """
    require_tensor("masked_select", input=input, mask=mask)
    array = mask_array("masked_select", mask, input.device)
    common = broadcast_shape("masked_select", input.shape, mask.shape)
    spread = input if common == input.shape else expand(input, common)
    repeated = array_module(input.device).broadcast_to(array, common)
    return get_item(spread, wrap(repeated, input.device))


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of nonzero elements, one in each row; ``as_tuple``: one vector for each dimension instead.

    Shape: any of n dimensions; result (number of them, n), or n vectors.
    Dtype: any; the result is int64.
    Raises: nothing of its own.

    >>> tc.nonzero(tc.tensor([[1, 0], [0, 2]]))
    tensor([[0, 0],
            [1, 1]])
    """
    require_tensor("nonzero", input=input)
    array = input.array
    xp = array_module(input.device)
    if as_tuple:
        found = xp.atleast_1d(array).nonzero()
        return tuple(wrap(part.astype(np.int64), input.device) for part in found)
    return wrap(xp.argwhere(array).astype(np.int64, order="C"), input.device)


def argwhere(input: Tensor) -> Tensor:
    """The positions of nonzero elements, one in each row.

    Shape: any of n dimensions; result (number of them, n).
    Dtype: any; the result is int64.
    Raises: nothing of its own.

    >>> tc.argwhere(tc.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    require_tensor("argwhere", input=input)
    return wrap(array_module(input.device).argwhere(input.array).astype(np.int64, order="C"), input.device)
