"""Order: sorting, the largest few, order statistics, search in sorted numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.core.transfer import placed, to_host
from tinyconv.ops.dispatch import (
    constant,
    is_number,
    normalize_dim,
    require_flag,
    require_tensor,
    require_whole,
    wrap,
)
from tinyconv.ops.reduction.found import ValuesAndIndices, along_dim
from tinyconv.ops.shape.shape import clone, ravel, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def _order(input: Tensor, dim: int, descending: bool) -> Any:
    """Positions in sorted order, equal elements in theirs; NaN counts as largest."""
    xp, x = array_module(input.device), input.array
    if not descending:
        return xp.argsort(x, dim, kind="stable")
    # Sorted from behind and read from behind, so that equal elements keep their order here too.
    backwards = xp.argsort(xp.flip(x, dim), dim, kind="stable")
    return xp.flip(x.shape[dim] - 1 - backwards, dim)


def _no_position(input: Tensor) -> Tensor:
    """The position of the only element of a tensor without dimensions."""
    return constant(0, dtypes.int64, input.device)


def _indices(input: Tensor, order: Any) -> Tensor:
    """Positions in ``input`` as a tensor."""
    return wrap(layout.ordered(order.astype(np.int64, copy=False), array_module(input.device)), input.device)


def _sorted(name: str, input: Any, dim: int, descending: bool) -> ValuesAndIndices:
    dim = normalize_dim(name, dim, input.ndim)
    if input.ndim == 0:
        return ValuesAndIndices(clone(input), _no_position(input))
    return along_dim(input, _indices(input, _order(input, dim, descending)), dim, True)


def sort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    stable: bool = False,  # noqa: ARG001 (it always is)
) -> ValuesAndIndices:
    """The elements in order along ``dim``, as (values, indices); NaN counts as largest.

    Equal elements keep their order, with ``stable`` or without.

    Shape: any; the results have the input's.
    Dtype: any; the values have the input's, the indices are int64.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> values, indices = tc.tensor([3, 1, 2]).sort()
    >>> values, indices
    (tensor([1, 2, 3]), tensor([1, 2, 0]))
    """
    require_tensor("sort", input=input)
    return _sorted("sort", input, dim, bool(descending))


def argsort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    stable: bool = False,  # noqa: ARG001 (it always is)
) -> Tensor:
    """The positions that put the elements in order along ``dim``; equal elements keep theirs.

    Shape: any; the result has the input's.
    Dtype: any; the result is int64.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([3, 1, 2]).argsort(descending=True)
    tensor([0, 2, 1])
    """
    require_tensor("argsort", input=input)
    dim = normalize_dim("argsort", dim, input.ndim)
    if input.ndim == 0:
        return _no_position(input)
    return _indices(input, _order(input, dim, bool(descending)))


def msort(input: Tensor) -> Tensor:
    """The elements in order along the first dimension.

    Shape: any; the result has the input's.
    Dtype: any; the result has the input's.
    Raises: nothing of its own.

    >>> tc.msort(tc.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    require_tensor("msort", input=input)
    return _sorted("msort", input, 0, False).values


def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,  # noqa: ARG001 (they always are)
) -> ValuesAndIndices:
    """The ``k`` largest (or smallest) elements along ``dim``, as (values, indices); NaN counts as largest.

    They come in order, with ``sorted`` or without.

    Shape: any; the size of ``dim`` becomes k.
    Dtype: any; the values have the input's, the indices are int64.
    Raises: ``ArgumentError`` for more than there are.

    >>> values, indices = tc.tensor([1, 5, 3]).topk(2)
    >>> values, indices
    (tensor([5, 3]), tensor([1, 2]))
    """
    require_tensor("topk", input=input)
    require_whole("topk", k=k)
    dim = normalize_dim("topk", dim, input.ndim)
    size = input.shape[dim] if input.ndim else 1
    if not isinstance(k, int | np.integer) or not 0 <= k <= size:
        raise ArgumentError(f"topk: k is a number from 0 to {size}, the size of dimension {dim}, got {k!r}")
    if input.ndim == 0:
        found = _sorted("topk", input, dim, largest)
        return found if k else ValuesAndIndices(reshape(input, (1,))[:0], reshape(found.indices, (1,))[:0])
    order = _order(input, dim, largest)[(*(slice(None),) * dim, slice(int(k)))]
    chosen = layout.copy(order.astype(np.int64), array_module(input.device))
    return along_dim(input, wrap(chosen, input.device), dim, True)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """The ``k``-th smallest element along ``dim``, counted from 1, as (values, indices); NaN counts as largest.

    Shape: any; the dimension goes, or has size 1 with ``keepdim``.
    Dtype: any; the values have the input's, the indices are int64.
    Raises: ``ArgumentError`` for a ``k`` out of range.

    >>> tc.tensor([3, 1, 2]).kthvalue(2).values
    tensor(2)
    """
    require_tensor("kthvalue", input=input)
    require_whole("kthvalue", k=k)
    require_flag("kthvalue", keepdim=keepdim)
    dim = normalize_dim("kthvalue", dim, input.ndim)
    size = input.shape[dim] if input.ndim else 1
    if not 1 <= k <= size:
        raise ArgumentError(f"kthvalue: k counts from 1 to {size}, the size of dimension {dim}, got {k}")
    if input.ndim == 0:
        return _sorted("kthvalue", input, dim, False)
    return _picked(input, _order(input, dim, False), k - 1, dim, keepdim)


def _picked(input: Any, order: Any, place: Any, dim: int, keepdim: bool) -> ValuesAndIndices:
    """The element that comes at ``place`` in the order along ``dim``."""
    xp = array_module(input.device)
    if isinstance(place, int):
        place = xp.full((*order.shape[:dim], 1, *order.shape[dim + 1 :]), place)
    return along_dim(input, _indices(input, xp.take_along_axis(order, place, dim)), dim, keepdim)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element, of an even number the lower of the two; with a ``dim``, (values, indices) along it.

    NaN if there is one. Of all elements, equal ones share the gradient.

    Shape: any; the dimension (by default, all) goes, or has size 1 with ``keepdim``.
    Dtype: any; the values have the input's, the indices are int64.
    Raises: ``ShapeError`` if there is nothing along ``dim``, ``DimensionError`` for one out of range.

    >>> tc.tensor([3.0, 1.0, 2.0, 4.0]).median()
    tensor(2.)
    """
    require_tensor("median", input=input)
    return _median("median", input, dim, keepdim, skips_nan=False)


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """``median`` of what is not NaN.

    Shape: any; the dimension (by default, all) goes, or has size 1 with ``keepdim``.
    Dtype: any; the values have the input's, the indices are int64.
    Raises: ``ShapeError`` if there is nothing along ``dim``, ``DimensionError`` for one out of range.

    >>> tc.tensor([3.0, float("nan"), 2.0]).nanmedian()
    tensor(2.)
    """
    require_tensor("nanmedian", input=input)
    return _median("nanmedian", input, dim, keepdim, skips_nan=True)


def _median(name: str, input: Any, dim: int | None, keepdim: bool, skips_nan: bool) -> Any:
    require_flag(name, keepdim=keepdim)
    if dim is None:
        row = ravel(input)
        if row.shape[0] == 0:
            if not input.dtype.is_floating_point:
                raise ShapeError(f"{name}: an empty tensor of {input.dtype.name} has no middle element")
            return row.sum() * float("nan")
        middle = _median(name, row.detach(), 0, False, skips_nan).values
        # The mean of all elements equal to it: shares the gradient among them.
        same = (row == middle).logical_or(row.isnan().logical_and(middle.isnan()))
        shares = same.to(row.dtype) / same.sum() if row.requires_grad else None
        return middle if shares is None else (row.masked_fill(same.logical_not(), 0.0) * shares).sum()
    dim = normalize_dim(name, dim, input.ndim)
    if input.ndim == 0:
        return _sorted(name, input, dim, False)
    size = input.shape[dim]
    if size == 0:
        raise ShapeError(f"{name}: a tensor of shape {input.shape} has no elements along dimension {dim}")
    xp, order = array_module(input.device), _order(input, dim, False)
    unknown = (input.array != input.array).sum(axis=dim, keepdims=True)  # NaN, all at the end of the order
    known = size - unknown
    place = (xp.maximum(known, 1) - 1) // 2 if skips_nan else xp.where(unknown > 0, known, (size - 1) // 2)
    return _picked(input, order, place, dim, keepdim)


def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The elements that shares ``q`` of the others lie below, along ``dim`` or in the whole tensor; NaN if it has one.

    ``interpolation`` between the two nearest: "linear", "lower", "higher", "midpoint" or "nearest".

    Shape: any; the dimension goes, or has size 1 with ``keepdim``; a vector ``q`` adds one in front.
    Dtype: float32 or float64, a tensor ``q`` the same; the result has the input's.
    Raises: ``ArgumentError`` for ``q`` outside [0, 1] or another ``interpolation``, ``ShapeError`` for no elements.

    >>> tc.quantile(tc.tensor([0.0, 10.0, 20.0]), 0.25)
    tensor(5.)
    """
    require_tensor("quantile", input=input)
    require_flag("quantile", keepdim=keepdim)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"quantile: needs floating-point numbers, got {input.dtype.name}; convert with .float()")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise ArgumentError(f"quantile: interpolation is not {interpolation!r}; see the docstring")
    if isinstance(q, TensorBase):
        if q.dtype is not input.dtype or len(q.shape) > 1:
            raise DTypeError(f"quantile: q is a number or a vector of {input.dtype.name}, got {q.dtype.name} {q.shape}")
        shares = to_host(q.array)
    elif is_number(q):
        shares = np.asarray(q, input.dtype.numpy)
    else:
        raise DTypeError(f"quantile: q is a number or a tensor, got {type(q).__name__}")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ArgumentError(f"quantile: q is a share, from 0 to 1, got {shares.tolist()}")
    x: Any = ravel(input) if dim is None or input.ndim == 0 else input
    along = 0 if dim is None else normalize_dim("quantile", dim, input.ndim)
    size = x.shape[along]
    if size == 0:
        raise ShapeError(f"quantile: a tensor of shape {input.shape} has no elements to compare")
    ordered = _sorted("quantile", x, along, False).values.movedim(along, -1)
    ranks = np.atleast_1d(shares) * (size - 1)
    unknown = (ordered != ordered).any(-1, keepdim=True)
    below, above = np.floor(ranks), np.ceil(ranks)
    if interpolation == "nearest":
        below = above = np.round(ranks)
    elif interpolation in ("lower", "higher"):
        below = above = below if interpolation == "lower" else above
    low, high = (ordered[..., rank.astype(np.int64).tolist()] for rank in (below, above))
    weight = np.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below
    if below is above:
        result = low
    else:
        result = low + (high - low) * wrap(placed(weight.astype(input.dtype.numpy), input.device), input.device)
    result = result.masked_fill(unknown, float("nan")).movedim(-1, 0)
    if keepdim:
        result = result.unsqueeze(along + 1) if dim is not None else result.reshape((len(ranks), *(1,) * input.ndim))
        if dim is not None and input.ndim == 0:
            result = result.reshape((len(ranks),))
    return result if shares.ndim else result[0]
