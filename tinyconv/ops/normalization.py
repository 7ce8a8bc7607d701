"""Batch normalisation (Ioffe & Szegedy, "Batch Normalization", 2015).

With the mean and the biased variance of each channel over the batch and its pixels, m values in all:

    xhat = (x - mean) / sqrt(variance + eps),          y = weight xhat + bias
    dbias = sum dy,   dweight = sum dy xhat,   dx = weight / sqrt(variance + eps) (dy - dbias / m - xhat dweight / m)

When evaluating, mean and variance are the running averages of training, constants to the gradient:
dx = weight / sqrt(variance + eps) dy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.images import require_floating

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class BatchNorm(Operation):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, with the statistics of the batch itself."""

    kind = "norm"

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def statistics(self, images: Array) -> tuple[Array, Array]:
        """Mean and biased variance of each channel of ``images``."""
        self.mean, self.variance = backend(self.device).batch_norm_statistics(images)
        return self.mean, self.variance

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        self.retain_inputs(0, 1)
        images = _as_images(x)
        mean, variance = self.statistics(images)
        inverse_std = 1 / self.xp.sqrt(variance + x.dtype.type(self.eps))
        self.saved = mean, inverse_std
        return backend(self.device).batch_norm(images, mean, inverse_std, weight, bias).reshape(x.shape)

    def backward(self, dy: Tensor) -> Any:
        x, weight = self.retained()
        if is_grad_enabled():
            return self.differentiable_backward(dy, x, weight)
        mean, inverse_std = self.saved
        dx, dweight, dbias = self.fused_backward(_as_images(dy.array), _as_images(x.array), mean, inverse_std, weight)
        wanted = zip((dx.reshape(x.shape), dweight, dbias), self.needs_input_gradient, strict=True)
        return tuple(dy.wrap(array, self.device) if needed else None for array, needed in wanted)

    def fused_backward(
        self, dy: Array, x: Array, mean: Array, inverse_std: Array, weight: Tensor | None
    ) -> tuple[Array, Array, Array]:
        """(dx, dweight, dbias) from one kernel."""
        scale = None if weight is None else weight.array
        gradients: tuple[Array, Array, Array] = backend(self.device).batch_norm_gradient(
            dy, x, mean, inverse_std, scale
        )
        return gradients

    def differentiable_backward(self, dy: Tensor, x: Tensor, weight: Tensor | None) -> Any:
        """The same formulas written with operations on tensors, so that they can be differentiated again."""
        pixels = (0, *range(2, len(x.shape)))
        centred = x - x.mean(pixels, keepdim=True)
        xhat, inverse_std = self._normalized(centred, (centred * centred).mean(pixels, keepdim=True))
        residual = dy - dy.mean(pixels, keepdim=True) - xhat * (dy * xhat).mean(pixels, keepdim=True)
        return self._gradients(dy, xhat, residual * inverse_std, weight, pixels)

    def _normalized(self, centred: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        inverse_std = (variance + self.eps).rsqrt()
        return centred * inverse_std, inverse_std

    def _gradients(
        self, dy: Tensor, xhat: Tensor, dx: Tensor, weight: Tensor | None, pixels: tuple[int, ...]
    ) -> tuple[Tensor | None, ...]:
        needs = self.needs_input_gradient
        if weight is not None:
            dx = dx * _per_channel(weight, len(dy.shape))
        return (
            dx if needs[0] else None,
            (dy * xhat).sum(pixels) if needs[1] else None,
            dy.sum(pixels) if needs[2] else None,
        )


class FrozenBatchNorm(BatchNorm):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, with given statistics: constants to the gradient."""

    def __init__(self, eps: float, mean: Array, variance: Array) -> None:
        super().__init__(eps)
        # Copied: the running averages move on before backward, if a training step follows.
        self.mean, self.variance = mean.copy(), variance.copy()

    def statistics(self, images: Array) -> tuple[Array, Array]:
        return self.mean, self.variance

    def fused_backward(
        self, dy: Array, x: Array, mean: Array, inverse_std: Array, weight: Tensor | None
    ) -> tuple[Array, Array, Array]:
        kernels = backend(self.device)
        zero = self.xp.zeros_like(mean)
        dx = kernels.batch_norm(dy, zero, inverse_std, None if weight is None else weight.array, None)
        xhat = kernels.batch_norm(x, mean, inverse_std, None, None)
        xhat *= dy
        return dx, kernels.channel_sum(xhat), kernels.channel_sum(dy)

    def differentiable_backward(self, dy: Tensor, x: Tensor, weight: Tensor | None) -> Any:
        pixels = (0, *range(2, len(x.shape)))
        mean, variance = (
            _per_channel(dy.wrap(array, self.device), len(x.shape))  # type: ignore[arg-type]
            for array in (self.mean, self.variance)
        )
        xhat, inverse_std = self._normalized(x - mean, variance)
        return self._gradients(dy, xhat, dy * inverse_std, weight, pixels)


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
    """Normalise each channel of ``input`` (N, C, H, W) or (N, C); scale it by ``weight`` and shift it by ``bias`` (C,).

    ``training``: by the statistics of the batch, and the running ones, if given, move by ``momentum`` towards them in
    place: running = (1 - momentum) running + momentum batch, where the batch's variance is the unbiased one,
    sum (x - mean)^2 / (m - 1). Otherwise by the running statistics. Raises ``ShapeError``, ``ArgumentError``.
    """
    require_floating(
        "batch_norm", input=input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if len(input.shape) not in (2, 4):
        raise ShapeError(f"batch_norm: input must have shape (N, C, H, W) or (N, C), got {input.shape}")
    channels = input.shape[1]
    for argument, tensor in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if tensor is not None and tensor.shape != (channels,):
            raise ShapeError(
                f"batch_norm: {argument} must have one element per channel of the input {input.shape}, "
                f"shape ({channels},), got {tensor.shape}"
            )
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                "batch_norm: without training=True it needs running_mean and running_var; pass them, or normalise by "
                "the batch's own statistics with training=True"
            )
        frozen: Tensor = FrozenBatchNorm(eps, running_mean.array, running_var.array).apply(input, weight, bias)
        return frozen
    values = math.prod(input.shape) // max(channels, 1)
    if values < 2:
        raise ShapeError(
            f"batch_norm: training needs more than one value per channel, input {input.shape} has {values}: the "
            "variance of one value is 0; use a larger batch (drop_last=True in the loader), or evaluate with eval()"
        )
    operation = BatchNorm(eps)
    result: Tensor = operation.apply(input, weight, bias)
    _move_towards(running_mean, operation.mean, momentum)
    _move_towards(running_var, operation.variance * (values / (values - 1)), momentum)
    return result


def _move_towards(running: Tensor | None, batch: Array, momentum: float) -> None:
    if running is not None:
        running.array[...] = (1 - momentum) * running.array + momentum * batch
        running.bump_version()


def _as_images(array: Array) -> Array:
    """(N, C) seen as (N, C, 1, 1)."""
    return array if array.ndim == 4 else array.reshape(*array.shape, 1, 1)


def _per_channel(values: Tensor, ndim: int) -> Tensor:
    return values.reshape(-1, *(1,) * (ndim - 2))
