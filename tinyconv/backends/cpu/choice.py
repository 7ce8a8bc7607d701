"""The one place that chooses how a convolution is computed, from its shape alone."""

from __future__ import annotations

from enum import Enum

from tinyconv.core.arrays import Pair


class Algorithm(Enum):
    """How a convolution and both its gradients are computed."""

    POINTWISE = "pointwise"
    """A 1 x 1 kernel sees no neighbours: the pixels of all images are the rows of one matrix product."""

    DEPTHWISE = "depthwise"
    """Groups of one channel: nothing to sum over channels, so SIMD runs over the groups."""

    DIRECT = "direct"
    """Sums over taps and channels in register tiles. Takes every shape, and few channels well: where taps lie side by
    side in memory, they and the channels are one run of numbers to sum over."""


def choose(
    out_channels: int, channels_per_group: int, kernel_size: Pair, stride: Pair, padding: Pair, groups: int
) -> Algorithm:
    """The algorithm for a convolution with a weight (out_channels, channels_per_group, *kernel_size).

    Forward and both gradients follow the same choice, so that all three are sums over the same list of taps.
    """
    if channels_per_group == 1 and groups > 1 and out_channels // groups < 8:
        return Algorithm.DEPTHWISE
    if kernel_size == (1, 1) and stride == (1, 1) and padding == (0, 0) and groups == 1:
        return Algorithm.POINTWISE
    return Algorithm.DIRECT
