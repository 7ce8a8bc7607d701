"""What every operation does with its operands first: common type, common shape, dimensions counted from either end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import Device, array_module
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError, ShapeError

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Number = bool | int | float
Dims = int | Sequence[int] | None


class Cast(Operation):
    """The same numbers in another type;  dx = dy, in the type of x."""

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype

    def forward(self, x: Any) -> Any:
        self.source = dtypes.from_numpy(x.dtype)
        result = layout.empty(x.shape, self.dtype.numpy, self.xp)
        # NaN has no integer; the value is unspecified, as in PyTorch, and NumPy's warning would say nothing more.
        with np.errstate(invalid="ignore"):
            result[...] = x
        return result

    def backward(self, dy: Tensor) -> Tensor:
        return cast(dy, self.source)


def cast(tensor: Tensor, dtype: DType) -> Tensor:
    """``tensor`` in type ``dtype``: itself if it has it already."""
    return tensor if tensor.dtype is dtype else Cast(dtype).apply(tensor)


def is_number(value: object) -> bool:
    """Whether ``value`` is a Python or NumPy number, which takes its type from the tensors beside it."""
    return isinstance(value, bool | int | float | np.number | np.bool_)


def wrap(array: Any, device: Device) -> Tensor:
    """A tensor over ``array``, which is the engine's own."""
    return TensorBase.wrap(array, device)  # type: ignore[return-value]


def constant(value: Any, dtype: DType, device: Device, wraps: bool = False) -> Tensor:
    """A tensor without dimensions, holding a number.

    An integer type drops the fraction. A number outside its range raises ``DTypeError``; if it ``wraps``, only one of
    more than 64 bits does, and others lose their higher bits.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if dtype.category == dtypes.INTEGER:
        value = _representable(value, dtype, wraps)
    try:
        # A number too large for float32 is infinite there, as in PyTorch.
        with np.errstate(over="ignore"):
            return wrap(array_module(device).asarray(value, dtype.numpy), device)
    except OverflowError:
        raise DTypeError(f"an integer of {value.bit_length()} bits is too large for a tensor of {dtype.name}") from None


def _representable(value: Number, dtype: DType, wraps: bool) -> int:
    limits = np.iinfo(dtype.numpy)
    lowest, highest = (-(2**63), 2**64 - 1) if wraps else (int(limits.min), int(limits.max))
    if dtype is dtypes.uint8 and not wraps:
        lowest = -highest  # PyTorch takes -1 for 255 wherever it takes a uint8
    if (isinstance(value, float) and not math.isfinite(value)) or not lowest <= int(value) <= highest:
        raise DTypeError(
            f"{dtype.name} holds the integers from {limits.min} to {limits.max}, which {value} is not among; "
            "convert the tensor to a type that holds it first, with .to(dtype)"
        )
    # Two's complement: the number modulo 2^bits, in the range of the type.
    return (int(value) - int(limits.min)) % 2 ** (8 * dtype.itemsize) + int(limits.min)


def common_dtype(name: str, values: Sequence[Any]) -> DType:
    """The type in which an operation on ``values`` (tensors and numbers) computes, by PyTorch's promotion."""
    dimensioned: list[DType] = []
    zero_dimensional: list[DType] = []
    numbers: list[Number] = []
    for value in values:
        if isinstance(value, TensorBase):
            (dimensioned if value.shape else zero_dimensional).append(value.dtype)
        elif is_number(value):
            numbers.append(value)
        else:
            raise DTypeError(f"{name}: an operand is a {type(value).__name__}; tensors and numbers can be combined")
    return dtypes.result_type(dimensioned, zero_dimensional, numbers)


def operands(name: str, *values: Any, dtype: DType | None = None, wraps: bool = True) -> tuple[Tensor, ...]:
    """``values`` as tensors of one type (``dtype``, or the promoted one) on the device of the first tensor.

    Numbers too large for an integer type wrap around, as its sums do, unless ``wraps`` is false.
    """
    dtype = dtype or common_dtype(name, values)
    device = next(value.device for value in values if isinstance(value, TensorBase))
    return tuple(
        cast(value, dtype) if isinstance(value, TensorBase) else constant(value, dtype, device, wraps)  # type: ignore[arg-type]
        for value in values
    )


def comparands(name: str, *values: Any) -> tuple[Tensor, ...]:
    """``operands`` for a comparison: integers are compared as numbers, in a type that holds them all.

    (PyTorch lets them wrap around first, so that no uint8 is greater than -1.)
    """
    dtype = common_dtype(name, values)
    if dtype.category != dtypes.INTEGER:
        return operands(name, *values, dtype=dtype)
    for value in values:
        if isinstance(value, TensorBase):
            dtype = dtypes.promote_types(dtype, value.dtype)
    limits = np.iinfo(dtype.numpy)
    if not all(isinstance(value, TensorBase) or limits.min <= value <= limits.max for value in values):
        dtype = dtypes.int64
    return operands(name, *values, dtype=dtype, wraps=False)


def floating(tensor: Tensor) -> Tensor:
    """``tensor`` itself if it is floating-point, else as float32."""
    return tensor if tensor.dtype.is_floating_point else cast(tensor, dtypes.float32)


def clamped_dtype(name: str, input: Tensor, low: Number | None, high: Number | None) -> DType:
    """The type of ``input`` between bounds, of which at least one must be given."""
    if low is None and high is None:
        raise ArgumentError(f"{name}: give at least one of min and max")
    return common_dtype(name, [input, *(bound for bound in (low, high) if bound is not None)])


def check_exponent(name: str, base: DType, exponent: Tensor | Number) -> None:
    """Raise ``ArgumentError`` for a negative power of integers; a number is asked before it wraps around in uint8."""
    values = exponent.array if isinstance(exponent, TensorBase) else exponent
    if not base.is_floating_point and np.less(values, 0).any():
        raise ArgumentError(f"{name}: integers cannot be raised to negative powers; convert to float first")


def check_negatable(name: str, input: Tensor) -> None:
    """Raise ``DTypeError`` for truth values, which have no negative."""
    if input.dtype is dtypes.bool_:
        raise DTypeError(f"{name}: a bool tensor has no negative; invert it with ~ or logical_not()")


def broadcast_shape(name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape, aligned at the last dimension. Raises ``ShapeError``."""
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"{name}: shapes {' and '.join(map(str, shapes))} cannot be broadcast together; aligned at the last "
            "dimension, sizes must be equal or 1"
        ) from None


def normalize_dim(name: str, dim: int, ndim: int) -> int:
    """``dim`` counted from the front. Raises ``DimensionError`` outside [-ndim, ndim - 1]."""
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise DimensionError(
            f"{name}: dimension {dim} is outside [{-max(ndim, 1)}, {max(ndim, 1) - 1}], the range of a "
            f"{ndim}-dimensional tensor"
        )
    return dim % ndim if ndim else 0


def normalize_dims(name: str, dims: Dims, ndim: int) -> tuple[int, ...]:
    """Several dimensions counted from the front, sorted; ``None`` (or none) stands for all of them."""
    if dims is None:
        return tuple(range(ndim))
    given = (dims,) if isinstance(dims, int) else tuple(dims)
    if not given:
        return tuple(range(ndim))
    found = [normalize_dim(name, dim, ndim) for dim in given] if ndim else []
    if len(set(found)) != len(found):
        raise DimensionError(f"{name}: dimension {dims} names the same dimension twice")
    return tuple(sorted(found))
