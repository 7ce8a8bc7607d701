"""Variance, standard deviation, norms, and logarithms of sums of exponentials."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.ops.dispatch import (
    Dims,
    Number,
    cast,
    floating,
    is_number,
    normalize_dims,
    require_flag,
    require_number,
    require_tensor,
    wrap,
)
from tinyconv.ops.reduction.reduction import Reduction, mean, sum
from tinyconv.ops.reduction.summation import accurate_sum, as_floating, element_count

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class RootOfSquares(Operation):
    """y = sqrt(x) of a sum of squares,  dx = dy / (2 y), and 0 where y = 0: there the squares' gradients are 0 too."""

    def forward(self, x: Any) -> Any:
        self.retain_output()
        with np.errstate(invalid="ignore"):
            return self.xp.sqrt(x, out=layout.empty(x.shape, x.dtype, self.xp))

    def backward(self, dy: Any) -> Any:
        y = self.retained()
        zero = y == 0
        return (dy / (2 * y.masked_fill(zero, 1.0))).masked_fill(zero, 0.0)


def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Number = 1
) -> Tensor:
    """sum (x - mean)^2 / (n - correction) over ``dim`` (all dimensions by default).

    NaN where n is 0, or equal to ``correction``. ``unbiased``: True means correction 1, False 0.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types, ``DimensionError`` for a dimension out of range or named twice,
        ``ArgumentError`` for both ``unbiased`` and ``correction``.

    >>> tc.tensor([1.0, 2.0, 3.0]).var(), tc.tensor([1.0, 2.0, 3.0]).var(correction=0)
    (tensor(1.), tensor(0.6667))
    """
    require_tensor("var", input=input)
    return _variance("var", input, dim, unbiased, keepdim, correction)[0]


def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Number = 1
) -> Tensor:
    """The square root of ``var``; where it is 0 its gradient is 0.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for other types, ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.tensor([1.0, 2.0, 3.0]).std()
    tensor(1.)
    """
    require_tensor("std", input=input)
    return RootOfSquares().apply(_variance("std", input, dim, unbiased, keepdim, correction)[0])


def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Number = 1
) -> tuple[Tensor, Tensor]:
    """``var`` and ``mean``.

    Shape: as for ``var``.
    Dtype: float32 or float64; the results have the input's.
    Raises: as ``var``.

    >>> tc.var_mean(tc.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    require_tensor("var_mean", input=input)
    return _variance("var_mean", input, dim, unbiased, keepdim, correction)


def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Number = 1
) -> tuple[Tensor, Tensor]:
    """``std`` and ``mean``.

    Shape: as for ``var``.
    Dtype: float32 or float64; the results have the input's.
    Raises: as ``var``.

    >>> tc.std_mean(tc.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    require_tensor("std_mean", input=input)
    variance, average = _variance("std_mean", input, dim, unbiased, keepdim, correction)
    return RootOfSquares().apply(variance), average


def _variance(
    name: str, input: Any, dim: Any, unbiased: bool | None, keepdim: bool, correction: Number
) -> tuple[Any, Any]:
    if isinstance(dim, bool):  # var(unbiased)
        dim, unbiased = None, dim
    as_floating(name, input)
    require_flag(name, keepdim=keepdim)
    require_number(name, correction=correction)
    if unbiased is not None:
        require_flag(name, unbiased=unbiased)
        if correction != 1:
            raise ArgumentError(f"{name}: give unbiased={unbiased} or correction={correction}, not both")
        correction = int(unbiased)
    dims = normalize_dims(name, dim, input.ndim)
    average = mean(input, dims, keepdim=True)
    centred = input - average
    squares = sum(centred * centred, dims, keepdim)
    remaining = max(element_count(name, input, dims) - correction, 0)
    return squares / remaining, average if keepdim else average.reshape(squares.shape)


def _largest(xp: Any, x: Any, axis: tuple[int, ...], of_none: float) -> Any:
    """The largest element along ``axis``, which is kept with size 1; ``of_none`` where there is none."""
    if x.size:
        return x.max(axis=axis, keepdims=True)
    return xp.full(tuple(1 if dim in axis else size for dim, size in enumerate(x.shape)), of_none, x.dtype)


class LogSumExp(Reduction):
    """y = ln sum e^x, from the largest element so that nothing overflows,  dx = dy e^(x - y)."""

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        self.retain_output()
        return self.reduce(self._logarithm, x)

    def _logarithm(self, x: Any, axis: tuple[int, ...], keepdims: bool, out: Any) -> None:
        largest = _largest(self.xp, x, axis, -np.inf)
        shift = self.xp.where(self.xp.isfinite(largest), largest, 0)
        self.xp.log(accurate_sum(self.xp, self.xp.exp(x - shift), axis), out=out, casting="same_kind")
        out += shift

    def backward(self, dy: Any) -> Any:
        x, y = self.retained()
        # Where the sum is 0 every e^x is: the difference of two infinities would make it NaN.
        finite = y.masked_fill(y == -math.inf, 0.0)
        return self.broadcast(dy) * (x - self.broadcast(finite)).exp()


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """ln sum e^x over ``dim``, computed from the largest element so that nothing overflows.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: any; the result has the input's, float32 for integers.
    Raises: ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.logsumexp(tc.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
    """
    require_tensor("logsumexp", input=input)
    require_flag("logsumexp", keepdim=keepdim)
    return LogSumExp(normalize_dims("logsumexp", dim, input.ndim), keepdim).apply(floating("logsumexp", input))


class Norm(Reduction):
    """y = (sum |x|^p)^(1/p),  dx = dy sign(x) (|x| / y)^(p-1), and 0 where y = 0.

    p = 0 counts the nonzero elements; infinity takes the largest |x|, minus infinity the smallest, and shares dy
    equally among those that reach it.
    """

    def __init__(self, p: float, dims: tuple[int, ...], keepdim: bool) -> None:
        super().__init__(dims, keepdim)
        self.p = p

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        self.retain_output()
        return self.reduce(self._norm, x)

    def _norm(self, x: Any, axis: tuple[int, ...], keepdims: bool, out: Any) -> None:
        xp, p = self.xp, self.p
        if p == 0:
            out[...] = (x != 0).sum(axis=axis, keepdims=True)
        elif math.isinf(p):
            size = xp.abs(x)
            out[...] = _largest(xp, size, axis, 0) if p > 0 else size.min(axis=axis, keepdims=True)
        elif p == 1:
            out[...] = accurate_sum(xp, xp.abs(x), axis)
        elif p == 2:
            xp.sqrt(accurate_sum(xp, x * x, axis), out=out, casting="same_kind")
        else:
            out[...] = accurate_sum(xp, xp.abs(x) ** p, axis) ** (1 / p)

    def backward(self, dy: Any) -> Any:
        x, y = self.retained()
        dy, p = self.broadcast(dy), self.p
        if p == 0:
            return None
        if p == 1:
            return dy * x.sign()
        size = x.abs()
        if math.isinf(p):
            reached = cast(size == self.broadcast(y), dy.dtype)
            return dy * x.sign() * reached / self.broadcast(sum(reached, self.dims, keepdim=self.keepdim))
        none = y == 0
        y = self.broadcast(y.masked_fill(none, 1.0))
        repeated = self.xp.broadcast_to(none.array.reshape(self.kept()), x.shape)
        none = wrap(layout.copy(repeated, self.xp), x.device)
        if p == 2:
            return (dy * (x / y)).masked_fill(none, 0.0)
        power = (size.masked_fill(size == 0, 1.0) / y) ** (p - 1)
        return (dy * x.sign() * power).masked_fill(none, 0.0)

    def kept(self) -> tuple[int, ...]:
        return tuple(1 if dim in self.dims else size for dim, size in enumerate(self.source))


def norm(
    input: Tensor, p: Any = "fro", dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """(sum |x|^p)^(1/p) over ``dim``; its gradient at 0 is 0.

    ``p``: a number, infinity for the largest |x|, minus infinity for the smallest, 0 for the number of nonzero
    elements; "fro", the default, means 2.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: float32 or float64; the result has ``dtype``, by default the input's.
    Raises: ``DTypeError`` for other types, ``ArgumentError`` for another ``p``, ``UnsupportedError`` for "nuc".

    >>> tc.norm(tc.tensor([3.0, 4.0]))
    tensor(5.)
    """
    require_tensor("norm", input=input)
    input = as_floating("norm", as_floating("norm", input), dtype)
    if p == "nuc":
        raise UnsupportedError("norm: p='nuc' needs singular values, which are not offered")
    if p in (None, "fro"):
        p = 2
    if not is_number(p):
        raise ArgumentError(f"norm: p is a number or 'fro', got {p!r}")
    dims = normalize_dims("norm", dim, input.ndim)
    if p < 0 and not element_count("norm", input, dims):
        raise ArgumentError(f"norm: nothing to take the norm of, with p {p}, in a tensor of shape {input.shape}")
    require_flag("norm", keepdim=keepdim)
    return Norm(float(p), dims, keepdim).apply(input)
