"""Pooling: one number for each window of a map, its maximum, its mean or its norm; and what puts maxima back.

Every rule here is linear once the winners of max-pooling are known, so derivatives alternate between two operations:
a scatter (the gradient) and a gather (the derivative of that gradient). Maps with one direction (N, C, L) are pooled as
images of one row, volumes (N, C, D, H, W) within their planes and then over them.
"""

from tinyconv.ops.pooling.adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from tinyconv.ops.pooling.average import avg_pool1d, avg_pool2d, avg_pool3d
from tinyconv.ops.pooling.maximum import max_pool1d, max_pool2d, max_pool3d
from tinyconv.ops.pooling.power import lp_pool1d, lp_pool2d, lp_pool3d
from tinyconv.ops.pooling.unpool import max_unpool1d, max_unpool2d, max_unpool3d

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]
