"""The forms of operations that write their result into their first operand, and what ``inplace=True`` means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import DTypeError, ShapeError
from tinyconv.ops import arithmetic, elementwise, indexing
from tinyconv.ops.dispatch import (
    Number,
    broadcast_shape,
    cast,
    check_exponent,
    check_negatable,
    clamped_dtype,
    constant,
    is_number,
)

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def add_(input: Tensor, other: Any, *, alpha: Number = 1) -> Tensor:
    """x becomes x + alpha y."""
    return _in_place(input, "add_", arithmetic.Add(), other if alpha == 1 else arithmetic.mul(other, alpha))


def sub_(input: Tensor, other: Any, *, alpha: Number = 1) -> Tensor:
    """x becomes x - alpha y."""
    return _in_place(input, "sub_", arithmetic.Subtract(), other if alpha == 1 else arithmetic.mul(other, alpha))


def mul_(input: Tensor, other: Any) -> Tensor:
    """x becomes x y."""
    return _in_place(input, "mul_", arithmetic.Multiply(), other)


def div_(input: Tensor, other: Any) -> Tensor:
    """x becomes x / y."""
    if not input.dtype.is_floating_point:
        raise DTypeError(f"div_: the quotient is a fraction, which a tensor of {input.dtype.name} cannot hold")
    return _in_place(input, "div_", arithmetic.Divide(), other)


def pow_(input: Tensor, exponent: Number) -> Tensor:
    """x becomes x^exponent."""
    check_exponent("pow_", input.dtype, exponent)
    return _in_place(input, "pow_", arithmetic.Power(), exponent)


def neg_(input: Tensor) -> Tensor:
    """x becomes -x."""
    check_negatable("neg_", input)
    return elementwise.Negate().apply_in_place(input, name="neg_")


def exp_(input: Tensor) -> Tensor:
    """x becomes e^x."""
    return _floating_in_place(input, "exp_", elementwise.Exp())


def sqrt_(input: Tensor) -> Tensor:
    """x becomes its square root."""
    return _floating_in_place(input, "sqrt_", elementwise.Sqrt())


def tanh_(input: Tensor) -> Tensor:
    """x becomes tanh x."""
    return _floating_in_place(input, "tanh_", elementwise.Tanh())


def sigmoid_(input: Tensor) -> Tensor:
    """x becomes 1 / (1 + e^-x)."""
    return _floating_in_place(input, "sigmoid_", elementwise.Sigmoid())


def clamp_(input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:
    """x becomes at least ``min`` and at most ``max``."""
    _check_holds(input, "clamp_", clamped_dtype("clamp_", input, min, max))
    return elementwise.Clamp(min, max).apply_in_place(input, name="clamp_")


def fill_(input: Tensor, value: Number) -> Tensor:
    """Every element becomes ``value``."""
    return elementwise.Fill(value).apply_in_place(input, name="fill_")


def zero_(input: Tensor) -> Tensor:
    """Every element becomes 0."""
    return fill_(input, 0)


def copy_(input: Tensor, source: Tensor) -> Tensor:
    """The elements become those of ``source``, broadcast and converted to this tensor's type."""
    indexing.set_item(input, ..., source)
    return input


def _in_place(input: Tensor, name: str, operation: Operation, other: Any) -> Tensor:
    if is_number(other):
        _check_holds(input, name, dtypes.of_number(other))
        other = constant(other, input.dtype, input.device, wraps=True)
    elif isinstance(other, TensorBase):
        _check_holds(input, name, other.dtype)
        other = cast(other, input.dtype)  # type: ignore[arg-type]
    else:
        raise DTypeError(
            f"{name}: the operand is a {type(other).__name__}; tensors and numbers can be combined in place"
        )
    if broadcast_shape(name, input.shape, other.shape) != input.shape:
        raise ShapeError(f"{name}: an operand of shape {other.shape} does not fit into a tensor of {input.shape}")
    return operation.apply_in_place(input, other, name=name)


def _floating_in_place(input: Tensor, name: str, operation: Operation) -> Tensor:
    if not input.dtype.is_floating_point:
        _check_holds(input, name, dtypes.float32)
    return operation.apply_in_place(input, name=name)


def _check_holds(input: Tensor, name: str, result: DType) -> None:
    if result.category > input.dtype.category:
        raise DTypeError(f"{name}: a {result.name} result does not fit into a tensor of {input.dtype.name}")


def overwrite(operation: Operation, input: Tensor, name: str) -> Tensor:
    """The result of ``operation`` on ``input``, written into ``input`` where the tape allows it.

    The tape does not record a write into a view, since the history of the tensor under it would have to change too.
    Whether a layer's input is a view depends on what the caller cannot see: a flattening copies maps of several pixels
    and channels but not those of one, and an image without a batch dimension is a view of a batch of one. ``inplace``
    only asks to save memory, so there the result is a tensor of its own: same elements, same gradients.
    """
    if is_grad_enabled() and input.is_view and input.node is not None:
        result: Tensor = operation.apply(input)
        return result
    written: Tensor = operation.apply_in_place(input, name=name)
    return written
