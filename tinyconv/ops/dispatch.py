"""What every operation does with its operands first: common type, common shape, dimensions counted from either end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import Device, array_module
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import DimensionError, DTypeError, ShapeError

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


def constant(value: Any, dtype: DType, device: Device) -> Tensor:
    """A tensor without dimensions, holding a number."""
    return wrap(array_module(device).asarray(value, dtype.numpy), device)


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


def operands(name: str, *values: Any, dtype: DType | None = None) -> tuple[Tensor, ...]:
    """``values`` as tensors of one type (``dtype``, or the promoted one) on the device of the first tensor."""
    dtype = dtype or common_dtype(name, values)
    device = next(value.device for value in values if isinstance(value, TensorBase))
    return tuple(
        cast(value, dtype) if isinstance(value, TensorBase) else constant(value, dtype, device)  # type: ignore[arg-type]
        for value in values
    )


def floating(tensor: Tensor) -> Tensor:
    """``tensor`` itself if it is floating-point, else as float32."""
    return tensor if tensor.dtype.is_floating_point else cast(tensor, dtypes.float32)


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
