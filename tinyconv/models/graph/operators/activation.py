"""Functions of each element on its own, and the softmax."""

from __future__ import annotations

from typing import Any

from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.table import operator
from tinyconv.nn import functional as F
from tinyconv.ops.elementwise.selection import where
from tinyconv.ops.tensor import Tensor


@operator("Relu")
def relu(x: Tensor) -> Tensor:
    return F.relu(x)


@operator("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    return F.leaky_relu(x, alpha)


@operator("PRelu")
def prelu(x: Tensor, slope: Tensor) -> Tensor:
    # max(x, 0) + slope min(x, 0): the slope spreads over x by the rules of arithmetic, not only along the channels.
    return F.relu(x) - slope * F.relu(-x)


@operator("Elu")
def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.elu(x, alpha)


@operator("Celu")
def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.celu(x, alpha)


@operator("Selu")
def selu(x: Tensor, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Tensor:
    return gamma * F.elu(x, alpha)


@operator("ThresholdedRelu")
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.threshold(x, alpha, 0.0)


@operator("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return (alpha * x + beta).clamp(0, 1)


@operator("HardSwish")
def hard_swish(x: Tensor) -> Tensor:
    return F.hardswish(x)


@operator("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate)


@operator("Mish")
def mish(x: Tensor) -> Tensor:
    return F.mish(x)


@operator("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.silu(x) if alpha == 1 else x * F.sigmoid(alpha * x)


@operator("Softplus")
def softplus(x: Tensor) -> Tensor:
    return F.softplus(x)


@operator("Softsign")
def softsign(x: Tensor) -> Tensor:
    return F.softsign(x)


@operator("Sigmoid")
def sigmoid(x: Tensor) -> Tensor:
    return F.sigmoid(x)


@operator("Tanh")
def tanh(x: Tensor) -> Tensor:
    return F.tanh(x)


@operator("Shrink")
def shrink(x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    zero = x * 0
    return where(x < -lambd, x + bias, where(x > lambd, x - bias, zero))


@operator("Clip", numbers=("low", "high"))
def clip(x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    low, high = _number(low), _number(high)
    return x if low is None and high is None else x.clamp(low, high)


@operator("Softmax")
def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return F.softmax(x, axis)


@operator("LogSoftmax")
def log_softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return F.log_softmax(x, axis)


@operator("Hardmax")
def hardmax(x: Tensor, *, axis: int = -1) -> Tensor:
    chosen = F.one_hot(x.argmax(axis), x.shape[axis]).to(x.dtype)
    return chosen.movedim(-1, axis)


def _number(value: Any) -> Any:
    """The one number of a tensor without dimensions, or of a list of one."""
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        raise UnsupportedError(f"operator Clip takes single numbers as bounds, got {len(value)}")
    return value[0]
