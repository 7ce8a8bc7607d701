"""Group and instance normalisation layers."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.nn.arguments import positive
from tinyconv.nn.normalization.tracking import Affine, ChannelNorm
from tinyconv.ops.images import require_floating
from tinyconv.ops.normalization import group_norm, instance_norm
from tinyconv.ops.normalization.channels import check_eps
from tinyconv.ops.shape.shape import squeeze, unsqueeze
from tinyconv.ops.tensor import Tensor


class GroupNorm(Affine):
    """Normalisation by the mean and variance of each of ``num_groups`` groups of channels of an image.

        y = (x - mean) / √(variance + eps) · weight + bias

    The batch plays no part, so training and evaluation are alike. ``affine=False``: no weight and bias, ``bias=False``:
    no bias.

    Shape: input (N, num_channels) or (N, num_channels, ...); result the same.
    Dtype: float32 or float64, the parameters'.
    Raises: ``ArgumentError`` where the groups do not divide the channels, or eps is below 0; in the call ``ShapeError``
        for other channels.
    Source: Wu & He, "Group Normalization", 2018.

    >>> nn.GroupNorm(2, 4, eps=0.0)(tc.tensor([[1.0, 3.0, 10.0, 30.0]])).detach()
    tensor([[-1.,  1., -1.,  1.]])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_groups = positive(num_groups, "GroupNorm: num_groups")
        self.num_channels = positive(num_channels, "GroupNorm: num_channels")
        if num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels={num_channels} cannot be cut into num_groups={num_groups} equal groups; "
                f"{num_channels} % {num_groups} = {num_channels % num_groups}"
            )
        check_eps("GroupNorm", eps)
        self.eps = eps
        self.affine = affine
        self.register_affine((num_channels,), affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        require_floating("GroupNorm", input=input)
        if self.affine and input.ndim > 1 and input.shape[1] != self.num_channels:
            raise ShapeError(
                f"GroupNorm: input {tuple(input.shape)} has {input.shape[1]} channels, num_channels={self.num_channels}"
            )
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}{self.shown_bias()}"


class _InstanceNorm(ChannelNorm):
    """Base: one class for each number of dimensions that a batch may have."""

    batch_dims: ClassVar[int]
    shapes: ClassVar[str]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        layer = type(self).__name__
        require_floating(layer, input=input)
        if input.ndim not in (self.batch_dims - 1, self.batch_dims):
            raise ShapeError(f"{layer}: expected input {self.shapes}, got shape {tuple(input.shape)}")
        single = input.ndim == self.batch_dims - 1
        channels = input.shape[0 if single else 1]
        if channels != self.num_features:
            message = f"{layer}: input {tuple(input.shape)} has {channels} channels, num_features={self.num_features}"
            if self.affine or self.track_running_stats:
                raise ShapeError(message)
            warnings.warn(f"{message}; without weight and running statistics they are not needed", stacklevel=2)
        result = instance_norm(
            unsqueeze(input, 0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            use_input_stats=self.training or not self.track_running_stats,
            momentum=0.0 if self.momentum is None else self.momentum,
            eps=self.eps,
        )
        return squeeze(result, 0) if single else result


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of each channel of each sequence by its own mean and variance.

        y = (x - mean) / √(variance + eps) · weight + bias

    ``affine``: with weight and bias, or with ``bias=False`` the weight alone. ``track_running_stats``: training moves
    running statistics by ``momentum`` towards the averages over the batch, and evaluation uses those.

    Shape: input (N, num_features, L) or (num_features, L); result the same.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for no features or an eps below 0; in the call ``ShapeError`` for other channels or
        shapes, and for a single element per channel.
    Source: Ulyanov, Vedaldi & Lempitsky, "Instance Normalization", 2016.

    >>> nn.InstanceNorm1d(2, eps=0.0)(tc.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """

    batch_dims, shapes = 3, "(N, C, L) or (C, L)"


class InstanceNorm2d(_InstanceNorm):
    """Normalisation of each channel of each image by its own mean and variance.

        y = (x - mean) / √(variance + eps) · weight + bias

    ``affine``: with weight and bias, or with ``bias=False`` the weight alone. ``track_running_stats``: training moves
    running statistics by ``momentum`` towards the averages over the batch, and evaluation uses those.

    Shape: input (N, num_features, H, W) or (num_features, H, W); result the same.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for no features or an eps below 0; in the call ``ShapeError`` for other channels or
        shapes, and for a single pixel per channel.
    Source: Ulyanov, Vedaldi & Lempitsky, "Instance Normalization", 2016.

    >>> nn.InstanceNorm2d(2, eps=0.0)(tc.tensor([[[1.0, 3.0]], [[10.0, 30.0]]]))
    tensor([[[-1.,  1.]],
    <BLANKLINE>
            [[-1.,  1.]]])
    """

    batch_dims, shapes = 4, "(N, C, H, W) or (C, H, W)"


class InstanceNorm3d(_InstanceNorm):
    """Normalisation of each channel of each volume by its own mean and variance.

        y = (x - mean) / √(variance + eps) · weight + bias

    ``affine``: with weight and bias, or with ``bias=False`` the weight alone. ``track_running_stats``: training moves
    running statistics by ``momentum`` towards the averages over the batch, and evaluation uses those.

    Shape: input (N, num_features, D, H, W) or (num_features, D, H, W); result the same.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for no features or an eps below 0; in the call ``ShapeError`` for other channels or
        shapes, and for a single voxel per channel.
    Source: Ulyanov, Vedaldi & Lempitsky, "Instance Normalization", 2016.

    >>> nn.InstanceNorm3d(1, eps=0.0)(tc.tensor([[[[1.0]], [[3.0]]]])).flatten()
    tensor([-1.,  1.])
    """

    batch_dims, shapes = 5, "(N, C, D, H, W) or (C, D, H, W)"
