"""Counting: distinct elements, histograms, classes, search in sorted boundaries. Nothing here has a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import CPU, array_module
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.core.transfer import moved, placed, to_host
from tinyconv.ops.dispatch import Number, is_number, normalize_dim, require_tensor, require_whole, wrap

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def unique(
    input: Tensor,
    sorted: bool = True,  # noqa: ARG001 (they always are)
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements, or slices along ``dim``, in order (with ``sorted`` or without).

    ``return_inverse``: also where each element of the input stands in the result. ``return_counts``: how often each
    occurs.

    Shape: any; result (number of them,), or the input's with their number for ``dim``. The inverse has the input's.
    Dtype: any; the result has the input's, positions and counts are int64.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([3, 1, 3]).unique(return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    require_tensor("unique", input=input)
    array = np.asarray(to_host(input.array), order="C")
    if dim is not None:
        dim = normalize_dim("unique", dim, input.ndim)
        if input.ndim == 0:
            array, dim = array.reshape(1), 0
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    inverse = inverse.reshape(input.shape if dim is None else -1)
    return _results(input, values, inverse, counts, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements, or slices along ``dim``, without those equal to the one before.

    Shape: any; result (number of them,), or the input's with their number for ``dim``. The inverse has the input's.
    Dtype: any; the result has the input's, positions and counts are int64.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> tc.unique_consecutive(tc.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    require_tensor("unique_consecutive", input=input)
    array = to_host(input.array)
    array = array.reshape(-1) if dim is None or input.ndim == 0 else array
    axis = 0 if dim is None else normalize_dim("unique_consecutive", dim, input.ndim)
    slices = np.moveaxis(array, axis, 0)
    is_new = np.ones(slices.shape[0], np.bool_)
    is_new[1:] = (slices[1:] != slices[:-1]).any(axis=tuple(range(1, slices.ndim)))
    starts = np.flatnonzero(is_new)
    inverse = (np.cumsum(is_new) - 1).reshape(input.shape if dim is None else -1)
    counts = np.diff(np.append(starts, slices.shape[0]))
    return _results(input, np.moveaxis(slices[is_new], 0, axis), inverse, counts, return_inverse, return_counts)


def _results(input: Tensor, values: Any, inverse: Any, counts: Any, with_inverse: bool, with_counts: bool) -> Any:
    results = [wrap(moved(values, CPU, input.device), input.device)]
    for wanted, array in ((with_inverse, inverse), (with_counts, counts)):
        if wanted:
            results.append(wrap(placed(layout.ordered(np.asarray(array, np.int64)), input.device), input.device))
    return tuple(results) if len(results) > 1 else results[0]


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 occurs, or the sums of the ``weights`` of its occurrences.

    Shape: (N,), ``weights`` too; result (largest + 1,), or (minlength,) if that is more.
    Dtype: integers; the result is int64, with weights float64 (of float32 ones float32).
    Raises: ``ArgumentError`` for negative numbers, ``ShapeError`` for what is no vector, ``DTypeError``.

    >>> tc.bincount(tc.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    require_tensor("bincount", input=input)
    require_whole("bincount", minlength=minlength)
    if input.dtype.category != dtypes.INTEGER:
        raise DTypeError(f"bincount: counts integers, got {input.dtype.name}")
    if input.ndim != 1 or (weights is not None and weights.shape != input.shape):
        other = "" if weights is None else f" with weights {weights.shape}"
        raise ShapeError(f"bincount: takes a vector, and weights of its length, got shape {input.shape}{other}")
    numbers = to_host(input.array).astype(np.int64)
    if minlength < 0 or (numbers.size and numbers.min() < 0):
        raise ArgumentError(f"bincount: the numbers and minlength ({minlength}) must be 0 or more")
    if weights is None or not numbers.size:
        counts = np.bincount(numbers, minlength=minlength).astype(np.int64)
    else:
        kind = np.float32 if weights.dtype is dtypes.float32 else np.float64
        counts = np.bincount(numbers, to_host(weights.array), minlength).astype(kind)
    return wrap(placed(counts, input.device), input.device)


def histc(input: Tensor, bins: int = 100, min: Number = 0, max: Number = 0) -> Tensor:
    """How many elements lie in each of ``bins`` equal intervals from ``min`` to ``max``; others are not counted.

    Without a range (``min`` equals ``max``) it is that of the elements. The last interval includes its end.

    Shape: any; result (bins,).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for no bins, or a range that is reversed or not finite.

    >>> tc.histc(tc.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    require_tensor("histc", input=input)
    require_whole("histc", bins=bins)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"histc: needs floating-point numbers, got {input.dtype.name}; see bincount")
    values = to_host(input.array).reshape(-1).astype(np.float64)
    low, high = float(min), float(max)
    if low == high and values.size:
        low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = low - 1, high + 1
    if bins < 1 or not (np.isfinite(low) and np.isfinite(high)) or low > high:
        raise ArgumentError(f"histc: needs 1 bin or more and a finite range, got {bins} bins from {low} to {high}")
    values = values[(values >= low) & (values <= high)]
    places = np.minimum(((values - low) / (high - low) * bins).astype(np.int64), bins - 1)
    counts = np.bincount(places, minlength=bins).astype(input.dtype.numpy)
    return wrap(placed(counts, input.device), input.device)


def searchsorted(
    sorted_sequence: Tensor,
    values: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where each of ``values`` belongs in rows of ascending numbers: before equal ones, or after them with ``right``.

    ``side``: "left" or "right" instead of ``right``. ``sorter``: the positions that would sort the rows.

    Shape: (..., N) and (..., M), or any shape with a single row (N,); result that of ``values``.
    Dtype: any; the result is int64, or int32 with ``out_int32``.
    Raises: ``ShapeError`` for other shapes, ``ArgumentError`` for a ``side`` that contradicts ``right``.

    >>> tc.searchsorted(tc.tensor([1, 3, 5]), tc.tensor([3, 6]))
    tensor([1, 3])
    """
    require_tensor("searchsorted", sorted_sequence=sorted_sequence)
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ArgumentError(f"searchsorted: side is 'left' or 'right', as right says, got {side!r} and right={right}")
    half: Literal["left", "right"] = "right" if right or side == "right" else "left"
    xp, rows = array_module(sorted_sequence.device), sorted_sequence.array
    if sorter is not None:
        if sorter.shape != sorted_sequence.shape or sorter.dtype is not dtypes.int64:
            raise ShapeError(f"searchsorted: sorter must be int64 of shape {sorted_sequence.shape}")
        rows = xp.take_along_axis(rows, sorter.array, -1)
    if is_number(values):
        wanted = xp.asarray(values)
    elif isinstance(values, TensorBase):
        wanted = values.array
    else:
        raise DTypeError(f"searchsorted: values is a tensor or a number, got {type(values).__name__}")
    if rows.ndim == 0 or (rows.ndim > 1 and rows.shape[:-1] != wanted.shape[:-1]):
        raise ShapeError(f"searchsorted: rows of shape {rows.shape} and values of {wanted.shape} do not go together")
    found = xp.empty(wanted.shape, np.int32 if out_int32 else np.int64)
    if rows.ndim == 1:
        found[...] = xp.searchsorted(rows, wanted, half)
    else:
        for place in np.ndindex(rows.shape[:-1]):
            found[place] = xp.searchsorted(rows[place], wanted[place], half)
    return wrap(layout.ordered(found, xp), sorted_sequence.device)


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The number of the interval between ascending ``boundaries`` that each element lies in.

    Interval i ends with boundary i, which belongs to it, or to the next with ``right``.

    Shape: any, ``boundaries`` (N,); the result has the input's.
    Dtype: any; the result is int64, or int32 with ``out_int32``.
    Raises: ``ShapeError`` for boundaries that are no vector.

    >>> tc.bucketize(tc.tensor([0, 3, 9]), tc.tensor([1, 3, 5]))
    tensor([0, 1, 3])
    """
    require_tensor("bucketize", boundaries=boundaries)
    if boundaries.ndim != 1:
        raise ShapeError(f"bucketize: boundaries are a vector, got shape {boundaries.shape}")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Vectors with 1 at the class and 0 elsewhere; without ``num_classes``, as long as the largest class needs.

    Shape: any, result (..., classes).
    Dtype: int64; the result is int64.
    Raises: ``DTypeError`` for other types, ``ArgumentError`` for classes outside the range.

    >>> F.one_hot(tc.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    require_tensor("one_hot", tensor=tensor)
    require_whole("one_hot", num_classes=num_classes)
    if tensor.dtype is not dtypes.int64:
        raise DTypeError(f"one_hot: the classes must be int64, got {tensor.dtype.name}; convert them with .long()")
    array = tensor.array
    if array.size == 0 and num_classes <= 0:
        raise ArgumentError("one_hot: without classes to look at, num_classes must be given")
    if num_classes == 0 or num_classes < -1:
        raise ArgumentError(f"one_hot: num_classes is 1 or more, or -1, got {num_classes}")
    smallest, largest = (int(array.min()), int(array.max())) if array.size else (0, -1)
    count = largest + 1 if num_classes == -1 else num_classes
    if smallest < 0 or largest >= count:
        raise ArgumentError(f"one_hot: a class lies outside 0 ... {count - 1}: {smallest} ... {largest}")
    xp = array_module(tensor.device)
    return wrap(layout.copy(array[..., None] == xp.arange(count), xp).astype(np.int64), tensor.device)
