"""Sum, difference, product and quotient. Cotangents are written d: for z = f(x, y), dz is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.backends import backend
from tinyconv.core import dtypes
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.ops.dispatch import Number, common_dtype, is_number, operands, require_number
from tinyconv.ops.elementwise.binary import Binary, Operand
from tinyconv.ops.elementwise.division import floor_divide, truncated

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Arithmetic(Binary):
    """One of the four that a training step is full of, with a kernel of its own."""

    def compute(self, x: Any, y: Any, result: Any) -> None:
        getattr(backend(self.device), self.function)(x, y, result)


class Add(Arithmetic):
    """z = x + y,  dx = dz,  dy = dz."""

    kind = "add"
    function = "add"

    def backward(self, dz: Tensor) -> Any:
        needs = self.needs_input_gradient
        return self.to_operands(dz if needs[0] else None, dz if needs[1] else None)


class Subtract(Arithmetic):
    """z = x - y,  dx = dz,  dy = -dz."""

    function = "subtract"

    def backward(self, dz: Tensor) -> Any:
        needs = self.needs_input_gradient
        return self.to_operands(dz if needs[0] else None, -dz if needs[1] else None)


class Multiply(Arithmetic):
    """z = x y,  dx = dz y,  dy = dz x."""

    function = "multiply"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_factors()
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        needs = self.needs_input_gradient
        return self.to_operands(dz * y if needs[0] else None, dz * x if needs[1] else None)


class Divide(Arithmetic):
    """z = x / y,  dx = dz / y,  dy = -dz x / y^2."""

    function = "divide"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0 if self.needs_input_gradient[1] else None, 1)
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        needs = self.needs_input_gradient
        dx = dz / y
        return self.to_operands(dx if needs[0] else None, -dx * (x / y) if needs[1] else None)


def _scaled(name: str, value: Operand, alpha: Number, dtype: DType) -> Operand:
    """alpha y, for a sum of type ``dtype``. Integers take no fraction, and only truth values take a truth value."""
    require_number(name, alpha=alpha)
    if isinstance(alpha, bool | np.bool_):
        if dtype is not dtypes.bool_:
            raise DTypeError(f"{name}: alpha={alpha} is a truth value, but the result is {dtype.name}; give a number")
    elif not dtype.is_floating_point and not isinstance(alpha, int | np.integer):
        raise DTypeError(f"{name}: alpha={alpha} is a fraction, but the result is {dtype.name}; convert an operand")
    if alpha == 1:
        return value
    if is_number(value):
        return value * alpha
    factor = bool(alpha) if dtype is dtypes.bool_ else alpha
    return Multiply().apply(*operands(name, value, factor, dtype=dtype))


def _are_alike(x: Any, y: Any) -> bool:
    """Whether both are tensors of one floating-point type: nothing is to be promoted, as in most sums and products."""
    if not (isinstance(x, TensorBase) and isinstance(y, TensorBase)):
        return False
    dtype: np.dtype[Any] = x.array.dtype
    return dtype.kind == "f" and dtype == y.array.dtype


def add(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """x + alpha y. Of two bool tensors: whether either is true.

    ``input``, ``other``: tensors or numbers. ``alpha``: a number that ``other`` is multiplied by first.

    Shape: broadcast together.
    Dtype: the promoted type; integers wrap around.
    Raises: ``ShapeError`` for shapes that cannot be broadcast; ``DTypeError`` for a fractional ``alpha`` of integers.

    >>> tc.add(tc.tensor([1.0, 2.0]), tc.tensor([10.0, 20.0]), alpha=0.5)
    tensor([ 6., 12.])
    """
    if type(alpha) is int and alpha == 1 and _are_alike(input, other):
        return Add().apply(input, other)
    dtype = common_dtype("add", (input, other))
    return Add().apply(*operands("add", input, _scaled("add", other, alpha, dtype), dtype=dtype))


def sub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """x - alpha y.

    ``input``, ``other``: tensors or numbers. ``alpha``: a number that ``other`` is multiplied by first.

    Shape: broadcast together.
    Dtype: the promoted type; integers wrap around. Neither operand may be bool.
    Raises: ``ShapeError`` for shapes that cannot be broadcast; ``DTypeError`` for a bool operand, or for a fractional
        ``alpha`` of integers.

    >>> tc.sub(tc.tensor([1, 2]), 5)
    tensor([-4, -3])
    """
    if type(alpha) is int and alpha == 1 and _are_alike(input, other):
        return Subtract().apply(input, other)
    dtype = common_dtype("sub", (input, other))
    for value in (input, other):
        if (dtypes.of_number(value) if is_number(value) else value.dtype) is dtypes.bool_:
            raise DTypeError("sub: truth values cannot be subtracted; use logical_xor(), or ~ to invert a mask")
    return Subtract().apply(*operands("sub", input, _scaled("sub", other, alpha, dtype), dtype=dtype))


subtract = sub


def rsub(input: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """y - alpha x: ``sub`` with its operands exchanged.

    Shape: broadcast together.
    Dtype: the promoted type. Neither operand may be bool.
    Raises: as ``sub``.

    >>> tc.rsub(tc.tensor([1, 2]), 5)
    tensor([4, 3])
    """
    if is_number(input):
        raise DTypeError(f"rsub: input must be a tensor, got the number {input}")
    return sub(other, input, alpha=alpha)


def mul(input: Operand, other: Operand) -> Tensor:
    """x y. Of two bool tensors: whether both are true.

    ``input``, ``other``: tensors or numbers.

    Shape: broadcast together.
    Dtype: the promoted type; integers wrap around.
    Raises: ``ShapeError`` for shapes that cannot be broadcast; ``DTypeError`` for what is neither tensor nor number.

    >>> tc.mul(tc.tensor([[1.0], [2.0]]), tc.tensor([1.0, 10.0]))
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    if _are_alike(input, other):
        return Multiply().apply(input, other)
    return Multiply().apply(*operands("mul", input, other))


multiply = mul


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """x / y; integers are divided as float32.

    ``input``, ``other``: tensors or numbers. ``rounding_mode``: "floor" rounds the quotient down and "trunc" towards
    0, both with gradient 0 and in the promoted type, so that integers stay integers.

    Shape: broadcast together.
    Dtype: the promoted type, float32 for integers and bool unless rounded.
    Raises: ``ArgumentError`` for another ``rounding_mode`` or for an integer divided by 0 and rounded; ``ShapeError``.

    >>> tc.div(tc.tensor([-7, 7]), 2), tc.div(tc.tensor([-7, 7]), 2, rounding_mode="trunc")
    (tensor([-3.5,  3.5]), tensor([-3,  3]))
    """
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode == "trunc":
        return truncated(input, other)
    if rounding_mode is not None:
        raise ArgumentError(f"div: rounding_mode is None, 'floor' or 'trunc', got {rounding_mode!r}")
    dtype = common_dtype("div", (input, other))
    dtype = dtype if dtype.is_floating_point else dtypes.float32
    return Divide().apply(*operands("div", input, other, dtype=dtype))


divide = true_divide = div
