"""Batch normalisation layers."""

from __future__ import annotations

from typing import Any, ClassVar

from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ShapeError
from tinyconv.core.windows import Windows
from tinyconv.nn.normalization.tracking import ChannelNorm
from tinyconv.ops.images import require_floating
from tinyconv.ops.normalization.batch import normalized_batch
from tinyconv.ops.normalization.channels import count_one_more
from tinyconv.ops.tensor import Tensor


class _BatchNorm(ChannelNorm):
    """Base: one class for each number of dimensions that an input may have."""

    shapes: ClassVar[dict[int, str]]

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
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        return self.normalized(input)

    def normalized(
        self, input: Tensor, residual: Tensor | None = None, relu: bool = False, pooled_by: Windows | None = None
    ) -> Tensor:
        """``forward``, and in the same passes over memory what follows it (see ``nn.fused``)."""
        momentum = self.count_batch(input)
        use_running = not self.training or self.track_running_stats
        return normalized_batch(
            input,
            self.running_mean if use_running else None,
            self.running_var if use_running else None,
            self.weight,
            self.bias,
            training=self.training or self.running_mean is None,
            momentum=momentum,
            eps=self.eps,
            residual=residual,
            relu=relu,
            pooled_by=pooled_by,
        )

    def count_batch(self, input: Tensor) -> float:
        """Check ``input``, count it where batches are counted, and tell how much it moves the running statistics."""
        # Before the batch is counted: one that is refused has not been seen.
        layer = type(self).__name__
        require_floating(layer, input=input)
        if input.ndim not in self.shapes:
            dims = " or ".join(f"{count}-D" for count in self.shapes)
            shapes = " or ".join(self.shapes.values())
            raise ShapeError(f"{layer}: expected {dims} input {shapes}, got shape {tuple(input.shape)}")
        if input.shape[1] != self.num_features:
            raise ShapeError(f"{layer}: input has {input.shape[1]} channels, num_features={self.num_features}")
        tracking = self.training and self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        if tracking and self.num_batches_tracked is not None:
            count_one_more(self.num_batches_tracked)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked.item())
        return momentum


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors or of sequences of ``num_features`` channels.

        y = (x - mean) / √(variance + eps) · weight + bias,   mean and variance per channel

    In training they are those of the batch (the variance biased), and the running ones move towards them by
    ``momentum`` (the running variance unbiased); ``momentum=None`` keeps the plain average over all batches. In
    evaluation the running ones are used, unless ``track_running_stats=False``. ``affine=False``: no weight and bias,
    ``bias=False``: no bias.

    Shape: input (N, num_features) or (N, num_features, L); result the same.
    Dtype: float32 or float64, the parameters'.
    Raises: ``ArgumentError`` for no features or an eps below 0; in the call ``ShapeError`` for other channels or
        shapes, and in training for a single value per channel.
    Source: Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1.

    >>> nn.BatchNorm1d(1, eps=0.0)(tc.tensor([[1.0], [3.0]])).detach()
    tensor([[-1.],
            [ 1.]])
    """

    shapes: ClassVar[dict[int, str]] = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images of ``num_features`` channels.

        y = (x - mean) / √(variance + eps) · weight + bias,   mean and variance per channel

    In training they are those of the batch (the variance biased), and the running ones move towards them by
    ``momentum`` (the running variance unbiased); ``momentum=None`` keeps the plain average over all batches. In
    evaluation the running ones are used, unless ``track_running_stats=False``. ``affine=False``: no weight and bias,
    ``bias=False``: no bias.

    Shape: input (N, num_features, H, W); result the same.
    Dtype: float32 or float64, the parameters'.
    Raises: ``ArgumentError`` for no features or an eps below 0; in the call ``ShapeError`` for other channels or
        shapes, and in training for a single value per channel.
    Source: Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1.

    >>> layer = nn.BatchNorm2d(1, momentum=0.5)
    >>> y = layer(tc.tensor([[[[1.0, 3.0]]]]))
    >>> layer.running_mean.tolist(), layer.running_var.tolist()
    ([1.0], [1.5])
    """

    shapes: ClassVar[dict[int, str]] = {4: "(N, C, H, W)"}


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes of ``num_features`` channels.

        y = (x - mean) / √(variance + eps) · weight + bias,   mean and variance per channel

    In training they are those of the batch (the variance biased), and the running ones move towards them by
    ``momentum`` (the running variance unbiased); ``momentum=None`` keeps the plain average over all batches. In
    evaluation the running ones are used, unless ``track_running_stats=False``. ``affine=False``: no weight and bias,
    ``bias=False``: no bias.

    Shape: input (N, num_features, D, H, W); result the same.
    Dtype: float32 or float64, the parameters'.
    Raises: ``ArgumentError`` for no features or an eps below 0; in the call ``ShapeError`` for other channels or
        shapes, and in training for a single value per channel.
    Source: Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1.

    >>> nn.BatchNorm3d(1, eps=0.0)(tc.tensor([1.0, 3.0]).reshape(1, 1, 2, 1, 1)).flatten().detach()
    tensor([-1.,  1.])
    """

    shapes: ClassVar[dict[int, str]] = {5: "(N, C, D, H, W)"}
