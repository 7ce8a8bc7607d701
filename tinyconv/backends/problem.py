"""A convolution as the backends choose an algorithm for it: all its sizes, without a number of its arrays."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from tinyconv.core.arrays import Pair


class Product(Enum):
    """Which of a convolution's three products."""

    FORWARD = "forward"
    INPUT_GRADIENT = "input_gradient"
    WEIGHT_GRADIENT = "weight_gradient"


class Problem(NamedTuple):
    """All that the choice depends on."""

    product: Product
    images: int
    groups: int
    channels: int
    """of the input, in each group"""
    outputs: int
    """channels of the output, in each group"""
    input_size: Pair
    output_size: Pair
    kernel_size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    dtype: np.dtype[Any]

    @property
    def pixels(self) -> int:
        """Pixels of the output, of all images."""
        return self.images * self.output_size[0] * self.output_size[1]


def problem_of(
    product: Product,
    input_size: Pair,
    y_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    parameters: tuple[Pair, Pair, Pair, int],
    dtype: Any,
) -> Problem:
    """The convolution from images of ``input_size`` to ``y_shape`` (N, K, OH, OW), or one of its gradients."""
    stride, padding, dilation, groups = parameters
    out_channels, channels, *kernel_size = weight_shape
    outputs = out_channels // max(groups, 1)
    sizes = input_size, (y_shape[2], y_shape[3]), (kernel_size[0], kernel_size[1])
    return Problem(product, y_shape[0], groups, channels, outputs, *sizes, stride, padding, dilation, dtype)
