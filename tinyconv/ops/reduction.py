"""Sums and extremes over dimensions. Their order of summation is fixed: the same bits for any number of threads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import dtypes, layout
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.arithmetic import maximum, minimum, where
from tinyconv.ops.dispatch import Dims, Number, cast, normalize_dim, normalize_dims
from tinyconv.ops.elementwise import abs, exp, log, sqrt
from tinyconv.ops.indexing import take_along_dim
from tinyconv.ops.shape import expand, reshape
from tinyconv.ops.summation import accurate_sum

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class ValuesAndIndices(NamedTuple):
    """What ``max`` and ``min`` along one dimension return."""

    values: Any
    indices: Any


class Reduction(Operation):
    """y = a function of all elements along ``dims``."""

    def __init__(self, dims: tuple[int, ...], keepdim: bool) -> None:
        self.dims, self.keepdim = dims, keepdim

    def reduce(self, function: Any, x: Any, dtype: Any = None) -> Any:
        """``function`` along the dimensions, its result in the engine's order."""
        self.source = x.shape
        kept = tuple(1 if dim in self.dims else size for dim, size in enumerate(x.shape))
        result = layout.empty(kept, dtype or x.dtype, self.xp)
        function(x, axis=self.dims, keepdims=True, out=result)
        if self.keepdim:
            return result
        shape = tuple(size for dim, size in enumerate(x.shape) if dim not in self.dims)
        return layout.ordered(result.reshape(shape), self.xp)

    def broadcast(self, tensor: Tensor) -> Tensor:
        """A result or its cotangent, repeated along the reduced dimensions."""
        kept = tuple(1 if dim in self.dims else size for dim, size in enumerate(self.source))
        return expand(reshape(tensor, *kept), *self.source)


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

    def backward(self, dy: Tensor) -> Tensor:
        x = self.retained()
        zero = x == 0
        zeros = self.broadcast(sum(zero, self.dims, keepdim=self.keepdim))
        nonzero = where(zero, 1.0, x)
        others = self.broadcast(Product(self.dims, self.keepdim).apply(nonzero)) / nonzero
        # One zero: only its own derivative survives. Two or more: none does.
        return self.broadcast(dy) * where(zeros == 0, others, where((zeros == 1) & zero, others, 0.0))


class Extreme(Reduction):
    """y = the largest (or smallest) x;  dx shares dy equally among the elements that reach it."""

    function: ClassVar[str]

    def __init__(self, function: str, dims: tuple[int, ...], keepdim: bool) -> None:
        super().__init__(dims, keepdim)
        self.function = function  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self.function

    def forward(self, x: Any) -> Any:
        if x.size == 0:
            raise ShapeError(f"{self.function}: a tensor of shape {x.shape} has no elements to compare")
        self.retain_inputs(0)
        self.retain_output()
        return self.reduce(getattr(self.xp, self.function), x)

    def backward(self, dy: Tensor) -> Tensor:
        x, y = self.retained()
        reached = cast(x == self.broadcast(y), dy.dtype)
        count = sum(reached, self.dims, keepdim=self.keepdim)
        return self.broadcast(dy / count) * reached


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The sum over ``dim`` (all dimensions by default). Integers and bools are summed as int64."""
    if dtype is None and not input.dtype.is_floating_point:
        dtype = dtypes.int64
    input = cast(input, dtype or input.dtype)
    return Sum(normalize_dims("sum", dim, input.ndim), keepdim).apply(input)


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The mean over ``dim`` (all dimensions by default)."""
    input = cast(input, dtype or input.dtype)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"mean: needs floating-point numbers, got {input.dtype.name}; convert with .float() first")
    dims = normalize_dims("mean", dim, input.ndim)
    count = math.prod(input.shape[index] for index in dims)
    return sum(input, dim, keepdim) / count if count else sum(input, dim, keepdim) * math.nan


def var(
    input: Tensor, dim: Dims = None, *, correction: Number = 1, unbiased: bool | None = None, keepdim: bool = False
) -> Tensor:
    """sum (x - mean)^2 / (n - correction) over ``dim``. ``unbiased``: True means correction 1, False 0."""
    if unbiased is not None:
        correction = int(unbiased)
    dims = normalize_dims("var", dim, input.ndim)
    count = math.prod(input.shape[index] for index in dims)
    centred = input - mean(input, dim, keepdim=True)
    squares = sum(centred * centred, dim, keepdim)
    return squares / (count - correction) if count > correction else squares * math.nan


def std(
    input: Tensor, dim: Dims = None, *, correction: Number = 1, unbiased: bool | None = None, keepdim: bool = False
) -> Tensor:
    """The square root of ``var``."""
    return sqrt(var(input, dim, correction=correction, unbiased=unbiased, keepdim=keepdim))


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The product over ``dim`` (all dimensions by default)."""
    if not input.dtype.is_floating_point:
        input = cast(input, dtypes.int64)
    return Product(normalize_dims("prod", dim, input.ndim), keepdim).apply(input)


def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest element over ``dim``; NaN wins. The gradient is shared equally among ties."""
    return Extreme("max", normalize_dims("amax", dim, input.ndim), keepdim).apply(input)


def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The smallest element over ``dim``; NaN wins. The gradient is shared equally among ties."""
    return Extreme("min", normalize_dims("amin", dim, input.ndim), keepdim).apply(input)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The int64 position of the (first) largest element along ``dim``, or in the flattened tensor."""
    return _position("argmax", input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The int64 position of the (first) smallest element along ``dim``, or in the flattened tensor."""
    return _position("argmin", input, dim, keepdim)


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with an int ``dim``, (values, indices) along it; with a tensor, the elementwise maximum."""
    return _extreme("max", input, dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with an int ``dim``, (values, indices) along it; with a tensor, the elementwise minimum."""
    return _extreme("min", input, dim, keepdim)


def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether every element along ``dim`` is nonzero."""
    return _Quantifier("all", normalize_dims("all", dim, input.ndim), keepdim).apply(input)


def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether some element along ``dim`` is nonzero."""
    return _Quantifier("any", normalize_dims("any", dim, input.ndim), keepdim).apply(input)


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """ln sum e^x over ``dim``, computed from the largest element so that nothing overflows."""
    largest = amax(input, dim, keepdim=True).detach()
    shift = where(largest.isfinite(), largest, 0.0)
    result = log(sum(exp(input - shift), dim, keepdim=True)) + shift
    dims = normalize_dims("logsumexp", dim, input.ndim)
    return result if keepdim else reshape(result, *(size for i, size in enumerate(input.shape) if i not in dims))


def norm(input: Tensor, p: Number = 2, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """(sum |x|^p)^(1/p) over ``dim``: 1, 2 or any positive p; infinity for the largest |x|."""
    if p == math.inf:
        return amax(abs(input), dim, keepdim)
    if p <= 0:
        raise ArgumentError(f"norm: p must be positive, got {p}")
    if p == 1:
        return sum(abs(input), dim, keepdim)
    if p == 2:
        return sqrt(sum(input * input, dim, keepdim))
    return sum(abs(input) ** p, dim, keepdim) ** (1 / p)


class _Position(Operation):
    """The index of the first extreme element."""

    def __init__(self, function: str, dim: int | None, keepdim: bool) -> None:
        self.function, self.dim, self.keepdim = function, dim, keepdim

    def forward(self, x: Any) -> Any:
        if x.size == 0:
            raise ShapeError(f"{self.function}: a tensor of shape {x.shape} has no elements to compare")
        found = getattr(self.xp, self.function)(x, axis=self.dim, keepdims=self.keepdim)
        return layout.ordered(self.xp.asarray(found, np.int64), self.xp)


class _Quantifier(Reduction):
    """Whether all, or any, of the elements are nonzero."""

    def __init__(self, function: str, dims: tuple[int, ...], keepdim: bool) -> None:
        super().__init__(dims, keepdim)
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.reduce(getattr(self.xp, self.function), x, np.bool_)


def _position(function: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    if dim is not None:
        dim = normalize_dim(function, dim, input.ndim)
    return _Position(function, dim, keepdim).apply(input)


def _extreme(function: str, input: Tensor, dim: Any, keepdim: bool) -> Any:
    if dim is None:
        return Extreme(function, tuple(range(input.ndim)), False).apply(input)
    if not isinstance(dim, int):
        return (maximum if function == "max" else minimum)(input, dim)
    dim = normalize_dim(function, dim, input.ndim)
    indices = _position("arg" + function, input, dim if input.ndim else None, True)
    values = take_along_dim(input, indices, dim) if input.ndim else input
    if not keepdim and input.ndim:
        shape = input.shape[:dim] + input.shape[dim + 1 :]
        values, indices = reshape(values, *shape), reshape(indices, *shape)
    return ValuesAndIndices(values, indices)
