"""Batch normalisation: each channel by its statistics over the whole batch, or by running ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.backends import backend
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.windows import Windows
from tinyconv.ops.activation.rectifier import ReluGradient
from tinyconv.ops.dispatch import wrap
from tinyconv.ops.normalization.channels import (
    ChannelNorm,
    as_images,
    check_channels,
    check_eps,
    move_towards,
    per_channel,
)
from tinyconv.ops.pooling.maximum import MaxOfWindowsGradient

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class BatchNorm(ChannelNorm):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, then + residual and max(., 0) where they are asked for.

    ``statistics``: mean and variance, constants to the gradient, in the place of the batch's own.
    """

    def __init__(
        self, eps: float, channels: int, statistics: tuple[Array, Array] | None = None, relu: bool = False
    ) -> None:
        super().__init__(eps, per_image=False, groups=channels)
        self.statistics, self.relu = statistics, relu

    def forward(self, x: Any, weight: Any, bias: Any, residual: Any = None) -> Any:
        self.retain_inputs(0, 1, 2 if self.relu else None)
        if residual is not None:
            self.retain_output()
        y, self.mean, self.variance = backend(self.device).batch_norm(
            as_images(x), weight, bias, self.eps, self.statistics, *_images_or_none(residual), self.relu
        )
        self.saved = self.mean, self.variance
        return y.reshape(x.shape)

    def backward(self, dy: Tensor) -> Any:
        x, weight, bias, *results = self.retained()
        result = results[0] if results else None
        if is_grad_enabled():
            return self.recorded_backward(dy, x, weight, bias, result)
        fixed, parameters = self.statistics is not None, (_array_or_none(weight), _array_or_none(bias))
        arrays = backend(self.device).batch_norm_gradient(
            as_images(dy.array), as_images(x.array), *parameters, self.eps, self.saved, fixed,
            *_images_or_none(_array_or_none(result)), self.relu,
        )  # fmt: skip
        dx, dweight, dbias, dresidual = arrays
        found = (dx.reshape(x.shape), dweight, dbias, dresidual.reshape(x.shape))
        wanted = zip(found, self.needs_input_gradient, strict=False)
        return tuple(dy.wrap(array, self.device) if needed else None for array, needed in wanted)

    def recorded_backward(self, dy: Tensor, x: Tensor, weight: Tensor, bias: Tensor, result: Tensor | None) -> Any:
        """The steps one by one, with operations on tensors, so that they can be differentiated again."""
        if self.relu:
            dy = ReluGradient().apply(dy, self.result_again(x, weight, bias) if result is None else result.detach())
        gradients = self.differentiable_backward(dy, x, weight)
        return gradients if result is None else (*gradients, dy)

    def result_again(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The result, with no place on the tape; for the unfused steps of a gradient of gradients."""
        parameters = (_array_or_none(weight), _array_or_none(bias), self.eps, self.saved, None, self.relu)
        y, _, _ = backend(self.device).batch_norm(as_images(x.array), *parameters)
        return wrap(y.reshape(x.shape), self.device)

    def differentiable_backward(self, dy: Tensor, x: Tensor, weight: Tensor | None) -> Any:
        if self.statistics is None:
            return super().differentiable_backward(dy, x, weight)
        mean, variance = self.saved
        dtype = x.array.dtype
        centre, inverse_std = (
            per_channel(wrap(array.astype(dtype), self.device), x.ndim)
            for array in (mean, 1 / self.xp.sqrt(variance + self.eps))
        )
        dx = dy * inverse_std
        if weight is not None:
            dx = dx * per_channel(weight, x.ndim)
        return self.gradients(dy, (x - centre) * inverse_std, dx)


class BatchNormMaxPool(BatchNorm):
    """The maxima over windows, which do not overlap, of max(weight (x - mean) / sqrt(variance + eps) + bias, 0)."""

    def __init__(self, eps: float, channels: int, windows: Windows) -> None:
        super().__init__(eps, channels, relu=True)
        self.windows = windows

    def forward(self, x: Any, weight: Any, bias: Any, residual: Any = None) -> Any:
        self.retain_inputs(0, 1, 2)
        y, *self.saved = backend(self.device).batch_norm_max_pool2d(x, weight, bias, self.eps, self.windows)
        self.mean, self.variance = self.saved[2:]
        return y

    def backward(self, dy: Tensor) -> Any:
        x, weight, bias = self.retained()
        if is_grad_enabled():
            return self.recorded_backward(dy, x, weight, bias, None)
        switches, winners, *statistics = self.saved
        arrays = backend(self.device).batch_norm_max_pool2d_gradient(
            dy.array, x.array, switches, winners, _array_or_none(weight), _array_or_none(bias), self.eps,
            tuple(statistics), self.windows,
        )  # fmt: skip
        wanted = zip(arrays, self.needs_input_gradient, strict=True)
        return tuple(wrap(array, self.device) if needed else None for array, needed in wanted)

    def recorded_backward(self, dy: Tensor, x: Tensor, weight: Tensor, bias: Tensor, result: Tensor | None) -> Any:
        rectified = self.result_again(x, weight, bias)
        _, switches = backend(self.device).max_pool2d(rectified.array, self.windows)
        dy = ReluGradient().apply(MaxOfWindowsGradient(switches, self.windows).apply(dy), rectified)
        return self.differentiable_backward(dy, x, weight)

    def result_again(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        parameters = (_array_or_none(weight), _array_or_none(bias), self.eps, (self.mean, self.variance), None, True)
        return wrap(backend(self.device).batch_norm(x.array, *parameters)[0], self.device)


def _array_or_none(tensor: Tensor | None) -> Array | None:
    return None if tensor is None else tensor.array


def _images_or_none(array: Array | None) -> tuple[Array | None]:
    return (None if array is None else as_images(array),)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of ``input`` with mean 0 and variance 1 over the batch, scaled by ``weight``, shifted by ``bias``.

        y = (x - mean) / sqrt(variance + eps) weight + bias

    ``training``: by the mean and the biased variance of the batch; the running ones, if given, move by ``momentum``
    towards them in place, running = (1 - momentum) running + momentum batch, where the batch's variance is the unbiased
    one, sum (x - mean)^2 / (m - 1). Otherwise by the running statistics. Sums are formed in float64.

    Shape: input (N, C), (N, C, L), (N, C, H, W) or (N, C, D, H, W), result the same; the vectors (C,).
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for vectors of another length, and in training for a single value per channel;
        ``ArgumentError`` where running statistics are missing; ``DTypeError`` for other or mixed types.
    Source: Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1.

    >>> F.batch_norm(tc.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    return normalized_batch(input, running_mean, running_var, weight, bias, training, momentum, eps)


def normalized_batch(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    residual: Tensor | None = None,
    relu: bool = False,
    pooled_by: Windows | None = None,
) -> Tensor:
    """``batch_norm`` and what can follow it in the same passes over memory: + residual, max(., 0), maxima of windows.

    ``residual``: of the input's shape and type, with ``relu`` only. ``pooled_by``: windows of at most 255 pixels, none
    of which overlap, on a 4-D input in training, with ``relu`` and without a residual.
    """
    channels = check_channels(
        "batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    check_eps("batch_norm", eps)
    operands = (input, weight, bias) if residual is None else (input, weight, bias, residual)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                "batch_norm: without training=True it needs running_mean and running_var; pass them, or normalise by "
                "the batch's own statistics with training=True"
            )
        # Copied: the running averages move on before backward, if a training step follows.
        statistics = (running_mean.array.astype(np.float64), running_var.array.astype(np.float64))
        frozen: Tensor = BatchNorm(eps, channels, statistics, relu).apply(*operands)
        return frozen
    values = math.prod(input.shape) // max(channels, 1)
    if values < 2:
        raise ShapeError(
            f"batch_norm: training needs more than one value per channel, input {tuple(input.shape)} has {values}: the "
            "variance of one value is 0; use a larger batch (drop_last=True in the loader), or evaluate with eval()"
        )
    operation = BatchNorm(eps, channels, relu=relu)
    if pooled_by is not None:
        operation = BatchNormMaxPool(eps, channels, pooled_by)
    result: Tensor = operation.apply(*operands)
    move_towards(running_mean, operation.mean, momentum)
    move_towards(running_var, operation.variance * (values / (values - 1)), momentum)
    return result
