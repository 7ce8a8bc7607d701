"""Activation functions that are layers in their own right: ReLU, softmax and their kin.

``tanh`` and ``sigmoid`` are elementwise functions like ``exp`` and stand with those; they are offered here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError
from tinyconv.ops.dispatch import cast, normalize_dim
from tinyconv.ops.elementwise import sigmoid, tanh
from tinyconv.ops.images import require_floating
from tinyconv.ops.in_place import overwrite

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

__all__ = ["log_softmax", "logsigmoid", "relu", "sigmoid", "softmax", "tanh"]


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


class Softmax(Operation):
    """y_i = e^(x_i) / sum_j e^(x_j) along a dimension;  dx = y (dy - sum_j dy_j y_j)."""

    kind = "softmax"

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        self.retain_output()
        y = _exponentials(self.xp, x, self.dim)
        y /= y.sum(axis=self.dim, keepdims=True)
        return y

    def backward(self, dy: Tensor) -> Any:
        y = self.retained()
        return y * (dy - (dy * y).sum(self.dim, keepdim=True))


class LogSoftmax(Operation):
    """y_i = x_i - log sum_j e^(x_j) along a dimension;  dx = dy - e^y sum_j dy_j."""

    kind = "log_softmax"

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        self.retain_output()
        y = layout.empty(x.shape, x.dtype, self.xp)
        self.xp.subtract(x, _finite_maximum(self.xp, x, self.dim), out=y)
        y -= self.xp.log(self.xp.exp(y).sum(axis=self.dim, keepdims=True))
        return y

    def backward(self, dy: Tensor) -> Any:
        y = self.retained()
        return dy - y.exp() * dy.sum(self.dim, keepdim=True)


class LogSigmoid(Operation):
    """y = log(1 / (1 + e^-x)) = min(x, 0) - log(1 + e^-|x|);  dx = dy sigmoid(-x)."""

    kind = "logsigmoid"

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        result = layout.empty(x.shape, x.dtype, self.xp)
        self.xp.minimum(x, 0, out=result)
        result -= self.xp.log1p(self.xp.exp(-self.xp.absolute(x)))
        return result

    def backward(self, dy: Tensor) -> Any:
        return dy * sigmoid(-self.retained())


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0); the gradient at 0 is 0. float32 or float64.

    ``inplace`` writes into ``input`` and returns it, except that a view in a recorded computation is left as it is and
    the result is a new tensor: go on with what is returned.
    """
    require_floating("relu", input=input)
    if inplace:
        return overwrite(Relu(), input, name="relu(inplace=True)")
    result: Tensor = Relu().apply(input)
    return result


def softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """e^(x_i) / sum_j e^(x_j) along dimension ``dim``, which must be stated. ``dtype``: convert ``input`` first."""
    input, dim = _prepared("softmax", input, dim, dtype)
    result: Tensor = Softmax(dim).apply(input)
    return result


def log_softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """log(softmax(x)) along ``dim``, which must be stated, without overflow or cancellation."""
    input, dim = _prepared("log_softmax", input, dim, dtype)
    result: Tensor = LogSoftmax(dim).apply(input)
    return result


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), without overflow."""
    require_floating("logsigmoid", input=input)
    result: Tensor = LogSigmoid().apply(input)
    return result


def _prepared(name: str, input: Tensor, dim: int | None, dtype: DType | None) -> tuple[Tensor, int]:
    if dim is None:
        raise ArgumentError(f"{name}: state the dimension that sums to 1, such as dim=1 for input {input.shape}")
    if dtype is not None:
        input = cast(input, dtype)
    require_floating(name, input=input)
    return input, normalize_dim(name, dim, len(input.shape))


def _finite_maximum(xp: Any, x: Any, dim: int) -> Any:
    """The maximum along ``dim``, subtracted so that no exponential overflows."""
    return x.max(axis=dim, keepdims=True) if x.size else xp.zeros_like(x)


def _exponentials(xp: Any, x: Any, dim: int) -> Any:
    result = layout.empty(x.shape, x.dtype, xp)
    xp.subtract(x, _finite_maximum(xp, x, dim), out=result)
    return xp.exp(result, out=result)
