"""Batch normalisation over a batch that several processes share: statistics and their gradients are those of all of it.

With N_r numbers of a channel on process r, N = Σ N_r:

    mean = 1/N Σ_r Σ x,   variance = 1/N Σ_r Σ x² − mean²
    dx = (g − 1/N Σ_r Σ g − xhat 1/N Σ_r Σ (g xhat)) / sqrt(variance + eps),   g = weight dy

Each process adds up its own pixels; the sums Σ_r, one message in forward and one in backward, are formed in float64. dx
is right if every process starts backward from its own summand of one common loss, such as its samples' losses divided
by the number of all samples. The gradients of weight and bias are the process's own: their sum is that of the batch,
like those of every other parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core.arrays import Array
from tinyconv.core.communication import Communicator
from tinyconv.core.errors import ShapeError, UnsupportedError
from tinyconv.ops.normalization.channels import ChannelNorm, check_channels, check_eps, move_towards, per_channel

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class SumOfProcesses(Operation):
    """y = Σ_r x_r, the same on every process;  dx = Σ_r dy_r: each process's y depends on this one's x."""

    def __init__(self, communicator: Communicator) -> None:
        self.communicator = communicator

    def forward(self, x: Any) -> Any:
        y = np.array(x, order="C")
        self.communicator.sum(y)
        return y

    def backward(self, dy: Tensor) -> Any:
        return SumOfProcesses(self.communicator).apply(dy)


class SynchronizedNorm(ChannelNorm):
    """y = weight (x − mean) / sqrt(variance + eps) + bias, with the statistics of all processes' x."""

    def __init__(self, eps: float, channels: int, communicator: Communicator) -> None:
        super().__init__(eps, per_image=False, groups=channels)
        self.communicator = communicator

    def moments(self, images: Array) -> tuple[Array, Array]:
        mean, variance = backend(self.device).channel_moments(images, 1)
        own = images.size // max(1, images.shape[1])
        # What each process has seen: the number of pixels, and for each channel the sums of x and of x².
        sums = np.concatenate([[own], own * mean[0], own * (variance[0] + mean[0] ** 2)])
        self.communicator.sum(sums)
        self.pixels = int(sums[0])
        common, squares = np.split(sums[1:] / max(1, self.pixels), 2)
        return common[None], np.maximum(squares - common**2, 0.0)[None]

    def input_gradient(self, dy: Array, x: Array, weight: Any, sums: Array, products: Array) -> Array:
        mean, inverse_std = self.saved
        everyone = np.concatenate([sums[0], products[0]])
        self.communicator.sum(everyone)
        common, projection = (part[None] * weight / self.pixels for part in np.split(everyone, 2))
        factors = weight * inverse_std, -projection * inverse_std**3, -common * inverse_std
        dx: Array = backend(self.device).channel_combination(dy, x, mean, *(factor + 0 * mean for factor in factors))
        return dx

    def differentiable_backward(self, dy: Tensor, x: Tensor, weight: Tensor | None) -> Any:
        """The same formulas written with operations on tensors, sums over processes among them."""

        def mean_of_all(values: Tensor) -> Tensor:
            own: Tensor = values.sum((0, *range(2, x.ndim)))
            total: Tensor = SumOfProcesses(self.communicator).apply(own)
            return per_channel(total / self.pixels, x.ndim)

        scaled = dy if weight is None else dy * per_channel(weight, x.ndim)
        centred = x - mean_of_all(x)
        inverse_std = (mean_of_all(centred * centred) + self.eps).rsqrt()
        xhat = centred * inverse_std
        dx = (scaled - mean_of_all(scaled) - xhat * mean_of_all(scaled * xhat)) * inverse_std
        return self.gradients(dy, xhat, dx)


def synchronized_batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
    communicator: Communicator,
) -> Tensor:
    """``batch_norm`` in training, by mean and variance of the batch that all processes have together."""
    name = "SyncBatchNorm"
    channels = check_channels(name, input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    check_eps(name, eps)
    if input.device.type != "cpu":
        raise UnsupportedError(f"{name}: statistics are shared between processors only, got a tensor on {input.device}")
    operation = SynchronizedNorm(eps, channels, communicator)
    result: Tensor = operation.apply(input, weight, bias)
    pixels = operation.pixels
    if pixels < 2:
        raise ShapeError(
            f"{name}: training needs more than one value per channel in the batch of all processes, it has {pixels}; "
            "use a larger batch, or evaluate with eval()"
        )
    move_towards(running_mean, operation.mean[0], momentum)
    move_towards(running_var, operation.variance[0] * (pixels / (pixels - 1)), momentum)
    return result
