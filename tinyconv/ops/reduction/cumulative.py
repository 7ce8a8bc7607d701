"""Sums, products and extremes of all elements so far along a dimension, and differences of neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import array_module
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError
from tinyconv.ops.dispatch import cast, constant, normalize_dim, require_tensor, require_whole, wrap
from tinyconv.ops.indexing.gathering import narrow
from tinyconv.ops.reduction.found import ValuesAndIndices, along_dim
from tinyconv.ops.shape.join import cat
from tinyconv.ops.shape.shape import clone

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def _reversed(x: Any, dim: int) -> Any:
    return x[(*(slice(None),) * dim, slice(None, None, -1))]


def _accumulated(xp: Any, function: str, x: Any, dim: int) -> Any:
    """y_i = f(y_(i-1), x_i), y_0 = x_0, along ``dim``, of a function that may be grouped in any way.

    CuPy does that for sums and products alone. So there each y_i takes in what 1, 2, 4, ... places before it gathered:
    in as many steps as the logarithm of the length, each of which is one pass over everything.
    """
    if xp is np:
        return getattr(np, function).accumulate(x, dim)
    result = x.copy()
    views, reach = result.swapaxes(0, dim), 1
    while reach < x.shape[dim]:
        views[reach:] = getattr(xp, function)(views[:-reach], views[reach:])
        reach *= 2
    return result


class CumulativeSum(Operation):
    """y_i = x_0 + ... + x_i,  dx_i = dy_i + dy_(i+1) + ...: the same from the other end."""

    def __init__(self, dim: int, from_end: bool = False) -> None:
        self.dim, self.from_end = dim, from_end

    def forward(self, x: Any) -> Any:
        if self.from_end:
            x = _reversed(x, self.dim)
        # float32 is added up in float64, as in every sum.
        total = self.xp.cumsum(x, self.dim, dtype=np.float64 if x.dtype == np.float32 else x.dtype)
        result = layout.empty(x.shape, x.dtype, self.xp)
        result[...] = _reversed(total, self.dim) if self.from_end else total
        return result

    def backward(self, dy: Tensor) -> Tensor:
        return CumulativeSum(self.dim, not self.from_end).apply(dy)


class Recurrence(Operation):
    """y_i = a_i + b_i y_(i-1), or from the end y_i = a_i + b_i y_(i+1), with 0 beyond.

    The cotangents g_i = dy_i + b_(i+1) g_(i+1) are a recurrence the other way;  da_i = g_i,  db_i = g_i y_(i-1).
    """

    def __init__(self, dim: int, from_end: bool) -> None:
        self.dim, self.from_end = dim, from_end

    def forward(self, a: Any, b: Any) -> Any:
        self.retain_inputs(1)
        self.retain_output()
        result = layout.copy(a, self.xp)
        views = [array.swapaxes(0, self.dim) for array in (result, b)]
        y, factors = [_reversed(view, 0) for view in views] if self.from_end else views
        for i in range(1, y.shape[0]):
            y[i] += factors[i] * y[i - 1]
        return result

    def backward(self, dy: Any) -> Any:
        b, y = self.retained()
        g = Recurrence(self.dim, not self.from_end).apply(dy, _shifted(b, self.dim, not self.from_end))
        return g, g * _shifted(y, self.dim, self.from_end)


def _shifted(x: Any, dim: int, from_end: bool, fill: float = 0.0) -> Any:
    """What stands one before each element (``from_end``: one after), ``fill`` where nothing does."""
    size = x.shape[dim]
    shape = (*x.shape[:dim], 1, *x.shape[dim + 1 :])
    edge = wrap(layout.full(shape, fill, x.dtype.numpy, array_module(x.device)), x.device)
    rest = narrow(x, dim, min(1, size) if from_end else 0, max(size - 1, 0))
    parts = [rest, edge] if from_end else [edge, rest]
    return narrow(cat(parts, dim), dim, 0, size)


def _products_before(x: Any, dim: int) -> Any:
    """The product of all elements before each along ``dim``; 1 before the first."""
    return _shifted(CumulativeProduct(dim).apply(x), dim, False, 1.0)


class CumulativeProduct(Operation):
    """y_i = x_0 ... x_i;  dx_i = (x_0 ... x_(i-1)) s_i with s_i = dy_i + x_(i+1) s_(i+1), right for zeros too."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        self.retain_output()
        with np.errstate(all="ignore"):
            return self.xp.cumprod(x, self.dim, dtype=x.dtype, out=layout.empty(x.shape, x.dtype, self.xp))

    def backward(self, dy: Any) -> Any:
        x, y = self.retained()
        later = Recurrence(self.dim, from_end=True).apply(dy, _shifted(x, self.dim, True))
        return _shifted(y, self.dim, False, 1.0) * later


class CumulativeLogSumExp(Operation):
    """y_i = ln (e^x_0 + ... + e^x_i);  dx_i = e^(x_i - y_i) t_i with t_i = dy_i + e^(y_i - y_(i+1)) t_(i+1).

    y never falls, so that no power is above 1 and nothing overflows.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        self.retain_output()
        with np.errstate(invalid="ignore"):
            result = _accumulated(self.xp, "logaddexp", x.astype(np.float64, copy=False), self.dim)
        y = layout.empty(x.shape, x.dtype, self.xp)
        y[...] = result
        return y

    def backward(self, dy: Any) -> Any:
        x, y = self.retained()
        factor = (y - _shifted(y, self.dim, True)).clamp(max=0.0).exp()
        return (x - y).exp() * Recurrence(self.dim, from_end=True).apply(dy, factor)


def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """The sum of all elements so far along ``dim``.

    Shape: any; the result has the input's.
    Dtype: any; the result has ``dtype``, by default the input's, int64 for integers and bools.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([1, 2, 3]).cumsum(0)
    tensor([1, 3, 6])
    """
    require_tensor("cumsum", input=input)
    dim = normalize_dim("cumsum", dim, input.ndim)
    input = cast(input, dtype or _summed_type(input))
    return CumulativeSum(dim).apply(input) if input.ndim else clone(input)


def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """The product of all elements so far along ``dim``.

    Shape: any; the result has the input's.
    Dtype: any; the result has ``dtype``, by default the input's, int64 for integers and bools.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([1.0, 2.0, 3.0]).cumprod(0)
    tensor([1., 2., 6.])
    """
    require_tensor("cumprod", input=input)
    dim = normalize_dim("cumprod", dim, input.ndim)
    input = cast(input, dtype or _summed_type(input))
    return CumulativeProduct(dim).apply(input) if input.ndim else clone(input)


def _summed_type(input: Tensor) -> DType:
    return input.dtype if input.dtype.is_floating_point else dtypes.int64


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """ln of the sum of e^x so far along ``dim``.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types, ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([0.0, 0.0]).logcumsumexp(0)
    tensor([0.    , 0.6931])
    """
    require_tensor("logcumsumexp", input=input)
    dim = normalize_dim("logcumsumexp", dim, input.ndim)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"logcumsumexp: needs floating-point numbers, got {input.dtype.name}; convert with .float()")
    return CumulativeLogSumExp(dim).apply(input) if input.ndim else clone(input)


def cummax(input: Tensor, dim: int) -> ValuesAndIndices:
    """The largest element so far along ``dim``, and its position: the last, of equal ones. NaN wins.

    Shape: any; the results have the input's.
    Dtype: any; the values have the input's, the indices are int64.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> values, indices = tc.tensor([1, 3, 2]).cummax(0)
    >>> values, indices
    (tensor([1, 3, 3]), tensor([0, 1, 1]))
    """
    require_tensor("cummax", input=input)
    return _cumulative_extreme("cummax", input, dim)


def cummin(input: Tensor, dim: int) -> ValuesAndIndices:
    """The smallest element so far along ``dim``, and its position: the last, of equal ones. NaN wins.

    Shape: any; the results have the input's.
    Dtype: any; the values have the input's, the indices are int64.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> values, indices = tc.tensor([2, 3, 1]).cummin(0)
    >>> values, indices
    (tensor([2, 2, 1]), tensor([0, 0, 2]))
    """
    require_tensor("cummin", input=input)
    return _cumulative_extreme("cummin", input, dim)


def _cumulative_extreme(name: str, input: Any, dim: int) -> ValuesAndIndices:
    dim = normalize_dim(name, dim, input.ndim)
    if input.ndim == 0:
        return ValuesAndIndices(clone(input), constant(0, dtypes.int64, input.device))
    xp, x = array_module(input.device), input.array
    best = _accumulated(xp, "maximum" if name == "cummax" else "minimum", x, dim)
    reached = (x == best) | (x != x)
    places = xp.arange(x.shape[dim]).reshape((-1, *(1,) * (x.ndim - dim - 1)))
    indices = layout.ordered(_accumulated(xp, "maximum", xp.where(reached, places, 0), dim), xp)
    return along_dim(input, wrap(indices, input.device), dim, True, is_unique=False)


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The differences x_(i+1) - x_i along ``dim``, taken ``n`` times; of bools, whether they differ.

    Shape: any with a dimension; ``dim`` loses n elements, after ``prepend`` and ``append`` have been joined to it.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for a dimension out of range, ``ArgumentError`` for a negative n.

    >>> tc.tensor([1, 3, 2]).diff()
    tensor([ 2, -1])
    """
    require_tensor("diff", input=input)
    require_whole("diff", n=n)
    if input.ndim == 0:
        raise DimensionError("diff: a tensor without dimensions has no neighbours")
    if n < 0:
        raise ArgumentError(f"diff: n is how often differences are taken, 0 or more, got {n}")
    dim = normalize_dim("diff", dim, input.ndim)
    ends = [part for part in (prepend, input, append) if part is not None]
    if not all(isinstance(part, TensorBase) for part in ends):
        raise DTypeError("diff: prepend and append are tensors")
    result: Any = cat(ends, dim) if len(ends) > 1 else input
    for _ in range(n):
        size = max(result.shape[dim] - 1, 0)
        later, earlier = narrow(result, dim, min(1, result.shape[dim]), size), narrow(result, dim, 0, size)
        result = later != earlier if result.dtype is dtypes.bool_ else later - earlier
    return result if n else clone(input)
