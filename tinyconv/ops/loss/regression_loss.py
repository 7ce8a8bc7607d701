"""Losses between numbers: how far a prediction lies from its target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.dispatch import broadcast_shape
from tinyconv.ops.elementwise.elementwise import abs, exp, fill, log
from tinyconv.ops.elementwise.pointwise import Pointwise, number
from tinyconv.ops.elementwise.selection import where
from tinyconv.ops.images import require_floating
from tinyconv.ops.in_place.in_place_forms import clamp_
from tinyconv.ops.loss.loss import reduced, require_reduction, require_tensors, warn_of_broadcasting
from tinyconv.ops.shape.shape import clone, unsqueeze

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Huber(Pointwise):
    """y = x^2 / 2 where |x| < delta, else delta (|x| - delta / 2), over ``scale``;  dx = dy min(max(x, -delta), delta).

    The Huber loss has scale 1, the smooth L1 loss scale delta, so that its slopes are -1 and 1.
    """

    def __init__(self, delta: float, scale: float) -> None:
        self.delta, self.scale = delta, scale

    def values(self, x: Any, y: Any) -> None:
        # With m = min(|x|, delta), both branches are m (|x| - m / 2).
        magnitude = self.xp.absolute(x)
        inner = self.xp.minimum(magnitude, self.delta)
        self.xp.multiply(inner, -0.5, out=y)
        y += magnitude
        y *= inner
        y /= self.scale

    def gradients(self, dy: Any, v: Any, dx: Any) -> None:
        self.xp.clip(v, -self.delta, self.delta, out=dx)
        dx /= self.scale
        dx *= dy

    def curvature(self, v: Tensor) -> Tensor:
        return (abs(v) < self.delta).to(v.dtype) * (1 / self.scale)


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """(input - target)^2.

    ``weight``: a factor for each element; the mean is then weighted. A target of another shape is broadcast, with a
    warning.

    Shape: input any; target that of input; weight that of input; result (), or that of input for "none".
    Dtype: float32 or float64; of the two, one may hold integers.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.mse_loss(tc.tensor([1.0, 2.0]), tc.tensor([1.0, 4.0]))
    tensor(2.)
    """
    _check("mse_loss", input, target, reduction, weight)
    difference = input - target
    return _weighted(difference * difference, weight, reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """|input - target|; the gradient at 0 is 0.

    ``weight``: a factor for each element; the mean is then weighted. A target of another shape is broadcast, with a
    warning.

    Shape: input any; target that of input; weight that of input; result (), or that of input for "none".
    Dtype: float32 or float64; of the two, one may hold integers.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.l1_loss(tc.tensor([1.0, 2.0]), tc.tensor([1.0, 4.0]), reduction="none")
    tensor([0., 2.])
    """
    _check("l1_loss", input, target, reduction, weight)
    return _weighted(abs(input - target), weight, reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, with d = input - target; ``beta`` = 0 is ``l1_loss``.

    Shape: input any; target that of input; result (), or that of input for "none".
    Dtype: float32 or float64; of the two, one may hold integers.
    Raises: ``ArgumentError`` for a negative ``beta`` or an unknown reduction; ``ShapeError``, ``DTypeError``.
    Source: Girshick, "Fast R-CNN", 2015, equation 3.

    >>> F.smooth_l1_loss(tc.tensor([0.5, 3.0]), tc.tensor([0.0, 0.0]), reduction="none")
    tensor([0.125, 2.5  ])
    """
    _check("smooth_l1_loss", input, target, reduction)
    if number("smooth_l1_loss", beta=beta) < 0:
        raise ArgumentError(f"smooth_l1_loss: beta must be at least 0, got {beta}")
    difference = input - target
    return reduced(Huber(beta, beta).apply(difference) if beta else abs(difference), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d^2 / 2 where |d| < delta, else delta (|d| - delta / 2), with d = input - target.

    ``weight``: a factor for each element; the mean divides by the number of elements, as in PyTorch.

    Shape: input any; target that of input; weight that of input; result (), or that of input for "none".
    Dtype: float32 or float64; of the two, one may hold integers.
    Raises: ``ArgumentError`` unless ``delta`` > 0, or for an unknown reduction; ``ShapeError``, ``DTypeError``.
    Source: Huber, "Robust estimation of a location parameter", 1964.

    >>> F.huber_loss(tc.tensor([0.5, 3.0]), tc.tensor([0.0, 0.0]), reduction="none", delta=2.0)
    tensor([0.125, 4.   ])
    """
    _check("huber_loss", input, target, reduction, weight)
    if not number("huber_loss", delta=delta) > 0:
        raise ArgumentError(f"huber_loss: delta must be above 0, got {delta}")
    losses: Tensor = Huber(delta, 1.0).apply(input - target)
    return reduced(losses if weight is None else losses * weight, reduction)


def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """t (ln t - input): the Kullback-Leibler divergence of log-probabilities ``input`` from probabilities t.

    ``log_target``: the target holds ln t. ``reduction``: "batchmean" divides the sum by the size of the first
    dimension, which is the divergence of its definition; "mean" by the number of elements; "sum"; "none".

    Shape: any; target is broadcast with input; result (), or the broadcast shape for "none".
    Dtype: float32 or float64.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.kl_div(tc.tensor([[0.5, 0.5]]).log(), tc.tensor([[1.0, 0.0]]), reduction="batchmean")
    tensor(0.6931)
    """
    require_tensors("kl_div", input=input, target=target)
    if not (input.dtype.is_floating_point and target.dtype.is_floating_point):
        raise DTypeError(f"kl_div: integers are no probabilities: input {input.dtype.name}, target {target.dtype.name}")
    require_reduction("kl_div", reduction, also=("batchmean",))
    broadcast_shape("kl_div", input.shape, target.shape)
    losses = exp(target) * (target - input) if log_target else _times_log(target) - target * input
    if reduction != "batchmean":
        return reduced(losses, reduction)
    return losses.sum() / input.shape[0] if input.shape else losses.sum()


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """e^x - t x for counts t and the logarithm x of their expectation; x - t ln(x + eps) if not ``log_input``.

    ``full`` adds Stirling's approximation of ln t!, t ln t - t + ln(2 pi t) / 2, where t > 1.

    Shape: input any; target is broadcast with it; result (), or the broadcast shape for "none".
    Dtype: float32 or float64; the target may hold integers.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.poisson_nll_loss(tc.tensor([0.0, 1.0]), tc.tensor([3.0, 2.0]), reduction="none")
    tensor([1.    , 0.7183])
    """
    require_tensors("poisson_nll_loss", input=input, target=target)
    require_reduction("poisson_nll_loss", reduction)
    broadcast_shape("poisson_nll_loss", input.shape, target.shape)
    losses = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        counts = where(target > 1, target, fill(target, 1))
        stirling = counts * log(counts) - counts + 0.5 * log(2 * math.pi * counts)
        losses = losses + where(target > 1, stirling, fill(stirling, 0))
    return reduced(losses, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(ln v + (input - target)^2 / v) / 2, with the variance v = max(var, eps).

    ``full`` adds ln(2 pi) / 2. The gradient passes to ``var`` as if it were not bounded.

    Shape: input any; target is broadcast with it; var: that of input, or with one dimension of size 1, or without the
        last; result (), or that of input for "none".
    Dtype: float32 or float64; the target may hold integers.
    Raises: ``ArgumentError`` for a negative variance or an unknown reduction; ``ShapeError``, ``DTypeError``.
    Source: Nix & Weigend, "Estimating the mean and variance of the target probability distribution", 1994.

    >>> F.gaussian_nll_loss(tc.tensor([1.0, 2.0]), tc.tensor([1.0, 4.0]), tc.tensor([1.0, 4.0]), reduction="none")
    tensor([0.    , 1.1931])
    """
    name = "gaussian_nll_loss"
    require_tensors(name, input=input, target=target)
    if not input.dtype.is_floating_point or target.dtype.name == "bool":
        raise DTypeError(
            f"{name}: input must be float32 or float64 and target hold numbers, got {input.dtype.name} and "
            f"{target.dtype.name}"
        )
    require_reduction(name, reduction)
    broadcast_shape(name, input.shape, target.shape)
    variance = _variance(name, input, var)
    with no_grad():
        clamp_(variance, min=eps)
    difference = input - target
    losses = 0.5 * (log(variance) + difference * difference / variance)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def _variance(name: str, input: Tensor, var: Tensor | float) -> Tensor:
    """A copy of ``var`` that broadcasts with ``input``."""
    if not isinstance(var, TensorBase):
        if number(name, var=var) < 0:
            raise ArgumentError(f"{name}: a variance cannot be negative, got {var}")
        return fill(input.detach(), var)
    require_floating(name, input=input, var=var)
    if (var.array < 0).any():
        raise ArgumentError(
            f"{name}: a variance cannot be negative, got {var.array.min():g}; give its exponential or square"
        )
    if input.shape and var.shape == input.shape[:-1] and var.shape != input.shape:
        return clone(unsqueeze(var, -1))
    differing = [own for size, own in zip(input.shape, var.shape, strict=False) if size != own]
    if len(var.shape) != len(input.shape) or differing not in ([], [1]):
        raise ShapeError(
            f"{name}: var {var.shape} must have the shape of input {input.shape}, or be 1 in one dimension, or lack "
            "the last one"
        )
    return clone(var)


def _check(name: str, input: Tensor, target: Tensor, reduction: str, weight: Tensor | None = None) -> None:
    require_tensors(name, input=input, target=target)
    require_reduction(name, reduction)
    warn_of_broadcasting(name, input, target)
    if weight is not None:
        require_tensors(name, weight=weight)
        if weight.shape != input.shape:
            raise ShapeError(f"{name}: weight {weight.shape} must have the shape of input {input.shape}")


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is None:
        return reduced(losses, reduction)
    weighted = losses * weight
    return weighted.sum() / weight.sum() if reduction == "mean" else reduced(weighted, reduction)


def _times_log(t: Tensor) -> Tensor:
    """t ln t, and 0 where t is 0."""
    return t * log(where(t == 0, fill(t, 1), t))
