"""The larger and the smaller of two elements, and bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError
from tinyconv.ops.dispatch import (
    Number,
    broadcast_shape,
    cast,
    common_dtype,
    operands,
    refuse_bool,
    require_tensor,
    weight_of,
)
from tinyconv.ops.elementwise.binary import Binary
from tinyconv.ops.shape.shape import reduce_to

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Bound = Any
"""A number, a tensor, or ``None`` for no bound."""


class LargerOrSmaller(Binary):
    """z = max(x, y) or min(x, y): dz goes to the operand that won, in halves where they are equal, to both at NaN."""

    def __init__(self, function: str) -> None:
        self.function = function  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self.function

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        return super().forward(x, y)

    def weights(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The shares of x and of y in the cotangent."""
        x_loses, y_loses = (x < y, y < x) if self.function == "maximum" else (y < x, x < y)
        shares = self.xp.where(x == y, 0.5, 1.0)
        return shares * ~x_loses, shares * ~y_loses

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        shares = self.weights(x.array, y.array)
        needs = self.needs_input_gradient
        return self.to_operands(*(dz * weight_of(shares[i], dz) if needs[i] else None for i in (0, 1)))


class LargerOrSmallerNumber(LargerOrSmaller):
    """The same, but a number wins against NaN, and the first of two equal ones takes all."""

    def weights(self, x: Any, y: Any) -> tuple[Any, Any]:
        first = (x >= y if self.function == "fmax" else x <= y) | self.xp.isnan(y)
        return first, ~first


class Clamp(Operation):
    """y = min(max(x, low), high),  dx = dy where low <= x <= high, else 0."""

    def __init__(self, low: Number | None, high: Number | None) -> None:
        self.low, self.high = low, high

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        result = layout.empty(x.shape, x.dtype, self.xp)
        source = x
        if self.low is not None:
            source = self.xp.maximum(source, _nearest(self.low, x.dtype), out=result)
        if self.high is not None:
            self.xp.minimum(source, _nearest(self.high, x.dtype), out=result)
        return result

    def backward(self, dy: Tensor) -> Tensor:
        x = self.retained().array
        if self.high is None:
            inside = x >= self.low
        else:
            inside = x <= self.high
            if self.low is not None:
                inside &= x >= self.low
        return dy * weight_of(inside, dy)


class ClampBetween(Operation):
    """y = min(max(x, low), high) with bounds for each element: dy goes to the one of the three that y is."""

    def forward(self, x: Any, low: Any | None, high: Any | None) -> Any:
        self.retain_inputs(0, 1, 2)
        given = [array for array in (x, low, high) if array is not None]
        self.shapes = [None if array is None else array.shape for array in (x, low, high)]
        result = layout.empty(broadcast_shape("clamp", *(array.shape for array in given)), x.dtype, self.xp)
        source = x
        if low is not None:
            source = self.xp.maximum(source, low, out=result)
        if high is not None:
            self.xp.minimum(source, high, out=result)
        return result

    def backward(self, dy: Tensor) -> Any:
        kept: list[Any] = [None if tensor is None else tensor.array for tensor in self.retained()]
        x, low, high = kept
        inside: Any = self.xp.ones(x.shape, np.bool_)
        below = above = self.xp.zeros((), np.bool_)
        if low is not None:
            inside, below = inside & (x >= low), x < low
        if high is not None:
            inside, above = inside & (x <= high), x > high
            if low is not None:
                below, above = below & (low < high), above | (high < low)
        return tuple(
            reduce_to(dy * weight_of(self.xp.broadcast_to(share, dy.shape), dy), shape)
            if needed and shape is not None
            else None
            for share, shape, needed in zip((inside, below, above), self.shapes, self.needs_input_gradient, strict=True)
        )


def _nearest(bound: Any, dtype: np.dtype[Any]) -> Any:
    """``bound`` as far as ``dtype`` reaches: of integers, none lies beyond the last one."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        bound = min(max(bound, int(limits.min)), int(limits.max))
    with np.errstate(over="ignore"):
        return dtype.type(bound)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of each pair; NaN wins. Equal elements share the gradient in halves.

    Shape: broadcast together.
    Dtype: the promoted type.
    Raises: ``DTypeError`` for what is no tensor (``clamp`` takes numbers); ``ShapeError``.

    >>> tc.maximum(tc.tensor([1.0, 5.0]), tc.tensor([3.0, 2.0]))
    tensor([3., 5.])
    """
    require_tensor("maximum", input=input, other=other)
    return LargerOrSmaller("maximum").apply(*operands("maximum", input, other))


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of each pair; NaN wins. Equal elements share the gradient in halves.

    Shape: broadcast together.
    Dtype: the promoted type.
    Raises: ``DTypeError`` for what is no tensor (``clamp`` takes numbers); ``ShapeError``.

    >>> tc.minimum(tc.tensor([1.0, 5.0]), tc.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    require_tensor("minimum", input=input, other=other)
    return LargerOrSmaller("minimum").apply(*operands("minimum", input, other))


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of each pair; a number wins against NaN. Of equal elements the first takes the gradient.

    Shape: broadcast together.
    Dtype: the promoted type.
    Raises: ``DTypeError`` for what is no tensor; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.fmax(tc.tensor([float("nan"), 5.0]), tc.tensor([3.0, 2.0]))
    tensor([3., 5.])
    """
    require_tensor("fmax", input=input, other=other)
    return LargerOrSmallerNumber("fmax").apply(*operands("fmax", input, other))


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of each pair; a number wins against NaN. Of equal elements the first takes the gradient.

    Shape: broadcast together.
    Dtype: the promoted type.
    Raises: ``DTypeError`` for what is no tensor; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.fmin(tc.tensor([float("nan"), 5.0]), tc.tensor([3.0, 2.0]))
    tensor([3., 2.])
    """
    require_tensor("fmin", input=input, other=other)
    return LargerOrSmallerNumber("fmin").apply(*operands("fmin", input, other))


def clamp(input: Tensor, min: Bound = None, max: Bound = None) -> Tensor:
    """x, but at least ``min`` and at most ``max``; ``max`` everywhere where they are the wrong way round.

    ``min``, ``max``: numbers, or tensors that are broadcast with ``input`` and receive the gradient where they bound
    it. A number that an integer type does not hold bounds nothing. (PyTorch wraps it around, or refuses it.)

    Shape: any; with tensors as bounds, broadcast together.
    Dtype: the promoted type, not bool.
    Raises: ``ArgumentError`` if both are left out; ``DTypeError`` for bool; ``ShapeError``.

    >>> tc.clamp(tc.tensor([-2.0, 0.5, 3.0]), min=0.0, max=1.0)
    tensor([0. , 0.5, 1. ])
    """
    require_tensor("clamp", input=input)
    given = [bound for bound in (min, max) if bound is not None]
    if not given:
        raise ArgumentError("clamp: both min and max are None; give at least one of them")
    dtype = common_dtype("clamp", [input, *given])
    tensors = [bound for bound in given if isinstance(bound, TensorBase)]
    if len(tensors) != 1 or len(given) == 2:
        refuse_bool("clamp", dtype)
    if tensors:
        bounds = (None if bound is None else operands("clamp", input, bound, dtype=dtype)[1] for bound in (min, max))
        return ClampBetween().apply(cast(input, dtype), *bounds)
    return Clamp(min, max).apply(cast(input, dtype))


clip = clamp


def clamp_min(input: Tensor, min: Bound) -> Tensor:
    """x, but at least ``min``, a number or a tensor.

    Shape: any; with a tensor as bound, broadcast together.
    Dtype: the promoted type, not bool.
    Raises: as ``clamp``.

    >>> tc.clamp_min(tc.tensor([-2.0, 0.5]), 0.0)
    tensor([0. , 0.5])
    """
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Bound) -> Tensor:
    """x, but at most ``max``, a number or a tensor.

    Shape: any; with a tensor as bound, broadcast together.
    Dtype: the promoted type, not bool.
    Raises: as ``clamp``.

    >>> tc.clamp_max(tc.tensor([0.5, 3.0]), 1.0)
    tensor([0.5, 1. ])
    """
    return clamp(input, max=max)
