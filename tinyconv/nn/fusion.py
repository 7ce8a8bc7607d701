"""Batch normalisation folded into the layer before it, for evaluation: one layer that computes what both do."""

from __future__ import annotations

import copy
from typing import Any

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.errors import ArgumentError
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.creation.creation import ones_like, zeros_like
from tinyconv.ops.tensor import Tensor


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of ``conv`` whose weight and bias include the batch normalisation ``bn`` after it.

        weight = weight · γ / √(variance + eps),   bias = (bias - mean) · γ / √(variance + eps) + β   per channel

    ``transpose``: ``conv`` is a transposed convolution, whose weight has the outputs in dimension 1.

    Shape: both as made for each other: ``bn`` has as many channels as ``conv`` gives.
    Dtype: float32 or float64.
    Raises: ``ArgumentError`` for layers in training mode, or a ``bn`` without running statistics.

    >>> conv, bn = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval()
    >>> x = tc.ones(1, 1, 3, 3)
    >>> tc.allclose(nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)))
    True
    """
    _require_evaluation("fuse_conv_bn_eval", conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """The weight and the bias of a convolution that includes the batch normalisation after it.

    ``bn_rm``, ``bn_rv``: its running mean and variance; the other arguments: the layers' weights and biases.

    Shape: conv_w (K, ...), or (..., K, ...) with ``transpose``; all others (K,).
    Dtype: float32 or float64; the result has that of conv_w.
    Raises: ``ShapeError`` where the numbers of channels differ.

    >>> weight, bias = tc.ones(1, 1, 1, 1), tc.zeros(1)
    >>> fused, _ = nn.utils.fuse_conv_bn_weights(weight, bias, bias, tc.tensor([4.0]), 0.0, None, None)
    >>> fused.item()
    0.5
    """
    with no_grad():
        mean = zeros_like(bn_rm) if conv_b is None else conv_b
        scale = (ones_like(bn_rm) if bn_w is None else bn_w) * (bn_rv + bn_eps).rsqrt()
        spread = [1] * conv_w.ndim
        spread[1 if transpose else 0] = -1
        weight = (conv_w * scale.reshape(*spread)).to(conv_w.dtype)
        bias = (mean - bn_rm) * scale + (zeros_like(bn_rm) if bn_b is None else bn_b)
    return (
        Parameter(weight, requires_grad=conv_w.requires_grad),
        Parameter(bias.to(conv_w.dtype), requires_grad=conv_b is not None and conv_b.requires_grad),
    )


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of ``linear`` whose weight and bias include the batch normalisation ``bn`` after it.

    Shape: both as made for each other: ``bn`` has as many features as ``linear`` gives.
    Dtype: float32 or float64.
    Raises: ``ArgumentError`` for layers in training mode, a ``bn`` without running statistics, or other features.

    >>> linear, bn = nn.Linear(3, 2).eval(), nn.BatchNorm1d(2).eval()
    >>> x = tc.ones(4, 3)
    >>> tc.allclose(nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)))
    True
    """
    _require_evaluation("fuse_linear_bn_eval", linear, bn)
    if linear.out_features != bn.num_features:
        raise ArgumentError(
            f"fuse_linear_bn_eval: the linear layer gives {linear.out_features} features, bn takes {bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        linear.weight, linear.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """The weight and the bias of a linear layer that includes the batch normalisation after it.

    ``bn_rm``, ``bn_rv``: its running mean and variance; the other arguments: the layers' weights and biases.

    Shape: linear_w (K, C); all others (K,).
    Dtype: float32 or float64; the result has that of linear_w.
    Raises: ``ShapeError`` where the numbers of features differ.

    >>> ones, zeros = tc.ones(1), tc.zeros(1)
    >>> fused, _ = nn.utils.fuse_linear_bn_weights(tc.ones(1, 2), None, zeros, tc.tensor([4.0]), 0.0, ones, zeros)
    >>> fused.tolist()
    [[0.5, 0.5]]
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _require_evaluation(name: str, layer: Any, bn: Any) -> None:
    if layer.training or bn.training:
        raise ArgumentError(f"{name}: in training, the statistics are those of each batch; call eval() on both first")
    if bn.running_mean is None or bn.running_var is None:
        raise ArgumentError(f"{name}: {bn!r} keeps no running statistics, so there is nothing to fold in")
