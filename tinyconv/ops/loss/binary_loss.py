"""Losses of yes-or-no answers: several of them may be true at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.activation.soft_activation import logsigmoid
from tinyconv.ops.dispatch import broadcast_shape
from tinyconv.ops.images import require_floating
from tinyconv.ops.loss.loss import reduced, require_reduction, require_same_shape, require_tensors

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

LOWEST_LOG = -100.0
"""A logarithm of 0 counts as this, as in PyTorch: one confident mistake must not make the loss infinite."""

SMALLEST_VARIANCE = 1e-12
"""x (1 - x) counts as at least this in the gradient, as in PyTorch."""


class BinaryCrossEntropy(Operation):
    """l = -(t ln x + (1 - t) ln(1 - x));  dx = dl (x - t) / (x (1 - x)),  dt = dl (ln(1 - x) - ln x)."""

    def forward(self, x: Any, t: Any) -> Any:
        self.retain_inputs(0, 1)
        result = layout.empty(x.shape, x.dtype, self.xp)
        with np.errstate(all="ignore"):
            self.xp.maximum(self.xp.log1p(-x), LOWEST_LOG, out=result)
            positive = self.xp.maximum(self.xp.log(x), LOWEST_LOG)
            result *= t - 1
            result -= t * positive
        return result

    def backward(self, dl: Tensor) -> Any:
        x, t = self.retained()
        needs = self.needs_input_gradient
        dx = dl * (x - t) / (x * (1 - x)).clamp(min=SMALLEST_VARIANCE) if needs[0] else None
        dt = dl * ((1 - x).log().clamp(min=LOWEST_LOG) - x.log().clamp(min=LOWEST_LOG)) if needs[1] else None
        return dx, dt


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """-weight (t ln x + (1 - t) ln(1 - x)), for probabilities x and targets t in [0, 1].

    Logarithms count as at least -100. For logits, ``binary_cross_entropy_with_logits`` is more exact.

    Shape: input any; target that of input; weight is broadcast to it; result (), or that of input for "none".
    Dtype: float32 or float64, the same for all.
    Raises: ``ArgumentError`` for an input outside [0, 1] or an unknown reduction; ``ShapeError``, ``DTypeError``.

    >>> F.binary_cross_entropy(tc.tensor([0.5, 0.0]), tc.tensor([1.0, 1.0]), reduction="none")
    tensor([  0.6931, 100.    ])
    """
    name = "binary_cross_entropy"
    require_floating(name, input=input, target=target, weight=weight)
    require_reduction(name, reduction)
    require_same_shape(name, input, target)
    outside = (input.array < 0) | (input.array > 1)
    if input.device.type == "cpu" and outside.any():
        raise ArgumentError(
            f"{name}: input holds {input.array[outside][0]:g}, but it must be probabilities in [0, 1]; put a "
            "sigmoid before it, or give the logits to binary_cross_entropy_with_logits"
        )
    _check_factor(name, "weight", weight, input)
    losses: Tensor = BinaryCrossEntropy().apply(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-weight (pos_weight t ln s(x) + (1 - t) ln s(-x)), for logits x and targets t in [0, 1]; s is the sigmoid.

    ``pos_weight`` above 1 makes missed positives count more.

    Shape: input any; target that of input; weight and pos_weight are broadcast to it; result (), or that of input
        for "none".
    Dtype: float32 or float64, the same for all.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.binary_cross_entropy_with_logits(tc.tensor([0.0, -1000.0]), tc.tensor([1.0, 1.0]), reduction="none")
    tensor([6.9315e-01, 1.0000e+03])
    """
    name = "binary_cross_entropy_with_logits"
    require_floating(name, input=input, target=target, weight=weight, pos_weight=pos_weight)
    require_reduction(name, reduction)
    require_same_shape(name, input, target)
    _check_factor(name, "weight", weight, input)
    _check_factor(name, "pos_weight", pos_weight, input)
    positive = target * logsigmoid(input)
    if pos_weight is not None:
        positive = positive * pos_weight
    losses = -(positive + (1 - target) * logsigmoid(-input))
    return reduced(losses if weight is None else losses * weight, reduction)


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """ln(1 + e^(-t x)), for targets t of -1 or 1.

    Shape: input any; target is broadcast to it; result (), or that of input for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.soft_margin_loss(tc.tensor([0.0, 1000.0]), tc.tensor([1.0, -1.0]), reduction="none")
    tensor([6.9315e-01, 1.0000e+03])
    """
    require_tensors("soft_margin_loss", input=input, target=target)
    require_reduction("soft_margin_loss", reduction)
    _check_factor("soft_margin_loss", "target", target, input)
    return reduced(-logsigmoid(target * input), reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """The mean over the classes of -weight (t ln s(x) + (1 - t) ln s(-x)), for logits x and targets t of 0 or 1.

    Shape: input (N, C) or (C,); target that of input; weight is broadcast to it; result (), or input's without the last
        dimension for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.multilabel_soft_margin_loss(tc.tensor([[0.0, 0.0]]), tc.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """
    name = "multilabel_soft_margin_loss"
    require_floating(name, input=input, weight=weight)
    require_tensors(name, input=input, target=target)
    require_reduction(name, reduction)
    if target.dtype.name == "bool":
        raise DTypeError(f"{name}: target must hold the numbers 0 and 1, got bool; convert it with .float()")
    if not input.shape:
        raise ShapeError(f"{name}: input has no dimensions; expected (N, C) or (C,)")
    broadcast_shape(name, input.shape, target.shape)
    _check_factor(name, "weight", weight, input)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduced((losses if weight is None else losses * weight).mean(-1), reduction)


def _check_factor(name: str, argument: str, factor: Tensor | None, input: Tensor) -> None:
    if (
        factor is not None
        and broadcast_shape(f"{name}: input and {argument}", input.shape, factor.shape) != input.shape
    ):
        raise ShapeError(f"{name}: {argument} {factor.shape} cannot be broadcast to the shape of input {input.shape}")
