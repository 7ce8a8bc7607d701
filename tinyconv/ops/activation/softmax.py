"""Softmax and its kin: positive numbers that sum to 1 along a dimension, and their logarithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.ops.dispatch import cast, normalize_dim
from tinyconv.ops.images import require_floating

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Softmax(Operation):
    """y_i = e^(x_i) / sum_j e^(x_j) along a dimension;  dx = y (dy - sum_j dy_j y_j)."""

    kind = "softmax"

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        self.retain_output()
        y = layout.empty(x.shape, x.dtype, self.xp)
        with np.errstate(all="ignore"):  # of infinities; NaN is a result like any other
            self.xp.subtract(x, _maximum(self.xp, x, self.dim), out=y)
            self.xp.exp(y, out=y)
            y /= y.sum(axis=self.dim, keepdims=True)
        return y

    def backward(self, dy: Tensor) -> Any:
        y = self.retained()
        return y * (dy - (dy * y).sum(self.dim, keepdim=True))


class LogSoftmax(Operation):
    """y_i = x_i - log sum_j e^(x_j) along a dimension;  dx = dy - e^y sum_j dy_j."""

    kind = "log_softmax"

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        self.retain_output()
        y = layout.empty(x.shape, x.dtype, self.xp)
        with np.errstate(all="ignore"):
            self.xp.subtract(x, _maximum(self.xp, x, self.dim), out=y)
            y -= self.xp.log(self.xp.exp(y).sum(axis=self.dim, keepdims=True))
        return y

    def backward(self, dy: Tensor) -> Any:
        y = self.retained()
        return dy - y.exp() * dy.sum(self.dim, keepdim=True)


def softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """e^(x_i) / sum_j e^(x_j) along dimension ``dim``: positive, with sum 1.

    ``dim`` must be stated (PyTorch guesses one, and warns). ``dtype``: convert ``input`` first.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has ``dtype``, or the input's.
    Raises: ``ArgumentError`` without ``dim``; ``DimensionError``; ``DTypeError`` for other types.
    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    >>> F.softmax(tc.tensor([[0.0, 0.0], [1000.0, 0.0]]), dim=1)
    tensor([[0.5, 0.5],
            [1. , 0. ]])
    """
    input, dim = _prepared("softmax", input, dim, dtype)
    result: Tensor = Softmax(dim).apply(input)
    return result


def softmin(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """e^(-x_i) / sum_j e^(-x_j) along dimension ``dim``: the softmax of -x.

    ``dim`` must be stated. ``dtype``: convert ``input`` first.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has ``dtype``, or the input's.
    Raises: ``ArgumentError`` without ``dim``; ``DimensionError``; ``DTypeError`` for other types.

    >>> F.softmin(tc.tensor([0.0, 1000.0]), dim=0)
    tensor([1., 0.])
    """
    input, dim = _prepared("softmin", input, dim, dtype)
    result: Tensor = Softmax(dim).apply(-input)
    return result


def log_softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """x_i - ln sum_j e^(x_j) along dimension ``dim``: ln softmax(x), without overflow or cancellation.

    ``dim`` must be stated. ``dtype``: convert ``input`` first.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has ``dtype``, or the input's.
    Raises: ``ArgumentError`` without ``dim``; ``DimensionError``; ``DTypeError`` for other types.

    >>> F.log_softmax(tc.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    input, dim = _prepared("log_softmax", input, dim, dtype)
    result: Tensor = LogSoftmax(dim).apply(input)
    return result


def _prepared(name: str, input: Tensor, dim: int | None, dtype: DType | None) -> tuple[Tensor, int]:
    if not isinstance(input, TensorBase):
        raise DTypeError(f"{name}: input must be a tensor, got {type(input).__name__}; see tensor()")
    if dim is None:
        raise ArgumentError(f"{name}: state the dimension that sums to 1, such as dim=1 for input {input.shape}")
    if dtype is not None:
        input = cast(input, dtype)
    require_floating(name, input=input)
    return input, normalize_dim(name, dim, len(input.shape))


def _maximum(xp: Any, x: Any, dim: int) -> Any:
    """The maximum along ``dim``, subtracted so that no exponential overflows."""
    return x.max(axis=dim, keepdims=True) if x.size else xp.zeros_like(x)
