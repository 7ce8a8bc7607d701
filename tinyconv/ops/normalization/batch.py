"""Batch normalisation: each channel by its statistics over the whole batch, or by running ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.normalization.channels import ChannelNorm, FrozenNorm, check_channels, check_eps, move_towards

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class BatchNorm(ChannelNorm):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, with the statistics of the batch itself."""

    def __init__(self, eps: float, channels: int) -> None:
        super().__init__(eps, per_image=False, groups=channels)


class FrozenBatchNorm(FrozenNorm):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, with given statistics: constants to the gradient."""


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
    channels = check_channels(
        "batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    check_eps("batch_norm", eps)
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
            f"batch_norm: training needs more than one value per channel, input {tuple(input.shape)} has {values}: the "
            "variance of one value is 0; use a larger batch (drop_last=True in the loader), or evaluate with eval()"
        )
    operation = BatchNorm(eps, channels)
    result: Tensor = operation.apply(input, weight, bias)
    move_towards(running_mean, operation.mean[0], momentum)
    move_towards(running_var, operation.variance[0] * (values / (values - 1)), momentum)
    return result
