"""Convolution, pooling, normalisation and the matrix product on a GPU: CuPy's arrays, kernels compiled by Numba.

The same functions as ``backends.cpu``.
"""

from tinyconv.backends.cuda.activation import add_relu, relu, relu_gradient
from tinyconv.backends.cuda.elementwise import add, divide, multiply, subtract
from tinyconv.backends.cuda.max_pooling import max_pool2d, max_pool2d_gradient
from tinyconv.backends.cuda.planes import gather_plane, scatter_plane
from tinyconv.backends.cuda.pooling import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_gradient,
    avg_pool2d,
    avg_pool2d_gradient,
)

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_gradient",
    "add",
    "add_relu",
    "avg_pool2d",
    "avg_pool2d_gradient",
    "divide",
    "gather_plane",
    "max_pool2d",
    "max_pool2d_gradient",
    "multiply",
    "relu",
    "relu_gradient",
    "scatter_plane",
    "subtract",
]
