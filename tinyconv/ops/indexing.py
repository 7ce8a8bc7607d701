"""Reading and writing parts of a tensor.

Slices and integers give views; lists, index tensors and masks give copies, as in NumPy and PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError, ShapeError
from tinyconv.ops.dispatch import cast, constant, is_number, normalize_dim, wrap
from tinyconv.ops.shape import reduce_to

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class GetItem(Operation):
    """y = x[index];  dx is zero, with dy added at the index (an element taken twice receives both)."""

    def __init__(self, index: Any, is_basic: bool) -> None:
        self.index = index
        self.makes_view = is_basic  # type: ignore[misc]

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        result = x[self.index]
        return result if self.makes_view else layout.ordered(self.xp.asarray(result), self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return _AddAt(self.source, self.index, self.makes_view).apply(dy)


class _AddAt(Operation):
    """y is zero, with x added at the index: the transpose of indexing;  dx = dy[index]."""

    def __init__(self, shape: tuple[int, ...], index: Any, is_basic: bool) -> None:
        self.shape, self.index, self.is_basic = shape, index, is_basic

    def forward(self, x: Any) -> Any:
        result = layout.zeros(self.shape, x.dtype, self.xp)
        if self.is_basic:
            result[self.index] = x
        else:
            self.xp.add.at(result, self.index, x)
        return result

    def backward(self, dy: Tensor) -> Tensor:
        return GetItem(self.index, self.is_basic).apply(dy)


class SetItem(Operation):
    """y = x with x[index] replaced by v;  dx = dy with zeros there, dv = dy[index]."""

    def __init__(self, index: Any, is_basic: bool) -> None:
        self.index, self.is_basic = index, is_basic

    def forward(self, x: Any, value: Any) -> Any:
        self.value_shape = value.shape
        result = layout.copy(x, self.xp)
        result[self.index] = value
        return result

    def backward(self, dy: Tensor) -> Any:
        zero = constant(0, dy.dtype, dy.device)
        dx = SetItem(self.index, self.is_basic).apply(dy, zero) if self.needs_input_gradient[0] else None
        dvalue = None
        if self.needs_input_gradient[1]:
            dvalue = reduce_to(GetItem(self.index, self.is_basic).apply(dy), self.value_shape)
        return dx, dvalue


class TakeAlong(Operation):
    """y = x at an index for each element of the result, along one dimension;  dx has dy added at those."""

    def __init__(self, index: Any, dim: int) -> None:
        self.index, self.dim = index, dim

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return layout.ordered(self.xp.take_along_axis(x, self.index, self.dim), self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return _AddAt(self.source, _grid(self.index, self.dim), False).apply(dy)


def get_item(input: Tensor, index: Any) -> Tensor:
    """``input[index]``."""
    plain, is_basic = _plain_index(input, index)
    return GetItem(plain, is_basic).apply(input)


def set_item(input: Tensor, index: Any, value: Any) -> None:
    """``input[index] = value``, in place; recorded if a gradient may be asked for."""
    plain, is_basic = _plain_index(input, index)
    if is_number(value):
        value = constant(value, input.dtype, input.device)
    elif not isinstance(value, TensorBase):
        value = wrap(np.asarray(value, input.dtype.numpy), input.device)
    value = cast(value, input.dtype)
    try:
        np.broadcast_to(np.empty(value.shape, np.bool_), input.array[plain].shape)
    except ValueError:
        raise ShapeError(
            f"x[index] = value: the value has shape {value.shape}, the indexed part of x has {input.array[plain].shape}"
        ) from None
    if is_grad_enabled() and (input.requires_grad or value.requires_grad):
        SetItem(plain, is_basic).apply_in_place(input, value, name="x[index] = value")
    else:
        input.check_writable("x[index] = value")
        input.array[plain] = value.array
        input.bump_version()


def take_along_dim(input: Tensor, indices: Tensor, dim: int) -> Tensor:
    """The elements at ``indices`` (int64, same number of dimensions) along ``dim``."""
    dim = normalize_dim("take_along_dim", dim, input.ndim)
    if indices.dtype is not dtypes.int64 or indices.ndim != input.ndim:
        raise ArgumentError(
            f"take_along_dim: indices must be int64 with {input.ndim} dimensions, got {indices.dtype.name} with "
            f"{indices.ndim}"
        )
    return TakeAlong(indices.array.copy(), dim).apply(input)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """y[i][j] = x[index[i][j]][j] for ``dim`` 0, and so on; ``index`` may be smaller than ``input`` elsewhere."""
    dim = normalize_dim("gather", dim, input.ndim)
    if any(index.shape[i] > size for i, size in enumerate(input.shape) if i != dim) or index.ndim != input.ndim:
        raise ShapeError(
            f"gather: the index, {index.shape}, must fit inside the tensor, {input.shape}, but along {dim}"
        )
    if index.array.size and (index.array.min() < 0 or index.array.max() >= input.shape[dim]):
        raise DimensionError(f"gather: an index is outside 0 ... {input.shape[dim] - 1}, the range of dimension {dim}")
    return GetItem(_grid(index.array.copy(), dim), False).apply(input)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices ``index`` (1-D, integers) along ``dim``, as a copy."""
    dim = normalize_dim("index_select", dim, input.ndim)
    return get_item(input, (*(slice(None),) * dim, index))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A view of ``length`` slices from ``start`` along ``dim``."""
    dim = normalize_dim("narrow", dim, input.ndim)
    if start < 0 or length < 0 or start + length > input.shape[dim]:
        raise DimensionError(
            f"narrow: {start} + {length} slices do not lie within dimension {dim} of size {input.shape[dim]}"
        )
    return get_item(input, (*(slice(None),) * dim, slice(start, start + length)))


def _grid(index: Any, dim: int) -> tuple[Any, ...]:
    """Advanced indices that pick ``index`` along ``dim`` and every position in order along the others."""
    positions = list(np.ogrid[tuple(slice(size) for size in index.shape)])
    positions[dim] = index
    return tuple(positions)


def _plain_index(input: Tensor, index: Any) -> tuple[Any, bool]:
    """The index with tensors replaced by arrays, and whether it is basic (gives a view). Raises ``DimensionError``."""
    parts = index if isinstance(index, tuple) else (index,)
    plain = tuple(_plain_part(part) for part in parts)
    basic = all(part is None or part is Ellipsis or isinstance(part, int | slice) for part in plain)
    if basic and Ellipsis not in plain:
        # Without it, NumPy gives a number instead of a view where every dimension has its integer.
        plain = (*plain, Ellipsis)
    try:
        # Checked on an empty stand-in that takes no memory: NumPy's own rules, without moving an element.
        np.broadcast_to(np.empty((), np.bool_), input.shape)[plain]
    except IndexError as error:
        raise DimensionError(f"index {index!r} does not fit a tensor of shape {input.shape}: {error}") from None
    return plain, basic


def _plain_part(part: Any) -> Any:
    if isinstance(part, bool):
        return np.asarray(part)
    if isinstance(part, np.integer):
        return int(part)
    if isinstance(part, TensorBase):
        if part.dtype.is_floating_point:
            raise DTypeError(f"a tensor of {part.dtype.name} cannot be an index; use integers or a bool mask")
        # A copy: backward must not see what the caller writes into the index later.
        return (
            part.array.copy() if part.shape else (bool(part.array) if part.dtype is dtypes.bool_ else int(part.array))
        )
    if isinstance(part, slice):
        bounds = (part.start, part.stop, part.step)
        start, stop, step = (int(bound.array) if isinstance(bound, TensorBase) else bound for bound in bounds)
        if step is not None and step <= 0:
            raise ArgumentError(f"a slice's step must be positive, got {step}; use flip() to reverse")
        return slice(start, stop, step)
    if isinstance(part, list | range):
        array = np.asarray([value.array.item() if isinstance(value, TensorBase) else value for value in part])
        return array if array.size else array.astype(np.int64)
    return part.copy() if isinstance(part, np.ndarray) else part
