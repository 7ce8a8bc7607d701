"""The definitions, in plain loops over logical NCHW indices: slow, obviously right, what the others are tested with.

``docs/theory.md`` derives them.
"""

from tinyconv.backends.reference.accumulation import combine_at
from tinyconv.backends.reference.activation import add_relu, relu, relu_gradient
from tinyconv.backends.reference.batch_norm import (
    batch_norm,
    batch_norm_gradient,
    batch_norm_max_pool2d,
    batch_norm_max_pool2d_gradient,
)
from tinyconv.backends.reference.convolution import conv2d, conv2d_input_gradient, conv2d_weight_gradient
from tinyconv.backends.reference.cross_entropy import cross_entropy, cross_entropy_gradient
from tinyconv.backends.reference.dropout import draw_mask, masked
from tinyconv.backends.reference.elementwise import add, divide, multiply, subtract
from tinyconv.backends.reference.gelu import gelu, gelu_gradient
from tinyconv.backends.reference.image_moves import picked, uniform_rows, warped
from tinyconv.backends.reference.matmul import matmul
from tinyconv.backends.reference.normalization import (
    channel_affine,
    channel_combination,
    channel_moments,
    channel_products,
    channel_sum,
    row_norm,
    row_norm_gradient,
)
from tinyconv.backends.reference.optimizer_step import adam_step, sgd_step
from tinyconv.backends.reference.pooling import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_gradient,
    avg_pool2d,
    avg_pool2d_gradient,
    gather_plane,
    max_pool2d,
    max_pool2d_gradient,
    scatter_plane,
)
from tinyconv.backends.reference.prepared import (
    prepared_adaptive_avg_pool2d,
    prepared_conv2d,
    prepared_linear,
    prepared_max_pool2d,
    prepared_relu,
    small_network,
)
from tinyconv.backends.reference.special import erf, erfc, erfinv
from tinyconv.backends.reference.volumes import (
    adaptive_avg_pool3d,
    adaptive_avg_pool3d_gradient,
    avg_pool3d,
    avg_pool3d_gradient,
    conv3d,
    conv3d_input_gradient,
    conv3d_weight_gradient,
    max_pool3d,
    max_pool3d_gradient,
)

__all__ = [
    "adam_step",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_gradient",
    "adaptive_avg_pool3d",
    "adaptive_avg_pool3d_gradient",
    "add",
    "add_relu",
    "avg_pool2d",
    "avg_pool2d_gradient",
    "avg_pool3d",
    "avg_pool3d_gradient",
    "batch_norm",
    "batch_norm_gradient",
    "batch_norm_max_pool2d",
    "batch_norm_max_pool2d_gradient",
    "channel_affine",
    "channel_combination",
    "channel_moments",
    "channel_products",
    "channel_sum",
    "combine_at",
    "conv2d",
    "conv2d_input_gradient",
    "conv2d_weight_gradient",
    "conv3d",
    "conv3d_input_gradient",
    "conv3d_weight_gradient",
    "cross_entropy",
    "cross_entropy_gradient",
    "divide",
    "draw_mask",
    "erf",
    "erfc",
    "erfinv",
    "gather_plane",
    "gelu",
    "gelu_gradient",
    "masked",
    "matmul",
    "max_pool2d",
    "max_pool2d_gradient",
    "max_pool3d",
    "max_pool3d_gradient",
    "multiply",
    "picked",
    "prepared_adaptive_avg_pool2d",
    "prepared_conv2d",
    "prepared_linear",
    "prepared_max_pool2d",
    "prepared_relu",
    "relu",
    "relu_gradient",
    "row_norm",
    "row_norm_gradient",
    "scatter_plane",
    "sgd_step",
    "small_network",
    "subtract",
    "uniform_rows",
    "warped",
]
