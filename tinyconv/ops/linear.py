"""The fully connected layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.errors import ShapeError
from tinyconv.ops.images import require_floating

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Linear(Operation):
    """y[m,k] = sum_c x[m,c] weight[k,c] + bias[k];  dx = dy weight,  dweight = dy^T x,  dbias = sum_m dy[m]."""

    kind = "linear"

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        self.retain_factors()
        self.source = x.shape
        self.rows = math.prod(x.shape[:-1])  # not -1, which a reshape of no elements cannot resolve
        y = backend(self.device).matmul(x.reshape(self.rows, x.shape[-1]), weight.T)
        if bias is not None:
            y += bias
        return layout.ordered(y.reshape(*x.shape[:-1], weight.shape[0]), self.xp)

    def backward(self, dy: Tensor) -> Any:
        x, weight = self.retained()
        needs = self.needs_input_gradient
        cotangents = dy.reshape(self.rows, dy.shape[-1])
        dx = (cotangents @ weight).reshape(*self.source).contiguous() if needs[0] else None
        dweight = cotangents.t() @ x.reshape(self.rows, x.shape[-1]) if needs[1] else None
        if len(needs) == 2:
            return dx, dweight
        return dx, dweight, cotangents.sum(0) if needs[2] else None


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input weight^T + bias``, for ``input`` (..., C), ``weight`` (K, C) and ``bias`` (K,): the result is (..., K).

    The product runs on the register-tile kernel, so its bits do not depend on the number of threads.
    float32 or float64, the same for all. Raises ``ShapeError``, ``DTypeError``.
    """
    require_floating("linear", input=input, weight=weight, bias=bias)
    if len(weight.shape) != 2:
        raise ShapeError(f"linear: weight must have shape (out_features, in_features), got {weight.shape}")
    if not input.shape:
        raise ShapeError("linear: input has no dimensions; its last one must be in_features")
    if input.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: the last dimension of input {input.shape} has size {input.shape[-1]}, but weight {weight.shape} "
            f"takes in_features = {weight.shape[1]}; make the layer with in_features={input.shape[-1]}"
            + _flatten_hint(input.shape, weight.shape[1])
        )
    if bias is not None and bias.shape != (weight.shape[0],):
        raise ShapeError(
            f"linear: bias must have shape ({weight.shape[0]},) for weight {weight.shape}, got {bias.shape}"
        )
    operands = (input, weight) if bias is None else (input, weight, bias)
    result: Tensor = Linear().apply(*operands)
    return result


def _flatten_hint(shape: tuple[int, ...], in_features: int) -> str:
    features = 1
    for size in shape[1:]:
        features *= size
    return ", or flatten it first: flatten(1) gives in_features" if features == in_features and len(shape) > 2 else ""
