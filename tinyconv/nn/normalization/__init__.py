"""Normalisation layers."""

from tinyconv.nn.normalization.batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
from tinyconv.nn.normalization.images import GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from tinyconv.nn.normalization.layer import LayerNorm, LocalResponseNorm, RMSNorm
from tinyconv.nn.normalization.synchronized import SyncBatchNorm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
    "SyncBatchNorm",
]
