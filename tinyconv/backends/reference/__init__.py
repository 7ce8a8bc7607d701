"""The definitions, in plain loops over logical NCHW indices: slow, obviously right, what the others are tested with."""

from tinyconv.backends.reference.activation import relu, relu_gradient
from tinyconv.backends.reference.convolution import conv2d, conv2d_input_gradient, conv2d_weight_gradient
from tinyconv.backends.reference.matmul import matmul
from tinyconv.backends.reference.normalization import (
    batch_norm,
    batch_norm_gradient,
    batch_norm_statistics,
    channel_sum,
)
from tinyconv.backends.reference.pooling import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_gradient,
    avg_pool2d,
    avg_pool2d_gradient,
    gather_plane,
    max_pool2d,
    max_pool2d_gradient,
)

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_gradient",
    "avg_pool2d",
    "avg_pool2d_gradient",
    "batch_norm",
    "batch_norm_gradient",
    "batch_norm_statistics",
    "channel_sum",
    "conv2d",
    "conv2d_input_gradient",
    "conv2d_weight_gradient",
    "gather_plane",
    "matmul",
    "max_pool2d",
    "max_pool2d_gradient",
    "relu",
    "relu_gradient",
]
