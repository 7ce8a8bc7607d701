"""Sums, products and truth values over dimensions.

Their order of summation is fixed: the same bits for any number of threads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import array_module
from tinyconv.core.dtypes import DType
from tinyconv.ops.dispatch import Dims, cast, normalize_dim, normalize_dims, require_flag, require_tensor, wrap
from tinyconv.ops.reduction.summation import accurate_sum, as_floating, element_count
from tinyconv.ops.shape.shape import expand, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Reduction(Operation):
    """y = a function of all elements along ``dims``."""

    def __init__(self, dims: tuple[int, ...], keepdim: bool) -> None:
        self.dims, self.keepdim = dims, keepdim

    def reduce(self, function: Any, x: Any, dtype: Any = None) -> Any:
        """``function`` along the dimensions, its result in the engine's order."""
        self.source = x.shape
        kept = tuple(1 if dim in self.dims else size for dim, size in enumerate(x.shape))
        result = layout.empty(kept, dtype or x.dtype, self.xp)
        # An infinity or NaN is a result like any other, as in PyTorch; NumPy's warnings would name a line in here.
        with np.errstate(all="ignore"):
            function(x, axis=self.dims, keepdims=True, out=result)
        if self.keepdim:
            return result
        shape = tuple(size for dim, size in enumerate(x.shape) if dim not in self.dims)
        return layout.ordered(result.reshape(shape), self.xp)

    def broadcast(self, tensor: Tensor) -> Tensor:
        """A result or its cotangent, repeated along the reduced dimensions."""
        kept = tuple(1 if dim in self.dims else size for dim, size in enumerate(self.source))
        return expand(reshape(tensor, kept), self.source)


class Sum(Reduction):
    """y = sum of x,  dx = dy, repeated."""

    def forward(self, x: Any) -> Any:
        return self.reduce(self._sum, x)

    def _sum(self, x: Any, axis: tuple[int, ...], keepdims: bool, out: Any) -> None:
        out[...] = accurate_sum(self.xp, x, axis)

    def backward(self, dy: Tensor) -> Tensor:
        return self.broadcast(dy)


class Product(Reduction):
    """y = product of x,  dx_i = dy times the product of the others (also where some x are 0)."""

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        return self.reduce(self.xp.prod, x)

    def backward(self, dy: Tensor) -> Any:
        x = self.retained()
        zero = x.array == 0
        if not zero.any():
            others = self.broadcast(Product(self.dims, self.keepdim).apply(x)) / x
        elif is_grad_enabled():
            others = self._products_of_others(x)
        else:
            # One zero: only its own derivative survives. Two or more: none does.
            zeros = zero.sum(axis=self.dims, keepdims=True)
            nonzero = self.xp.where(zero, 1, x.array)
            survives = (zeros == 0) | ((zeros == 1) & zero)
            product = nonzero.prod(axis=self.dims, keepdims=True) / nonzero
            others = wrap(layout.ordered(self.xp.where(survives, product, 0).astype(x.array.dtype), self.xp), x.device)
        return self.broadcast(dy) * others

    def _products_of_others(self, x: Any) -> Any:
        """What comes before each element times what comes after: can be differentiated at zeros too."""
        from tinyconv.ops.reduction.cumulative import _products_before

        kept = [dim for dim in range(x.ndim) if dim not in self.dims]
        order = [*kept, *self.dims]
        moved = x.permute(order)
        rows = reshape(moved, (*(x.shape[dim] for dim in kept), math.prod(x.shape[dim] for dim in self.dims)))
        last = len(kept)
        others = _products_before(rows, last) * _products_before(rows.flip(last), last).flip(last)
        return reshape(others, moved.shape).permute(sorted(range(x.ndim), key=order.__getitem__))


class _Quantifier(Reduction):
    """Whether all, or any, of the elements are nonzero."""

    def __init__(self, function: str, dims: tuple[int, ...], keepdim: bool) -> None:
        super().__init__(dims, keepdim)
        self.function = function

    def forward(self, x: Any) -> Any:
        # PyTorch's answer about uint8, its truth values of older days, is uint8.
        return self.reduce(getattr(self.xp, self.function), x, np.uint8 if x.dtype == np.uint8 else np.bool_)


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The sum over ``dim`` (all dimensions by default). float32 is added up in float64, and rounded once.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: any; the result has ``dtype``, by default the input's, int64 for integers and bools.
    Raises: ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(1)
    tensor([3., 7.])
    """
    require_tensor("sum", input=input)
    require_flag("sum", keepdim=keepdim)
    if dtype is None and not input.dtype.is_floating_point:
        dtype = dtypes.int64
    input = cast(input, dtype or input.dtype)
    return Sum(normalize_dims("sum", dim, input.ndim), keepdim).apply(input)


def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The sum over ``dim`` of what is not NaN.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: any; the result has ``dtype``, by default the input's, int64 for integers and bools.
    Raises: ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.tensor([1.0, float("nan"), 2.0]).nansum()
    tensor(3.)
    """
    require_tensor("nansum", input=input)
    require_flag("nansum", keepdim=keepdim)
    return sum(_without_nan(input), dim, keepdim, dtype=dtype)


def _without_nan(input: Any) -> Any:
    return input.masked_fill(input.isnan(), 0.0) if input.dtype.is_floating_point else input


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The mean over ``dim`` (all dimensions by default); NaN where there is nothing to average.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: float32 or float64, or any with such a ``dtype``, which the result has.
    Raises: ``DTypeError`` for other types, ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(0)
    tensor([2., 3.])
    """
    require_tensor("mean", input=input)
    require_flag("mean", keepdim=keepdim)
    input = as_floating("mean", input, dtype)
    total = sum(input, dim, keepdim)
    count = element_count("mean", input, dim)
    return total / count if count else total * math.nan


def nanmean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The mean over ``dim`` of what is not NaN; NaN where nothing else is.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: float32 or float64, or any with such a ``dtype``, which the result has.
    Raises: ``DTypeError`` for other types, ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.tensor([1.0, float("nan"), 2.0]).nanmean()
    tensor(1.5)
    """
    require_tensor("nanmean", input=input)
    require_flag("nanmean", keepdim=keepdim)
    input = as_floating("nanmean", input, dtype)
    count = sum(cast(input.isnan().logical_not(), input.dtype), dim, keepdim)
    return nansum(input, dim, keepdim) / count


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The product over ``dim`` (all dimensions by default).

    Shape: any; the dimension goes, or has size 1 with ``keepdim``.
    Dtype: any; the result has ``dtype``, by default the input's, int64 for integers and bools.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([2.0, 3.0, 4.0]).prod()
    tensor(24.)
    """
    require_tensor("prod", input=input)
    require_flag("prod", keepdim=keepdim)
    if dtype is None and not input.dtype.is_floating_point:
        dtype = dtypes.int64
    input = cast(input, dtype or input.dtype)
    dims = None if dim is None else (normalize_dim("prod", dim, input.ndim),)
    return Product(normalize_dims("prod", dims, input.ndim), keepdim).apply(input)


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements over ``dim`` (all dimensions by default) are not 0.

    Shape: any; the dimensions go.
    Dtype: any; the result is int64.
    Raises: ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.tensor([[0, 1], [2, 3]]).count_nonzero(0)
    tensor([1, 2])
    """
    require_tensor("count_nonzero", input=input)
    return sum(wrap(layout.ordered(input.array != 0, array_module(input.device)), input.device), dim)


def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether every element over ``dim`` (all dimensions by default) is nonzero; over ``()``, each by itself.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: any; the result is bool, of uint8 uint8.
    Raises: ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.tensor([[1, 0], [2, 3]]).all(1)
    tensor([False,  True])
    """
    require_tensor("all", input=input)
    require_flag("all", keepdim=keepdim)
    return _Quantifier("all", _quantified("all", dim, input), keepdim).apply(input)


def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether some element over ``dim`` (all dimensions by default) is nonzero; over ``()``, each by itself.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: any; the result is bool, of uint8 uint8.
    Raises: ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.tensor([[1, 0], [0, 0]]).any(1)
    tensor([ True, False])
    """
    require_tensor("any", input=input)
    require_flag("any", keepdim=keepdim)
    return _Quantifier("any", _quantified("any", dim, input), keepdim).apply(input)


def _quantified(name: str, dim: Dims, input: Tensor) -> tuple[int, ...]:
    """The dimensions over which truth values are combined: unlike a sum's, none if ``dim`` is empty."""
    return () if dim is not None and not isinstance(dim, int) and not dim else normalize_dims(name, dim, input.ndim)
