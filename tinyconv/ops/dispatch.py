"""What every operation does with its operands first: common type, common shape, dimensions counted from either end."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import CPU, Device, array_module
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError, ShapeError

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Number = bool | int | float
Dims = int | Sequence[int] | None


class Cast(Operation):
    """The same numbers in another type;  dx = dy, in the type of x."""

    def __init__(self, dtype: DType) -> None:
        if not isinstance(dtype, DType):
            raise DTypeError(f"dtype must be a type of tinyconv's, such as tinyconv.float32, got {dtype!r}")
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

    An integer type drops the fraction. A number outside the range of the type raises ``DTypeError``; if it ``wraps``,
    only an integer of more than 64 bits does: others lose their higher bits, and a float becomes infinite.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if dtype.category == dtypes.INTEGER:
        value = _representable(value, dtype, wraps)
    try:
        with np.errstate(over="ignore"):
            array: Any = np.asarray(value, dtype.numpy)
    except OverflowError:
        raise DTypeError(f"an integer of {value.bit_length()} bits is too large for a tensor of {dtype.name}") from None
    if not wraps and dtype is dtypes.float32 and np.isinf(array) and not math.isinf(value):
        raise DTypeError(f"float32 reaches to 3.4e38, which {value} is beyond; use a tensor of float64, with .double()")
    if device.type != "cpu":
        xp = array_module(device)
        array = xp.full((), array[()], dtype.numpy)  # filled by a kernel: nothing is copied, nobody waits
    return wrap(array, device)


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
            raise DTypeError(
                f"{name}: an operand is a {type(value).__name__}; tensors and Python or NumPy numbers can be combined, "
                "and tensor() makes one of a list or an array"
            )
    return dtypes.result_type(dimensioned, zero_dimensional, numbers)


def operands(name: str, *values: Any, dtype: DType | None = None, wraps: bool = True) -> tuple[Tensor, ...]:
    """``values`` as tensors of one type (``dtype``, or the promoted one) on the device of the first tensor.

    Numbers too large for an integer type wrap around, as its sums do, unless ``wraps`` is false.
    """
    dtype = dtype or common_dtype(name, values)
    device = next((value.device for value in values if isinstance(value, TensorBase)), CPU)
    return tuple(
        cast(value, dtype) if isinstance(value, TensorBase) else constant(value, dtype, device, wraps)  # type: ignore[arg-type]
        for value in values
    )


def require_tensor(name: str, **arguments: Any) -> None:
    """Raise ``DTypeError`` for an argument that is not a tensor."""
    for argument, value in arguments.items():
        if not isinstance(value, TensorBase):
            raise DTypeError(
                f"{name}: {argument} must be a tensor, got {type(value).__name__} {value!r:.60}; tensor({argument}) "
                "makes one"
            )


def require_number(name: str, **arguments: Any) -> None:
    """Raise ``ArgumentError`` for an argument that is not a number."""
    for argument, value in arguments.items():
        if not is_number(value):
            raise ArgumentError(f"{name}: {argument} must be a number, got {type(value).__name__} {value!r:.60}")


def require_flag(name: str, **arguments: Any) -> None:
    """Raise ``ArgumentError`` for an argument that is neither True nor False.

    ``x.sum(2, 3)`` would otherwise sum over one dimension and take the second for ``keepdim``.
    """
    for argument, value in arguments.items():
        if not isinstance(value, bool | np.bool_):
            raise ArgumentError(
                f"{name}: {argument} is True or False, got {value!r:.60}; several dimensions go into a tuple, as (2, 3)"
            )


def require_one_tensor(name: str, *values: Any) -> None:
    """Raise ``DTypeError`` if all of ``values`` are numbers, which Python combines by itself."""
    if all(is_number(value) for value in values):
        raise DTypeError(f"{name}: at least one operand must be a tensor, got the numbers {values}")


def refuse_bool(name: str, dtype: DType, way_out: str = "convert it first, with .to(tinyconv.uint8)") -> None:
    """Raise ``DTypeError`` for truth values, with which one does not calculate."""
    if dtype is dtypes.bool_:
        raise DTypeError(f"{name}: is not defined on bool tensors; {way_out}")


def floating(name: str, input: Any) -> Tensor:
    """``input`` itself if it is a floating-point tensor; one of another type as float32."""
    require_tensor(name, input=input)
    tensor: Tensor = input
    return tensor if tensor.dtype.is_floating_point else cast(tensor, dtypes.float32)


def floating_operands(name: str, *values: Any) -> tuple[Tensor, ...]:
    """``operands`` in their promoted type if that is floating-point, else in float32."""
    dtype = common_dtype(name, values)
    return operands(name, *values, dtype=dtype if dtype.is_floating_point else dtypes.float32)


def weight_of(condition: Any, like: Tensor) -> Tensor:
    """1 where ``condition``, an array of truth values, holds, else 0: what a cotangent is multiplied by."""
    xp = array_module(like.device)
    return wrap(layout.ordered(xp.asarray(condition, like.array.dtype), xp), like.device)


def one_number(name: str, value: Any, input: Tensor) -> Number:
    """``value`` as a number that the type of ``input`` takes; a tensor without dimensions is converted to it."""
    if isinstance(value, TensorBase):
        if value.shape:
            raise ShapeError(f"{name}: the value is a number or a tensor without dimensions, got shape {value.shape}")
        number: Number = cast(value.detach(), input.dtype).array.item()
        return number
    require_number(name, value=value)
    checked: Number = value
    return checked


def refuse_other_types(name: str, input: Tensor, **others: Any) -> None:
    """Raise ``DTypeError`` for a tensor that is not of the type of ``input``."""
    for argument, tensor in others.items():
        if tensor.dtype is not input.dtype:
            raise DTypeError(
                f"{name}: input is {input.dtype.name} and {argument} {tensor.dtype.name}; they must have one type, "
                "convert with .to(dtype)"
            )


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
    if not isinstance(dim, int | np.integer) or isinstance(dim, bool):
        raise ArgumentError(f"{name}: a dimension is a whole number, got {dim!r}")
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
    given: tuple[Any, ...] = (dims,)
    if isinstance(dims, Sequence) and not isinstance(dims, str):  # type: ignore[unreachable]
        given = tuple(dims)
    if not given:
        return tuple(range(ndim))
    found = [normalize_dim(name, dim, ndim) for dim in given]
    if len(set(found)) != len(found):
        raise DimensionError(f"{name}: dimension {dims} names the same dimension twice")
    return tuple(sorted(found)) if ndim else ()


def size_tuple(name: str, sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """``f(2, 3)`` and ``f((2, 3))`` mean the same: whole numbers, or tensors of one."""
    if len(sizes) == 1 and isinstance(sizes[0], Sequence) and not isinstance(sizes[0], str):
        sizes = tuple(sizes[0])
    try:
        return tuple(map(operator.index, sizes))
    except TypeError:
        raise ArgumentError(f"{name}: takes whole numbers, one by one or in a sequence, got {sizes}") from None


def check_factors(name: str, *factors: Any) -> None:
    """Raise ``DTypeError`` unless all are tensors of one type that can be multiplied."""
    for factor in factors:
        if not isinstance(factor, TensorBase):
            raise DTypeError(f"{name}: takes tensors, got {type(factor).__name__}")
    first = factors[0].dtype
    if any(factor.dtype is not first for factor in factors):
        raise DTypeError(
            f"{name}: takes tensors of one type, got {' and '.join(factor.dtype.name for factor in factors)}; convert "
            "one with .to()"
        )
    if first is dtypes.bool_:
        raise DTypeError(f"{name}: bool tensors have no products; convert them with .float() or .long()")


def require_whole(name: str, **arguments: Any) -> None:
    """Raise ``ArgumentError`` for an argument that is not a whole number."""
    for argument, value in arguments.items():
        if not isinstance(value, int):
            try:
                operator.index(value)
            except TypeError:
                raise ArgumentError(f"{name}: {argument} must be a whole number, got {value!r}") from None
