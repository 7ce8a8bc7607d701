"""Convolution, pooling, normalisation and the matrix product on the processor, compiled by Numba."""

from tinyconv.backends.cpu.activation import relu, relu_gradient
from tinyconv.backends.cpu.convolution import conv2d, conv2d_input_gradient, conv2d_weight_gradient
from tinyconv.backends.cpu.matmul import matmul
from tinyconv.backends.cpu.normalization import (
    batch_norm,
    batch_norm_gradient,
    batch_norm_statistics,
    channel_sum,
)
from tinyconv.backends.cpu.pooling import (
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
