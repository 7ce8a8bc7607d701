"""Normalisation layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core import dtypes
from tinyconv.core.devices import Device
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.nn import init
from tinyconv.nn.arguments import new_parameter, new_tensor, positive
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.images import require_floating
from tinyconv.ops.normalization import batch_norm
from tinyconv.ops.tensor import Tensor


class BatchNorm2d(Module):
    """Batch normalisation of (N, num_features, H, W) (Ioffe & Szegedy, ICML 2015, algorithm 1).

        y = (x - mean) / √(variance + eps) · weight + bias,   mean and variance per channel

    In training they are those of the batch (the variance biased), and the running ones move towards them by
    ``momentum`` (the running variance unbiased); ``momentum=None`` keeps the plain average over all batches. In
    evaluation the running ones are used, unless ``track_running_stats=False``. ``affine=False``: no weight and bias,
    ``bias=False``: no bias.
    """

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = positive(num_features, "BatchNorm2d: num_features")
        if eps < 0:
            raise ArgumentError(f"BatchNorm2d: eps must be at least 0, got {eps!r}")
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, new_parameter((num_features,), device, dtype) if wanted else None)
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, new_tensor((num_features,), device, dtype) if track_running_stats else None)
        if track_running_stats:
            count = Tensor(np.zeros((), dtypes.int64.numpy), device=Device("cpu" if device is None else device))
            self.register_buffer("num_batches_tracked", count)
        else:
            self.register_buffer("num_batches_tracked", None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the batches seen so far."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Forget the batches seen so far; weight 1, bias 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        # Before the batch is counted: one that is refused has not been seen.
        require_floating("BatchNorm2d", input=input)
        if input.ndim != 4:
            raise ShapeError(f"BatchNorm2d: expected 4-D input (N, C, H, W), got shape {input.shape}")
        if input.shape[1] != self.num_features:
            raise ShapeError(f"BatchNorm2d: input has {input.shape[1]} channels, num_features={self.num_features}")
        tracking = self.training and self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        if tracking and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked.item())
        use_running = not self.training or self.track_running_stats
        return batch_norm(
            input,
            self.running_mean if use_running else None,
            self.running_var if use_running else None,
            self.weight,
            self.bias,
            training=self.training or self.running_mean is None,
            momentum=momentum,
            eps=self.eps,
        )

    def extra_repr(self) -> str:
        without_bias = ", bias=False" if self.affine and self.bias is None else ""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}{without_bias}, "
            f"track_running_stats={self.track_running_stats}"
        )
