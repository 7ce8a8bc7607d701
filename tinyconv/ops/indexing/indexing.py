"""Reading and writing parts of a tensor with ``x[index]``.

Slices and integers give views; lists, index tensors and masks give copies, as in NumPy and PyTorch. Like PyTorch, and
unlike NumPy, an integer beside an index tensor is no index tensor itself: its dimension goes first, and the place of
the result's new dimensions is decided without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import DTypeError, ShapeError
from tinyconv.core.transfer import placed
from tinyconv.ops.creation.new_arrays import array_of
from tinyconv.ops.dispatch import cast, constant, is_number, wrap
from tinyconv.ops.indexing.positions import Index, parse
from tinyconv.ops.shape.shape import reduce_to, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class GetItem(Operation):
    """y = x[index];  dx is zero, with dy added at the index (an element taken twice receives both)."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.makes_view = index.advanced is None  # type: ignore[misc]

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        result = self.index.read(x)
        return result if self.makes_view else layout.ordered(self.xp.asarray(result), self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return PutInZeros(self.source, self.index).apply(dy)


class PutInZeros(Operation):
    """y is zero, with x added at the index: the transpose of indexing;  dx = dy[index]."""

    def __init__(self, shape: tuple[int, ...], index: Index) -> None:
        self.shape, self.index = shape, index

    def forward(self, x: Any) -> Any:
        result = layout.zeros(self.shape, x.dtype, self.xp)
        if self.index.is_unique:
            self.index.write(self.device, result, x)
        else:
            self.index.add(self.device, result, x)
        return result

    def backward(self, dy: Tensor) -> Tensor:
        return GetItem(self.index).apply(dy)


class SetItem(Operation):
    """y = x with x[index] replaced by v;  dx = dy with zeros there, dv = dy[index]."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def forward(self, x: Any, value: Any) -> Any:
        self.value_shape = value.shape
        result = layout.copy(x, self.xp)
        self.index.write(self.device, result, value)
        return result

    def backward(self, dy: Tensor) -> Any:
        zero = constant(0, dy.dtype, dy.device)
        dx = SetItem(self.index).apply(dy, zero) if self.needs_input_gradient[0] else None
        dvalue = None
        if self.needs_input_gradient[1]:
            dvalue = reduce_to(GetItem(self.index).apply(dy), self.value_shape)
        return dx, dvalue


class AddItem(Operation):
    """y = x with v added at x[index];  dx = dy, dv = dy[index]."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def forward(self, x: Any, value: Any) -> Any:
        self.value_shape = value.shape
        result = layout.copy(x, self.xp)
        self.index.add(self.device, result, value)
        return result

    def backward(self, dy: Tensor) -> Any:
        needs = self.needs_input_gradient
        dvalue = reduce_to(GetItem(self.index).apply(dy), self.value_shape) if needs[1] else None
        return dy if needs[0] else None, dvalue


def get_item(input: Tensor, index: Any) -> Tensor:
    """``input[index]``: a view for integers, slices, ``None`` and ``...``; a copy with lists, index tensors or masks.

    Shape: any; the result's follows NumPy's rules, with integers applied first.
    Dtype: any; the result has the input's. Indices are int64 or int32, masks bool.
    Raises: ``DimensionError`` for an index out of range or too many of them, ``DTypeError`` for what is no index,
        ``ArgumentError`` for a slice whose step is not positive.

    >>> x = tc.arange(6).reshape(2, 3)
    >>> x[:, [2, 0]], x[x > 3]
    (tensor([[2, 0],
            [5, 3]]), tensor([4, 5]))
    """
    return GetItem(parse(input.shape, index, input.device)).apply(input)


def set_item(input: Tensor, index: Any, value: Any) -> None:
    """``input[index] = value``, in place; recorded if a gradient may be asked for.

    Shape: the value broadcasts to the indexed part.
    Dtype: any; numbers take the input's, and so do tensors unless the index holds index tensors or masks.
    Raises: as ``get_item``; ``ShapeError`` if the value does not fit, ``DTypeError`` for one of another type or for
        what holds no numbers.

    >>> x = tc.zeros(3)
    >>> x[1:] = tc.tensor([5.0, 6.0])
    >>> x
    tensor([0., 5., 6.])
    """
    place = parse(input.shape, index, input.device)
    if is_number(value):
        value = constant(value, input.dtype, input.device)
    elif not isinstance(value, TensorBase):
        value = wrap(placed(array_of(value, input.dtype), input.device), input.device)
    elif place.advanced is not None and value.dtype is not input.dtype:
        raise DTypeError(
            f"x[index] = value: with index tensors or masks both need one type, x has {input.dtype.name} and the value "
            f"{value.dtype.name}; convert it with .to(x.dtype)"
        )
    value = cast(value, input.dtype)
    part = place.read_shape(input.shape)
    extra = value.ndim - len(part)
    if extra > 0 and all(size == 1 for size in value.shape[:extra]):
        value = reshape(value, value.shape[extra:])
    fits = value.ndim <= len(part) and all(
        own in (1, size) for own, size in zip(value.shape[::-1], part[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(f"x[index] = value: the value has shape {value.shape}, the indexed part of x has {part}")
    if is_grad_enabled() and (input.requires_grad or value.requires_grad):
        SetItem(place).apply_in_place(input, value, name="x[index] = value")
    else:
        input.check_writable("x[index] = value")
        # The value may lie in the memory that is written.
        numbers = value.array
        if value.storage is input.storage:
            numbers = layout.copy(numbers, array_module(value.device))
        place.write(input.device, input.array, numbers)
        input.bump_version()
