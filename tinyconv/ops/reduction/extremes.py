"""Largest and smallest elements, and their positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.errors import DTypeError, ShapeError
from tinyconv.ops.dispatch import Dims, cast, constant, normalize_dim, normalize_dims, require_flag, require_tensor
from tinyconv.ops.reduction.found import MinAndMax, ValuesAndIndices, along_dim
from tinyconv.ops.reduction.reduction import Reduction, sum
from tinyconv.ops.shape.shape import reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Extreme(Reduction):
    """y = the largest (or smallest) x;  dx shares dy equally among the elements that reach it."""

    def __init__(self, function: str, dims: tuple[int, ...], keepdim: bool) -> None:
        super().__init__(dims, keepdim)
        self.function = function

    @property
    def name(self) -> str:
        return self.function

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        self.retain_output()
        return self.reduce(getattr(self.xp, self.function), x)

    def backward(self, dy: Tensor) -> Tensor:
        x, y = self.retained()
        reached = cast(x == self.broadcast(y), dy.dtype)
        count = sum(reached, self.dims, keepdim=self.keepdim)
        return self.broadcast(dy / count) * reached


class Position(Operation):
    """The index of the first extreme element; of NaN, if there is one."""

    def __init__(self, function: str, dim: int | None, keepdim: bool) -> None:
        self.function, self.dim, self.keepdim = function, dim, keepdim

    def forward(self, x: Any) -> Any:
        found = getattr(self.xp, self.function)(x, axis=self.dim, keepdims=self.keepdim)
        return layout.ordered(self.xp.asarray(found, np.int64), self.xp)


def _extreme(name: str, input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Any:
    require_flag(name, keepdim=keepdim)
    if any(input.shape[dim] == 0 for dim in dims):
        raise ShapeError(f"{name}: a tensor of shape {input.shape} has no elements to compare along {dims}")
    return Extreme(name.removeprefix("a"), dims, keepdim).apply(input)


def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest element over ``dim`` (all dimensions by default); NaN wins. Ties share the gradient equally.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` if there is nothing to compare, ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([[1, 5], [7, 2]]).amax(0)
    tensor([7, 5])
    """
    require_tensor("amax", input=input)
    return _extreme("amax", input, normalize_dims("amax", dim, input.ndim), keepdim)


def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The smallest element over ``dim`` (all dimensions by default); NaN wins. Ties share the gradient equally.

    Shape: any; the dimensions go, or have size 1 with ``keepdim``.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` if there is nothing to compare, ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([[1, 5], [7, 2]]).amin(0)
    tensor([1, 2])
    """
    require_tensor("amin", input=input)
    return _extreme("amin", input, normalize_dims("amin", dim, input.ndim), keepdim)


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinAndMax:
    """``amin`` and ``amax``, as (min, max).

    Shape: any; the dimension goes, or has size 1 with ``keepdim``.
    Dtype: any; the results have the input's.
    Raises: ``ShapeError`` if there is nothing to compare, ``DimensionError`` for a dimension out of range.

    >>> smallest, largest = tc.tensor([3, 1, 2]).aminmax()
    >>> smallest, largest
    (tensor(1), tensor(3))
    """
    require_tensor("aminmax", input=input)
    dims = normalize_dims("aminmax", dim, input.ndim)
    return MinAndMax(*(_extreme(name, input, dims, keepdim) for name in ("amin", "amax")))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the first largest element along ``dim``, or in the tensor read as one row; NaN counts as largest.

    Shape: any; the dimension (by default, all) goes, or has size 1 with ``keepdim``.
    Dtype: any but bool; the result is int64.
    Raises: ``ShapeError`` if there is nothing to compare, ``DTypeError`` for bool.

    >>> tc.tensor([[1, 5], [7, 2]]).argmax(1)
    tensor([1, 0])
    """
    require_tensor("argmax", input=input)
    return _position("argmax", input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the first smallest element along ``dim``, or in the tensor read as one row; NaN counts as such.

    Shape: any; the dimension (by default, all) goes, or has size 1 with ``keepdim``.
    Dtype: any but bool; the result is int64.
    Raises: ``ShapeError`` if there is nothing to compare, ``DTypeError`` for bool.

    >>> tc.tensor([[1, 5], [7, 2]]).argmin()
    tensor(0)
    """
    require_tensor("argmin", input=input)
    return _position("argmin", input, dim, keepdim)


def _position(name: str, input: Tensor, dim: int | None, keepdim: bool) -> Any:
    require_flag(name, keepdim=keepdim)
    if input.dtype is dtypes.bool_:
        raise DTypeError(f"{name}: bool elements have no order of size; convert them with .long() first")
    dims = tuple(range(input.ndim)) if dim is None else (normalize_dim(name, dim, input.ndim),)[: input.ndim]
    if any(input.shape[index] == 0 for index in dims):
        raise ShapeError(f"{name}: a tensor of shape {input.shape} has no elements to compare")
    return Position(name, None if dim is None or input.ndim == 0 else dims[0], keepdim).apply(input)


def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The largest element; with an int ``dim``, (values, indices) along it; with a tensor, the elementwise maximum.

    NaN wins. Of all elements, ties share the gradient equally; along a dimension the index that is returned has it.

    Shape: any; the dimension (by default, all) goes, or has size 1 with ``keepdim``; two tensors broadcast.
    Dtype: any; the values have the input's, the indices are int64.
    Raises: ``ShapeError`` if there is nothing to compare, ``DimensionError`` for a dimension out of range.

    >>> values, indices = tc.tensor([[1, 5], [7, 2]]).max(1)
    >>> values, indices
    (tensor([5, 7]), tensor([1, 0]))
    """
    require_tensor("max", input=input)
    return _three_forms("max", input, other if dim is None else dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The smallest element; with an int ``dim``, (values, indices) along it; with a tensor, the elementwise minimum.

    NaN wins. Of all elements, ties share the gradient equally; along a dimension the index that is returned has it.

    Shape: any; the dimension (by default, all) goes, or has size 1 with ``keepdim``; two tensors broadcast.
    Dtype: any; the values have the input's, the indices are int64.
    Raises: ``ShapeError`` if there is nothing to compare, ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([1, 5]).min(tc.tensor([3, 3]))
    tensor([1, 3])
    """
    require_tensor("min", input=input)
    return _three_forms("min", input, other if dim is None else dim, keepdim)


def _three_forms(name: str, input: Any, dim: Any, keepdim: bool) -> Any:
    if dim is None:
        return _extreme(name, input, tuple(range(input.ndim)), False)
    if isinstance(dim, TensorBase):
        return input.maximum(dim) if name == "max" else input.minimum(dim)
    require_flag(name, keepdim=keepdim)
    dim = normalize_dim(name, dim, input.ndim)
    if input.ndim == 0:
        return ValuesAndIndices(reshape(input, ()), constant(0, dtypes.int64, input.device))
    if input.shape[dim] == 0:
        raise ShapeError(f"{name}: a tensor of shape {input.shape} has no elements to compare along dimension {dim}")
    return along_dim(input, Position("arg" + name, dim, True).apply(input), dim, keepdim)
