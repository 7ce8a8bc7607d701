"""Choosing between elements by a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.errors import DTypeError, ShapeError
from tinyconv.ops.dispatch import broadcast_shape, cast, common_dtype, constant, is_number, require_tensor, wrap
from tinyconv.ops.shape.shape import reduce_to

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Where(Operation):
    """z = x where the condition holds, else y;  dx = dz there, dy = dz elsewhere, 0 otherwise."""

    def forward(self, condition: Any, x: Any, y: Any) -> Any:
        self.shapes = x.shape, y.shape
        self.retain_inputs(0)
        shape = broadcast_shape("where", condition.shape, x.shape, y.shape)
        result = layout.empty(shape, x.dtype, self.xp)
        result[...] = y
        self.xp.copyto(result, x, where=condition)
        return result

    def backward(self, dz: Tensor) -> Any:
        condition = self.retained()
        return (
            None,
            reduce_to(where(condition, dz, 0.0), self.shapes[0]) if self.needs_input_gradient[1] else None,
            reduce_to(where(condition, 0.0, dz), self.shapes[1]) if self.needs_input_gradient[2] else None,
        )


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """``input`` where ``condition`` holds, else ``other``.

    ``condition``: a bool tensor (or uint8, of which nonzero means true). ``input``, ``other``: tensors or numbers.
    With ``condition`` alone: the indices at which it is nonzero, a tuple of int64 tensors, one for each dimension.

    Shape: broadcast together.
    Dtype: the promoted type of ``input`` and ``other``.
    Raises: ``DTypeError`` for a condition of another type; ``ShapeError`` for shapes that cannot be broadcast.

    >>> x = tc.tensor([-1.0, 2.0])
    >>> tc.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    require_tensor("where", condition=condition)
    if input is None and other is None:
        found = condition.array.nonzero() if condition.ndim else condition.array.reshape(1).nonzero()
        return tuple(wrap(position, condition.device) for position in found)
    if input is None or other is None:
        raise DTypeError("where: give both input and other, or neither to get the indices of the true elements")
    if condition.dtype not in (dtypes.bool_, dtypes.uint8):
        raise DTypeError(
            f"where: the condition must be a bool tensor, got {condition.dtype.name}; compare it, as in x != 0"
        )
    dtype = common_dtype("where", (input, other))
    x, y = (
        constant(value, dtype, condition.device) if is_number(value) else cast(value, dtype) for value in (input, other)
    )
    return Where().apply(cast(condition, dtypes.bool_), x, y)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``value`` where ``mask`` holds, else x.

    ``mask``: a bool tensor. ``value``: a number, or a tensor without dimensions, through which a gradient flows too.

    Shape: input and mask are broadcast together.
    Dtype: any; the result has the input's, into which ``value`` is converted.
    Raises: ``DTypeError`` for a mask that is not bool or a number that the type does not hold; ``ShapeError``.

    >>> x = tc.tensor([1.0, 2.0, 3.0])
    >>> x.masked_fill(x > 1.5, 0.0)
    tensor([1., 0., 0.])
    """
    require_tensor("masked_fill", input=input, mask=mask)
    if mask.dtype is not dtypes.bool_:
        raise DTypeError(f"masked_fill: the mask must be a bool tensor, got {mask.dtype.name}; compare it, as in x > 0")
    if isinstance(value, TensorBase):
        if value.shape:
            raise ShapeError(
                f"masked_fill: the value is a number or a tensor without dimensions, got shape {value.shape}; "
                "where(mask, value, input) takes others"
            )
        filling = cast(value, input.dtype)  # type: ignore[arg-type]
    elif is_number(value):
        filling = constant(value, input.dtype, input.device)
    else:
        raise DTypeError(f"masked_fill: the value is a number or a tensor, got {type(value).__name__}")
    return Where().apply(mask, filling, input)
