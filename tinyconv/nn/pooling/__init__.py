"""Pooling layers, on maps with one direction (N, C, L) or two (N, C, H, W), or on one map without a batch."""

from tinyconv.nn.pooling.adaptive import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d
from tinyconv.nn.pooling.average import AvgPool1d, AvgPool2d
from tinyconv.nn.pooling.maximum import MaxPool1d, MaxPool2d, MaxUnpool1d, MaxUnpool2d
from tinyconv.nn.pooling.power import LPPool1d, LPPool2d

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "LPPool1d",
    "LPPool2d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxUnpool1d",
    "MaxUnpool2d",
]
