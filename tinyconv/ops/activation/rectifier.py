"""Activations made of straight lines: the rectifier and its kin. Their second derivative is 0 (hardswish has one).

At a kink the gradient is that of PyTorch: for the rectifier, 0 at 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import dtypes
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.ops.elementwise.bounds import clamp
from tinyconv.ops.elementwise.pointwise import Pointwise, applied, in_place, is_integer, number
from tinyconv.ops.in_place.in_place_forms import clamp_

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Relu(Operation):
    """y = max(x, 0);  dx = dy where x > 0, else 0 (at 0 too). NaN passes both ways."""

    kind = "relu"

    def forward(self, x: Any) -> Any:
        self.retain_output()
        return backend(self.device).relu(x)

    def backward(self, dy: Tensor) -> Any:
        y: Tensor = self.retained()
        return ReluGradient().apply(dy, y.detach())


class ReluGradient(Operation):
    """dx = dy where y > 0, else 0. Linear in dy; its dependence on y has derivative 0."""

    def forward(self, dy: Any, y: Any) -> Any:
        self.retain_inputs(1)
        return backend(self.device).relu_gradient(dy, y)

    def backward(self, cotangent: Tensor) -> Any:
        return ReluGradient().apply(cotangent, self.retained()), None


class Hardtanh(Pointwise):
    """y = min(max(x, low), high);  dx = dy where low < x < high, else 0."""

    kind = "hardtanh"
    of_output = True

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def values(self, x: Any, y: Any) -> None:
        self.xp.clip(x, self.low, self.high, out=y)

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        dx[...] = dy
        self.xp.copyto(dx, 0, where=(v <= self.low) | (v >= self.high))


class Threshold(Pointwise):
    """y = x where x > threshold, else value;  dx = dy where x > threshold, else 0."""

    kind = "threshold"

    def __init__(self, threshold: float, value: float) -> None:
        self.threshold, self.value = threshold, value

    def values(self, x: Any, y: Any) -> None:
        y[...] = x
        self.xp.copyto(y, self.value, where=x <= self.threshold)

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        dx[...] = dy
        self.xp.copyto(dx, 0, where=v <= self.threshold)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0); the gradient at 0 is 0.

    ``inplace`` writes into ``input`` and returns it, except that a view in a recorded computation is left as it is and
    the result is a new tensor: go on with what is returned.

    Shape: any
    Dtype: float32, float64 or an integer type; the result has the input's.
    Raises: ``DTypeError`` for bool.
    Source: Nair & Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.

    >>> F.relu(tc.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    if is_integer("relu", input):
        return clamp_(input, 0) if inplace else clamp(input, 0)
    return applied(Relu(), input, "relu", inplace)


def relu_(input: Tensor) -> Tensor:
    """``relu`` written into ``input``.

    Shape: any
    Dtype: as for ``relu``.
    Raises: as for ``relu``; ``GraphError`` for a leaf that requires a gradient.

    >>> x = tc.tensor([-1.0, 2.0])
    >>> F.relu_(x) is x, x
    (True, tensor([0., 2.]))
    """
    if is_integer("relu_", input):
        return clamp_(input, 0)
    return in_place(Relu(), input, "relu_")


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6).

    Shape: any
    Dtype: float32, float64 or an integer type; the result has the input's.
    Raises: ``DTypeError`` for bool.
    Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    >>> F.relu6(tc.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """
    return _bounded("relu6", input, 0.0, 6.0, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """min(max(x, min_val), max_val); the gradient at both bounds is 0.

    Shape: any
    Dtype: float32, float64 or an integer type; the result has the input's.
    Raises: ``ArgumentError`` for ``min_val`` above ``max_val``; ``DTypeError`` for bool, and for uint8 with a negative
        bound.

    >>> F.hardtanh(tc.tensor([-3.0, 0.5, 2.0]))
    tensor([-1. ,  0.5,  1. ])
    """
    return _bounded("hardtanh", input, min_val, max_val, inplace)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """``hardtanh`` written into ``input``.

    Shape: any
    Dtype: as for ``hardtanh``.
    Raises: as for ``hardtanh``; ``GraphError`` for a leaf that requires a gradient.

    >>> F.hardtanh_(tc.tensor([-3.0, 0.5]), min_val=0.0)
    tensor([0. , 0.5])
    """
    if is_integer("hardtanh_", input):
        return _bounded("hardtanh_", input, min_val, max_val, inplace=True)
    return in_place(Hardtanh(*_bounds("hardtanh_", min_val, max_val)), input, "hardtanh_")


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > ``threshold``, else ``value``.

    Shape: any
    Dtype: float32, float64 or an integer type (which drops the fractions of both numbers); the result has the input's.
    Raises: ``DTypeError`` for bool.

    >>> F.threshold(tc.tensor([-1.0, 0.5, 2.0]), 1.0, 7.0)
    tensor([7., 7., 2.])
    """
    return applied(_threshold("threshold", input, threshold, value), input, "threshold", inplace, floating=False)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """``threshold`` written into ``input``.

    Shape: any
    Dtype: as for ``threshold``.
    Raises: as for ``threshold``; ``GraphError`` for a leaf that requires a gradient.

    >>> F.threshold_(tc.tensor([-1.0, 2.0]), 1.0, 7.0)
    tensor([7., 2.])
    """
    return in_place(_threshold("threshold_", input, threshold, value), input, "threshold_", floating=False)


def _bounded(name: str, input: Tensor, low: float, high: float, inplace: bool) -> Tensor:
    low, high = _bounds(name, low, high)
    if not is_integer(name, input):
        return applied(Hardtanh(low, high), input, name, inplace)
    if input.dtype is dtypes.uint8 and low < 0:
        raise DTypeError(f"{name}: uint8 has no negative numbers, so it cannot be bounded by {low}; use int64")
    return (clamp_ if inplace else clamp)(input, int(low), int(high))


def _bounds(name: str, low: float, high: float) -> tuple[float, float]:
    if not number(name, min_val=low) <= number(name, max_val=high):
        raise ArgumentError(f"{name}: min_val = {low} must not be above max_val = {high}")
    return float(low), float(high)


def _threshold(name: str, input: Tensor, threshold: float, value: float) -> Threshold:
    number(name, threshold=threshold)
    number(name, value=value)
    return Threshold(int(threshold), int(value)) if is_integer(name, input) else Threshold(threshold, value)
