"""Normalisation: by batches, images, groups, layers, and neighbouring channels."""

from __future__ import annotations

import math
from typing import Any

from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.table import operator
from tinyconv.nn import functional as F
from tinyconv.ops.tensor import Tensor


@operator("BatchNormalization")
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
    training: bool = False,
    outputs: int = 1,
) -> Any:
    """With ``training_mode``, by the batch; then the new statistics are results: old · momentum + batch · rest.

    ONNX's running variance is that of the batch itself, where PyTorch's layer estimates that of its source.
    """
    if not (training_mode and training):
        if outputs > 1:
            raise UnsupportedError("operator BatchNormalization has statistics as results in training mode alone")
        return F.batch_norm(x, mean, variance, scale, shift, eps=epsilon)
    y = F.batch_norm(x, None, None, scale, shift, training=True, eps=epsilon)
    axes = (0, *range(2, x.ndim))
    batch = x.mean(axes), x.var(axes, correction=0)
    running = [old * momentum + new * (1 - momentum) for old, new in zip((mean, variance), batch, strict=True)]
    return (y, *running)[:outputs]


@operator("InstanceNormalization")
def instance_normalization(x: Tensor, scale: Tensor, shift: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    return F.instance_norm(x, weight=scale, bias=shift, eps=epsilon)


@operator("GroupNormalization")
def group_normalization(
    x: Tensor, scale: Tensor, shift: Tensor, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    _single_precision("GroupNormalization", stash_type)
    return F.group_norm(x, num_groups, scale, shift, epsilon)


@operator("LayerNormalization")
def layer_normalization(
    x: Tensor,
    scale: Tensor,
    shift: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
    outputs: int = 1,
) -> Any:
    _single_precision("LayerNormalization", stash_type)
    axes = tuple(range(axis % x.ndim, x.ndim))
    if outputs == 1 and scale.shape == tuple(x.shape[axes[0] :]) and (shift is None or shift.shape == scale.shape):
        return F.layer_norm(x, scale.shape, scale, shift, epsilon)
    mean = x.mean(axes, keepdim=True)
    inverse = (x.var(axes, correction=0, keepdim=True) + epsilon).rsqrt()
    y = (x - mean) * inverse * scale
    return (y if shift is None else y + shift, mean, inverse)[:outputs] if outputs > 1 else y + (shift or 0)


@operator("RMSNormalization")
def rms_normalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    _single_precision("RMSNormalization", stash_type)
    axes = tuple(range(axis % x.ndim, x.ndim))
    return x * ((x * x).mean(axes, keepdim=True) + epsilon).rsqrt() * scale


def _single_precision(operator: str, stash_type: int) -> None:
    if stash_type != 1:
        raise UnsupportedError(f"operator {operator} with stash_type={stash_type} is not offered; 1 (float32) is")


@operator("LRN")
def local_response(x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Tensor:
    if size % 2:
        return F.local_response_norm(x, size, alpha, beta, bias)
    # ONNX's window of an even size has the extra channel behind, PyTorch's before.
    return F.local_response_norm(x.flip(1), size, alpha, beta, bias).flip(1)


@operator("LpNormalization")
def lp_normalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    if p not in (1, 2):
        raise UnsupportedError(f"operator LpNormalization with p={p} is not offered; 1 and 2 are")
    return F.normalize(x, p, axis)


@operator("MeanVarianceNormalization")
def mean_variance_normalization(x: Tensor, *, axes: Any = (0, 2, 3)) -> Tensor:
    chosen = tuple(axes)
    centred = x - x.mean(chosen, keepdim=True)
    return centred / ((centred * centred).mean(chosen, keepdim=True).sqrt() + _SMALLEST)


_SMALLEST = math.ldexp(1.0, -30)
