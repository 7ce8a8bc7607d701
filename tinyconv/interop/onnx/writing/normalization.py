"""Normalisation: by running statistics, within images, over the last dimensions, over neighbouring channels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.transfer import to_host
from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.table import refused, writes
from tinyconv.models.tracing import Step
from tinyconv.ops.normalization.batch import BatchNorm
from tinyconv.ops.normalization.images import FrozenInstanceNorm, GroupNorm, InstanceNorm
from tinyconv.ops.normalization.layer import LayerNorm, RmsNorm
from tinyconv.ops.normalization.response import ChannelWindowSum, LocalResponseNorm


def _vector(draft: Draft, step: Step, name: str, constant: float, size: int) -> str:
    """A weight or a bias; where the layer has none, what changes nothing."""
    dtype = step.source.dtype
    return name or draft.weight("ones" if constant else "zeros", np.full(size, constant, dtype))


def _running(draft: Draft, step: Step, buffer: str, values: Any) -> str:
    """Running statistics: under the buffer's name in the state dict, where the module that ran has it."""
    array: Array = to_host(values).astype(step.source.dtype).reshape(-1)
    name = f"{step.path}.{buffer}" if step.path else buffer
    return draft.weight(name if buffer in dict(step.module.named_buffers(recurse=False)) else "statistics", array)


@writes(BatchNorm)
def batch_norm(draft: Draft, step: Step, x: str, weight: str, bias: str, residual: str = "") -> str:
    operation = step.operation
    if operation.statistics is None:
        raise refused(step, "normalises by the statistics of the batch itself (track_running_stats=False, or train())")
    y = _frozen(draft, step, x, weight, bias, operation.statistics)
    if residual:
        y = draft.node("Add", y, residual)
    return draft.node("Relu", y) if operation.relu else y


@writes(FrozenInstanceNorm)
def frozen_instance_norm(draft: Draft, step: Step, x: str, weight: str, bias: str) -> str:
    return _frozen(draft, step, x, weight, bias, step.operation.given)


def _frozen(draft: Draft, step: Step, x: str, weight: str, bias: str, statistics: Any) -> str:
    channels = step.source.shape[1]
    return draft.node(
        "BatchNormalization",
        x,
        _vector(draft, step, weight, 1, channels),
        _vector(draft, step, bias, 0, channels),
        _running(draft, step, "running_mean", statistics[0]),
        _running(draft, step, "running_var", statistics[1]),
        epsilon=float(step.operation.eps),
    )


@writes(GroupNorm, InstanceNorm)
def group_norm(draft: Draft, step: Step, x: str, weight: str, bias: str) -> str:
    """Instance normalisation, with each group laid out as one channel, then scaled and shifted channel by channel."""
    shape, groups = step.source.shape, step.operation.groups
    epsilon = float(step.operation.eps)
    if groups == shape[1] and len(shape) > 2:
        vectors = (_vector(draft, step, weight, 1, groups), _vector(draft, step, bias, 0, groups))
        return draft.node("InstanceNormalization", x, *vectors, epsilon=epsilon)
    rows = (shape[0], groups, math.prod(shape[1:]) // groups)
    ones, zeros = _vector(draft, step, "", 1, groups), _vector(draft, step, "", 0, groups)
    flat = draft.reshape(x, shape, rows)
    y = draft.reshape(draft.node("InstanceNormalization", flat, ones, zeros, epsilon=epsilon), rows, shape)
    per_channel = (shape[1], *(1,) * (len(shape) - 2))
    if weight:
        y = draft.node("Mul", y, draft.reshape(weight, (shape[1],), per_channel))
    return draft.node("Add", y, draft.reshape(bias, (shape[1],), per_channel)) if bias else y


@writes(LayerNorm)
def layer_norm(draft: Draft, step: Step, x: str, weight: str, bias: str = "") -> str:
    operation, source = step.operation, step.source
    if not weight:
        weight = draft.weight("ones", np.ones(source.shape[-operation.dims :], source.dtype))
    return draft.node("LayerNormalization", x, weight, bias, axis=-operation.dims, epsilon=float(operation.eps))


@writes(RmsNorm)
def rms_norm(draft: Draft, step: Step, x: str, weight: str) -> str:
    """x / sqrt(mean of x^2 + eps)."""
    operation, source = step.operation, step.source
    axes = draft.ints(*range(-operation.dims, 0))
    squares = draft.node("ReduceMean", draft.node("Mul", x, x), axes, keepdims=1)
    deviation = draft.node("Sqrt", draft.node("Add", squares, draft.number(operation.eps, source)))
    y = draft.node("Div", x, deviation)
    return draft.node("Mul", y, weight) if weight else y


@writes(ChannelWindowSum)
def channel_window_sum(draft: Draft, step: Step, x: str) -> str:
    return _window_sum(draft, step, x, step.operation.before, step.operation.after)


@writes(LocalResponseNorm)
def local_response_norm(draft: Draft, step: Step, x: str) -> str:
    """The operator LRN, where it looks at as many channels before as after; readers know it for images."""
    operation, source = step.operation, step.source
    before, after = operation.window
    size = before + after + 1
    if before == after and len(source.shape) == 4:
        rate, beta, bias = float(operation.rate), float(operation.beta), float(operation.k)
        return draft.node("LRN", x, alpha=rate * size, beta=beta, bias=bias, size=size)
    total = _window_sum(draft, step, draft.node("Mul", x, x), before, after)
    scaled = draft.node("Mul", total, draft.number(operation.rate, source))
    divisor = draft.node("Add", scaled, draft.number(operation.k, source))
    return draft.node("Div", x, draft.node("Pow", divisor, draft.number(operation.beta, source)))


def _window_sum(draft: Draft, step: Step, x: str, before: int, after: int) -> str:
    """The sum of shifted copies, with channels of zeros at both ends."""
    source = step.source
    rest = (0,) * (len(source.shape) - 2)
    padded = draft.node("Pad", x, draft.ints(0, before, *rest, 0, after, *rest), mode="constant")
    channels = source.shape[1]
    parts = [
        draft.node("Slice", padded, draft.ints(shift), draft.ints(shift + channels), draft.ints(1))
        for shift in range(before + after + 1)
    ]
    return draft.node("Sum", *parts) if len(parts) > 1 else parts[0]
