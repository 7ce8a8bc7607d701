"""Sums of products, interpolation, and other things made of several operands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.errors import DTypeError
from tinyconv.ops.dispatch import (
    Number,
    broadcast_shape,
    common_dtype,
    constant,
    floating_operands,
    operands,
    refuse_bool,
    refuse_other_types,
    require_number,
    require_tensor,
    weight_of,
)
from tinyconv.ops.elementwise.arithmetic import add, div, mul
from tinyconv.ops.elementwise.binary import Binary, Operand
from tinyconv.ops.elementwise.elementwise import Unary, fill
from tinyconv.ops.shape.shape import clone, reduce_to

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Lerp(Operation):
    """z = x + w (y - x),  dx = (1 - w) dz,  dy = w dz,  dw = (y - x) dz."""

    def forward(self, x: Any, y: Any, w: Any) -> Any:
        self.retain_inputs(0, 1, 2)
        self.shapes = x.shape, y.shape, w.shape
        result = layout.empty(broadcast_shape("lerp", x.shape, y.shape, w.shape), x.dtype, self.xp)
        with np.errstate(all="ignore"):
            difference = y - x
            # From the nearer end, so that both ends are met exactly.
            if w.ndim == 0 and self.xp is np:
                near, step = (x, w) if abs(w) < 0.5 else (y, w - 1)
            else:
                from_start = self.xp.absolute(w) < 0.5
                near, step = self.xp.where(from_start, x, y), self.xp.where(from_start, w, w - 1)
            self.xp.multiply(difference, step, out=result)
            self.xp.add(result, near, out=result)
        return result

    def backward(self, dz: Tensor) -> Any:
        x, y, w = self.retained()
        needs = self.needs_input_gradient
        parts = (
            dz * (1 - w) if needs[0] else None,
            dz * w if needs[1] else None,
            dz * (y - x) if needs[2] else None,
        )
        return tuple(
            None if part is None else reduce_to(part, shape) for part, shape in zip(parts, self.shapes, strict=True)
        )


class Copysign(Binary):
    """z = |x| with the sign of y,  dx = dz z / x (0 where x = 0),  dy = 0."""

    function = "copysign"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        needs = self.needs_input_gradient
        with np.errstate(all="ignore"):
            ratio = self.xp.where(x.array == 0, 0, self.xp.copysign(x.array, y.array) / x.array)
        return self.to_operands(
            dz * weight_of(ratio, dz) if needs[0] else None,
            fill(dz, 0) if needs[1] else None,
        )


class NanToNum(Unary):
    """y = x where it is finite, else the number given for its kind,  dx = dy where x is finite, else 0."""

    def __init__(self, nan: float, posinf: float | None, neginf: float | None) -> None:
        self.replacements = {"nan": nan, "posinf": posinf, "neginf": neginf}

    def compute(self, x: Any, result: Any) -> None:
        result[...] = x
        limits = np.finfo(x.dtype)
        nan, posinf, neginf = self.replacements.values()
        self.xp.copyto(result, x.dtype.type(nan), where=self.xp.isnan(x))
        self.xp.copyto(result, limits.max if posinf is None else x.dtype.type(posinf), where=x == np.inf)
        self.xp.copyto(result, limits.min if neginf is None else x.dtype.type(neginf), where=x == -np.inf)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * weight_of(self.xp.isfinite(self.retained().array), dy)


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """x + w (y - x): on the line from ``input`` (w = 0) to ``end`` (w = 1).

    ``weight``: a number or a tensor.

    Shape: broadcast together.
    Dtype: float32 or float64, the same for all tensors.
    Raises: ``DTypeError`` for another type or two types; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.lerp(tc.tensor([0.0, 10.0]), tc.tensor([4.0, 20.0]), 0.25)
    tensor([ 1. , 12.5])
    """
    require_tensor("lerp", input=input, end=end)
    refuse_other_types("lerp", input, end=end)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"lerp: needs float32 or float64 tensors, got {input.dtype.name}; convert with .float()")
    if isinstance(weight, TensorBase):
        if weight.shape:
            refuse_other_types("lerp", input, weight=weight)
        (factor,) = operands("lerp", weight, dtype=input.dtype)
    else:
        require_number("lerp", weight=weight)
        factor = constant(weight, input.dtype, input.device)
    return Lerp().apply(input, end, factor)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """x + value y z.

    ``value``: a number; of integer tensors, its fraction is dropped.

    Shape: broadcast together.
    Dtype: the promoted type, not bool.
    Raises: ``DTypeError`` for bool tensors; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.addcmul(tc.tensor([1.0]), tc.tensor([2.0]), tc.tensor([3.0]), value=0.5)
    tensor([4.])
    """
    require_tensor("addcmul", input=input, tensor1=tensor1, tensor2=tensor2)
    require_number("addcmul", value=value)
    dtype = common_dtype("addcmul", (input, tensor1, tensor2))
    refuse_bool("addcmul", dtype)
    x, y, z = operands("addcmul", input, tensor1, tensor2, dtype=dtype)
    return add(x, _times(mul(y, z), value))


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """x + value y / z.

    ``value``: a number.

    Shape: broadcast together.
    Dtype: the promoted type; y and z may not both be integers or bool.
    Raises: ``DTypeError`` for a quotient of integers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.addcdiv(tc.tensor([1.0]), tc.tensor([3.0]), tc.tensor([2.0]), value=2)
    tensor([4.])
    """
    require_tensor("addcdiv", input=input, tensor1=tensor1, tensor2=tensor2)
    require_number("addcdiv", value=value)
    if not (tensor1.dtype.is_floating_point or tensor2.dtype.is_floating_point):
        raise DTypeError(
            f"addcdiv: tensor1 is {tensor1.dtype.name} and tensor2 {tensor2.dtype.name}, whose quotient would be "
            "rounded; convert one to float, or use input + value * div(tensor1, tensor2, rounding_mode='trunc')"
        )
    dtype = common_dtype("addcdiv", (input, tensor1, tensor2))
    x, y, z = operands("addcdiv", input, tensor1, tensor2, dtype=dtype)
    return add(x, _times(div(y, z), value))


def _times(product: Tensor, value: Number) -> Tensor:
    return product if value == 1 else mul(product, value if product.dtype.is_floating_point else int(value))


def copysign(input: Tensor, other: Operand) -> Tensor:
    """|x| with the sign of y, which may be the sign of a zero.

    ``other``: a tensor or a number.

    Shape: broadcast together.
    Dtype: the promoted type, float32 for integers and bool.
    Raises: ``DTypeError`` for what is neither tensor nor number; ``ShapeError``.

    >>> tc.copysign(tc.tensor([1.0, -2.0]), -0.0)
    tensor([-1., -2.])
    """
    require_tensor("copysign", input=input)
    return Copysign().apply(*floating_operands("copysign", input, other))


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with numbers in place of NaN and infinities.

    ``nan``, ``posinf``, ``neginf``: what stands for each; the largest and the smallest number of the type if left out.

    Shape: any; the result has the input's.
    Dtype: any; integers and bool are copied.
    Raises: ``ArgumentError`` for a replacement that is no number.

    >>> tc.nan_to_num(tc.tensor([float("nan"), float("inf"), 1.0]), posinf=9.0)
    tensor([0., 9., 1.])
    """
    require_tensor("nan_to_num", input=input)
    given = {"nan": nan, "posinf": posinf, "neginf": neginf}
    require_number("nan_to_num", **{name: value for name, value in given.items() if value is not None})
    if not input.dtype.is_floating_point:
        return clone(input)
    return NanToNum(0.0 if nan is None else nan, posinf, neginf).apply(input)
