"""Normalisation layers."""

from tinyconv.nn.normalization.batch import BatchNorm1d, BatchNorm2d
from tinyconv.nn.normalization.images import GroupNorm, InstanceNorm1d, InstanceNorm2d
from tinyconv.nn.normalization.layer import LayerNorm, LocalResponseNorm, RMSNorm
from tinyconv.nn.normalization.synchronized import SyncBatchNorm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
    "SyncBatchNorm",
]
