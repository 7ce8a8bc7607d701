"""What activations have in common: y = f(x) for each element by itself, in one pass over memory each way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.blocks import blocks
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.ops.images import require_floating
from tinyconv.ops.in_place.in_place import overwrite

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Pointwise(Operation):
    """y = f(x);  dx = dy f'(x).

    A function writes down three things: its ``values`` and its ``gradients`` on a block of elements, and its
    ``curvature``, f'', with operations on tensors, for derivatives of derivatives.
    """

    of_output: ClassVar[bool] = False
    """Whether f' is written in terms of y (then only y is kept for backward) rather than of x."""

    def values(self, x: Any, y: Any) -> None:
        """Write f(x) into the block ``y``."""
        raise NotImplementedError

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        """Write dy f' into the block ``dx``; ``v`` is a block of x, or of y if ``of_output``."""
        raise NotImplementedError

    def gradient(self, dy: Any, v: Any) -> Any:
        """dy f' of whole arrays."""
        result = layout.empty(dy.shape, dy.dtype, self.xp)
        with np.errstate(all="ignore"):
            for dx, dy_block, v_block in blocks(result, dy, v, xp=self.xp):
                self.gradients(dy_block, v_block, dx)
        return result

    def curvature(self, v: Tensor) -> Tensor | None:
        """The derivative of f' with respect to ``v``, which it is written in terms of; None for straight lines."""
        return None

    def forward(self, x: Any) -> Any:
        if self.of_output:
            self.retain_output()
        else:
            self.retain_inputs(0)
        result = layout.empty(x.shape, x.dtype, self.xp)
        # An infinity or NaN is a result like any other, as in PyTorch; NumPy's warnings would name a line in here.
        with np.errstate(all="ignore"):
            for y, x_block in blocks(result, x, xp=self.xp):
                self.values(x_block, y)
        return result

    def backward(self, dy: Tensor) -> Any:
        return PointwiseGradient(self).apply(dy, self.retained())


class PointwiseGradient(Operation):
    """dx = dy f'(v): linear in dy, and its derivative in v is dy times the function's curvature."""

    def __init__(self, function: Pointwise) -> None:
        self.function = function

    @property
    def name(self) -> str:
        return f"{self.function.name}Gradient"

    def forward(self, dy: Any, v: Any) -> Any:
        self.retain_inputs(0, 1)
        return self.function.gradient(dy, v)

    def backward(self, cotangent: Tensor) -> Any:
        dy, v = self.retained()
        curvature = self.function.curvature(v) if self.needs_input_gradient[1] else None
        return PointwiseGradient(self.function).apply(cotangent, v), (
            None if curvature is None else cotangent * dy * curvature
        )


def applied(operation: Operation, input: Tensor, name: str, inplace: bool = False, floating: bool = True) -> Tensor:
    """``operation`` on ``input``, floating-point unless not ``floating``; ``inplace`` as layers mean it."""
    if floating:
        require_floating(name, input=input)
    if inplace:
        return overwrite(operation, input, name=f"{name}(inplace=True)")
    result: Tensor = operation.apply(input)
    return result


def in_place(operation: Operation, input: Tensor, name: str, floating: bool = True) -> Tensor:
    """``operation`` written into ``input``: the functions whose names end in "_"."""
    if floating:
        require_floating(name, input=input)
    written: Tensor = operation.apply_in_place(input, name=name)
    return written


def number(name: str, **option: Any) -> float:
    """The value of ``option``, which must be a number."""
    ((option_name, value),) = option.items()
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ArgumentError(f"{name}: {option_name} must be a number, got {value!r}")
    return float(value)


def is_integer(name: str, input: Tensor) -> bool:
    """Whether ``input`` holds integers, which some of these functions take. Raises ``DTypeError`` for bool."""
    if not isinstance(input, TensorBase):
        raise DTypeError(f"{name}: input must be a tensor, got {type(input).__name__}; see tensor()")
    if input.dtype is dtypes.bool_:
        raise DTypeError(f"{name}: input must hold numbers, got bool; convert it with .float()")
    return not input.dtype.is_floating_point


def write_sigmoid(xp: Any, x: Any, out: Any) -> None:
    """1 / (1 + e^-x) of a block. Where e^-x overflows, its reciprocal is 0, as it should be."""
    xp.negative(x, out=out)
    xp.exp(out, out=out)
    out += 1
    xp.reciprocal(out, out=out)
