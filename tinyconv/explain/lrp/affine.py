"""One affine layer as it ran, z = W x + b, and how relevance is weighed with it.

The rules of relevance propagation differ in what they count as the *contribution* of input j to output k. All of them
hand the relevance R_k of an output down in proportion to contributions c_jk, and since these are products of x_j with
a weight, the sum over k is itself a product with the layer's transpose:

    R_j = sum_k c_jk s_k = x_j (W^T s)_j,      s_k = R_k / sum_j c_jk

So a rule needs the layer forward and backward, with other inputs and other weights, and nothing else: whether it is a
convolution, a transposed or a locally connected one, or a matrix product does not matter here.

Batch normalisation in evaluation is a scale and a shift of each channel. Right behind a layer it is part of that layer:

    norm(W x + b) = (a W) x + (a (b - mean) + beta),      a = gamma / sqrt(variance + eps)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tinyconv.autograd import engine
from tinyconv.autograd.operation import Operation
from tinyconv.nn.fusion import fuse_conv_bn_weights
from tinyconv.ops.convolution.convolution import Convolution2d
from tinyconv.ops.dispatch import wrap
from tinyconv.ops.elementwise.selection import where
from tinyconv.ops.normalization.batch import BatchNorm
from tinyconv.ops.product.linear import Linear

if TYPE_CHECKING:
    from tinyconv.explain.trace import Step
    from tinyconv.ops.tensor import Tensor


class AffineLayer:
    """What ``step`` computed from its input ``signal``, with the batch normalisation ``norm`` that follows, if any."""

    def __init__(self, step: Step, signal: int = 0, norm: Step | None = None) -> None:
        # Copies of before anyone hides the operations' backward: relevance passes through these by their own.
        self._operation = step.operation.unrecorded_copy()
        self._operands = list(step.input_values)
        self._signal, self._factor = signal, 0 if signal else 1
        self._norm = None if norm is None else (norm.operation.unrecorded_copy(), norm.input_values[1:])

    @property
    def x(self) -> Any:
        return self._operands[self._signal]

    @cached_property
    def _parameters(self) -> tuple[Any, Any]:
        weight, bias = self._operands[self._factor], (*self._operands, None)[2]
        if self._norm is None:
            return weight, bias
        norm, (gamma, beta) = self._norm
        mean, variance = (wrap(values, norm.device) for values in norm.statistics)
        folded = fuse_conv_bn_weights(weight, bias, mean, variance, norm.eps, gamma, beta)
        return folded[0].detach(), folded[1].detach()

    @property
    def weight(self) -> Any:
        return self._parameters[0]

    @property
    def bias(self) -> Any:
        """One number for each channel; None where nothing is added."""
        return self._parameters[1]

    def output(self, x: Tensor) -> Tensor:
        """z for another x, in the very steps of the forward, and so with its bits."""
        operands = list(self._operands)
        operands[self._signal] = x
        z: Tensor = self._operation.unrecorded_copy().apply(*operands)
        if self._norm is not None:
            norm, parameters = self._norm
            z = norm.unrecorded_copy().apply(z, *parameters)
        return z

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """W x + b for another x and another W and b."""
        operands = [x, weight] if self._signal == 0 else [weight, x]
        result: Tensor = self._operation.unrecorded_copy().apply(*operands, *(() if bias is None else (bias,)))
        return result


def can_fold(operation: Operation, norm: Operation, shape: tuple[int, ...]) -> bool:
    """Whether ``norm``, which follows ``operation`` and nothing else does, scales its outputs each by a fixed number.

    ``shape``: of what is between them.
    """
    is_plain = isinstance(operation, Convolution2d) or (isinstance(operation, Linear) and len(shape) == 2)
    return is_plain and type(norm) is BatchNorm and norm.statistics is not None


def sent_back(outputs: Sequence[Any], shares: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
    """W^T s for each of ``inputs``: ``outputs`` were computed from them, recorded, and are to send back ``shares``."""
    return engine.grad(outputs, inputs, shares)


def weighed(x: Any, output: Any, share: Any) -> Any:
    """x_j (W^T s)_j: what input x is owed by the share s of the outputs, which were computed from x, recorded."""
    return x.detach() * sent_back([output], [share], [x])[0]


def leaf(values: Any) -> Any:
    """``values`` as a tensor whose cotangent can be asked for."""
    return values.detach().requires_grad_()


def quotient(relevance: Any, z: Any) -> Any:
    """R / z, and 0 where z is: an output to which nothing contributes has nobody to hand its relevance to."""
    nothing = z == 0
    return where(nothing, z, relevance / where(nothing, 1.0, z))
