"""The fully connected layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.observe import observed
from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.errors import ShapeError
from tinyconv.ops.activation.rectifier import ReluGradient
from tinyconv.ops.dispatch import wrap
from tinyconv.ops.images import require_floating
from tinyconv.ops.reduction.summation import accurate_sum
from tinyconv.ops.shape.shape import reshape, squeeze, unsqueeze

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Linear(Operation):
    """y[m,k] = sum_c x[m,c] weight[k,c] + bias[k];  dx = dy weight,  dweight = dy^T x,  dbias = sum_m dy[m].

    With ``relu``: max(y, 0), in the same pass; dy counts where that is above 0.
    """

    kind = "linear"
    memo_of = 1

    def __init__(self, relu: bool = False) -> None:
        self.relu = relu

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        self.retain_factors()
        if self.relu:
            self.retain_output()
        self.source = x.shape
        self.rows = math.prod(x.shape[:-1])  # not -1, which a reshape of no elements cannot resolve
        rows = x.reshape(self.rows, x.shape[-1])
        y = backend(self.device).matmul(rows, weight.T, bias, self.relu, self.memo)
        return layout.ordered(y.reshape(*x.shape[:-1], weight.shape[0]), self.xp)

    def backward(self, dy: Tensor) -> Any:
        x, weight, *outputs = self.retained()
        for y in outputs:
            dy = ReluGradient().apply(dy, y.detach())
        needs = self.needs_input_gradient
        if not (is_grad_enabled() or observed()):
            return self._gradients(dy, x, weight)
        cotangents = dy.reshape(self.rows, dy.shape[-1])
        dx = (cotangents @ weight).reshape(*self.source).contiguous() if needs[0] else None
        dweight = cotangents.t() @ x.reshape(self.rows, x.shape[-1]) if needs[1] else None
        if len(needs) == 2:
            return dx, dweight
        return dx, dweight, cotangents.sum(0) if needs[2] else None

    def _gradients(self, dy: Tensor, x: Tensor | None, weight: Tensor | None) -> Any:
        """What backward says, on arrays: with operations on tensors a small layer takes twice as long."""
        product = backend(self.device).matmul
        needs = self.needs_input_gradient
        cotangents = dy.array.reshape(self.rows, dy.shape[-1])
        gradients: list[Any] = [None] * len(needs)
        if weight is not None:
            gradients[0] = product(cotangents, weight.array).reshape(self.source)
        if x is not None:
            gradients[1] = product(cotangents.T, x.array.reshape(self.rows, x.shape[-1]))
        if needs[2:] == (True,):
            gradients[2] = accurate_sum(self.xp, cotangents, (0,)).reshape(-1).astype(cotangents.dtype)
        made = (None if array is None else layout.ordered(array, self.xp) for array in gradients)
        return tuple(None if array is None else wrap(array, self.device) for array in made)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input weight^T + bias``.

    The product runs on the register-tile kernel, so its bits do not depend on the number of threads.

    Shape: input (..., C); weight (K, C), or (C,), which leaves the last dimension out; bias (K,), or () for a 1-D
        weight; result (..., K).
    Dtype: float32 or float64, the same for all.
    Raises: ``ShapeError``, ``DTypeError``.

    >>> F.linear(tc.tensor([[1.0, 2.0]]), tc.tensor([[3.0, 4.0], [0.0, 1.0]]), tc.tensor([0.5, 0.0]))
    tensor([[11.5,  2. ]])
    """
    return _linear(input, weight, bias, relu=False)


def linear_relu(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """relu(linear(input, weight, bias)) as one operation."""
    return _linear(input, weight, bias, relu=True)


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
    require_floating("linear", input=input, weight=weight, bias=bias)
    if len(weight.shape) == 1 and (bias is None or not bias.shape):
        flat = _linear(input, unsqueeze(weight, 0), None if bias is None else unsqueeze(bias, 0), relu)
        return squeeze(flat, -1)
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
    if bias is not None and bias.shape not in ((weight.shape[0],), (1,), ()):
        raise ShapeError(
            f"linear: bias must have shape ({weight.shape[0]},) for weight {weight.shape}, got {bias.shape}"
        )
    if bias is not None and bias.shape != (weight.shape[0],):
        bias = bias.expand(weight.shape[0])
    operands = (input, weight) if bias is None else (input, weight, bias)
    result: Tensor = Linear(relu).apply(*operands)
    return result


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_k = sum_ij x1_i weight_kij x2_j + bias_k.

    Shape: input1 (..., I); input2 (..., J), with the same leading dimensions; weight (K, I, J); bias (K,); result
        (..., K).
    Dtype: float32 or float64, the same for all.
    Raises: ``ShapeError``, ``DTypeError``.

    >>> F.bilinear(tc.tensor([1.0, 2.0]), tc.tensor([3.0, 4.0]), tc.ones(1, 2, 2))
    tensor([21.])
    """
    require_floating("bilinear", input1=input1, input2=input2, weight=weight, bias=bias)
    if len(weight.shape) != 3:
        raise ShapeError(f"bilinear: weight must have shape (out, in1, in2), got {weight.shape}")
    out, in1, in2 = weight.shape
    if not input1.shape or input1.shape[-1:] != (in1,) or input2.shape != (*input1.shape[:-1], in2):
        raise ShapeError(
            f"bilinear: input1 {input1.shape} and input2 {input2.shape} must have the same leading dimensions, and "
            f"last ones of {in1} and {in2} for weight {weight.shape}"
        )
    if bias is not None and bias.shape != (out,):
        raise ShapeError(f"bilinear: bias must have shape ({out},) for weight {weight.shape}, got {bias.shape}")
    rows = math.prod(input1.shape[:-1])
    # (rows, I) times (I, K J), each row of K J then weighted with its own x2.
    spread = reshape(reshape(input1, rows, in1) @ reshape(weight.permute(1, 0, 2), in1, out * in2), rows, out, in2)
    product = reshape((spread * reshape(input2, rows, 1, in2)).sum(-1), *input1.shape[:-1], out)
    return product if bias is None else product + bias


def _flatten_hint(shape: tuple[int, ...], in_features: int) -> str:
    features = 1
    for size in shape[1:]:
        features *= size
    return ", or flatten it first: flatten(1) gives in_features" if features == in_features and len(shape) > 2 else ""
