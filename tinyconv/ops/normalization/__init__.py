"""Normalisation: over the batch, within images or groups of channels, over the last dimensions, across channels."""

from tinyconv.ops.normalization.batch import batch_norm
from tinyconv.ops.normalization.images import group_norm, instance_norm
from tinyconv.ops.normalization.layer import layer_norm, rms_norm
from tinyconv.ops.normalization.response import local_response_norm
from tinyconv.ops.normalization.vectors import normalize

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]
