"""Group and instance normalisation: statistics within each image, which the rest of the batch does not change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.normalization.channels import ChannelNorm, FrozenNorm, check_channels, check_eps, move_towards

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class GroupNorm(ChannelNorm):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, with the statistics of a group of channels of one image."""

    def __init__(self, eps: float, groups: int) -> None:
        super().__init__(eps, per_image=True, groups=groups)


class InstanceNorm(GroupNorm):
    """Group normalisation where every channel is a group of its own."""


class FrozenInstanceNorm(FrozenNorm):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, with given statistics: constants to the gradient."""


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """``input`` with mean 0 and variance 1 in each group of channels of each image, scaled and shifted by channel.

        y = (x - mean) / sqrt(variance + eps) weight + bias

    ``num_groups`` groups of C / num_groups neighbouring channels have a mean and a (biased) variance each, over their
    pixels. One group normalises whole images; as many groups as channels is instance normalisation.

    Shape: input (N, C) or (N, C, ...), result the same; weight and bias (C,).
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` where groups do not divide the channels, for vectors of another length, and for one group of
        a single value; ``ArgumentError`` for fewer groups than 1; ``DTypeError`` for other or mixed types.
    Source: Wu & He, "Group Normalization", 2018.

    >>> F.group_norm(tc.tensor([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])
    """
    channels = check_channels("group_norm", input, weight=weight, bias=bias)
    check_eps("group_norm", eps)
    if isinstance(num_groups, bool) or not isinstance(num_groups, int) or num_groups < 1:
        raise ArgumentError(f"group_norm: num_groups must be an int of at least 1, got {num_groups!r}")
    if channels % num_groups:
        raise ShapeError(
            f"group_norm: {channels} channels of input {tuple(input.shape)} cannot be cut into num_groups={num_groups} "
            f"equal groups: {channels} % {num_groups} = {channels % num_groups}; choose a divisor of {channels}"
        )
    if math.prod(input.shape) == num_groups:
        raise ShapeError(
            f"group_norm: a group needs more than one value, input {tuple(input.shape)} in num_groups={num_groups} has "
            "1: its variance is 0 and the result only the bias; use fewer groups or larger images"
        )
    result: Tensor = GroupNorm(eps, num_groups).apply(input, weight, bias)
    return result


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each image with mean 0 and variance 1 over its pixels, scaled by ``weight``, shifted by ``bias``.

        y = (x - mean) / sqrt(variance + eps) weight + bias

    ``use_input_stats``: by the image's own mean and biased variance; the running ones, if given, move by ``momentum``
    towards the averages over the batch of means and of unbiased variances. Otherwise by the running statistics.

    Shape: input (N, C, L), (N, C, H, W) or (N, C, D, H, W), result the same; the vectors (C,).
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for images of a single pixel or vectors of another length; ``ArgumentError`` where running
        statistics are missing; ``DTypeError`` for other or mixed types.
    Source: Ulyanov, Vedaldi & Lempitsky, "Instance Normalization", 2016.

    >>> F.instance_norm(tc.tensor([[[1.0, 3.0], [10.0, 30.0]]]), eps=0.0)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    channels = check_channels(
        "instance_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    check_eps("instance_norm", eps)
    if (running_mean is None) != (running_var is None):
        raise ArgumentError("instance_norm: running_mean and running_var belong together; give both or neither")
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                "instance_norm: with use_input_stats=False it needs running_mean and running_var; pass them, or "
                "normalise by the images' own statistics"
            )
        frozen: Tensor = FrozenInstanceNorm(eps, running_mean.array, running_var.array).apply(input, weight, bias)
        return frozen
    pixels = math.prod(input.shape[2:])
    if pixels < 2:
        raise ShapeError(
            f"instance_norm: it needs more than one pixel in a channel, input {tuple(input.shape)} has {pixels}: the "
            "variance of one value is 0; use larger images, or layer_norm"
        )
    operation = InstanceNorm(eps, channels)
    result: Tensor = operation.apply(input, weight, bias)
    if len(input):
        move_towards(running_mean, operation.mean.mean(axis=0), momentum)
        move_towards(running_var, operation.variance.mean(axis=0) * (pixels / (pixels - 1)), momentum)
    return result
