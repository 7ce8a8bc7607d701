"""The shape of a convolution that is measured, and what it costs by definition."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ShapeError
from tinyconv.core.geometry import output_size

PRODUCTS = ("forward", "input gradient", "weight gradient")


@dataclass(frozen=True)
class ConvolutionShape:
    """Images (N, C, H, W), ``filters``, and the geometry, each (vertical, horizontal).

    Raises: ``ShapeError`` for groups that do not divide the channels, or a kernel larger than the padded image.

    >>> from tinyconv.utils.speed.shapes import ConvolutionShape
    >>> ConvolutionShape((8, 64, 56, 56), 128, (3, 3), (2, 2), (1, 1)).y
    (8, 128, 28, 28)
    """

    x: tuple[int, int, int, int]
    filters: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        if self.x[1] % self.groups or self.filters % self.groups:
            raise ShapeError(
                f"groups must divide the channels of input and output: {self.x[1]} and {self.filters} channels, "
                f"groups={self.groups}"
            )
        if min(self.y[2:]) < 1:
            raise ShapeError(
                f"a kernel of {self.kernel[0]}x{self.kernel[1]}, dilation {self.dilation[0]}x{self.dilation[1]}, does "
                f"not fit into images of {self.x[2]}x{self.x[3]} with padding {self.padding[0]}x{self.padding[1]}"
            )

    @property
    def weight(self) -> tuple[int, int, int, int]:
        """(K, C / groups, R, S)."""
        return self.filters, self.x[1] // self.groups, *self.kernel

    @property
    def y(self) -> tuple[int, int, int, int]:
        """(N, K, H', W')."""
        axes = zip(self.x[2:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        height, width = (output_size(*axis) for axis in axes)
        return self.x[0], self.filters, height, width

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Of x, y and the weight."""
        return self.x, self.y, self.weight

    @property
    def geometry(self) -> tuple[Pair, Pair, Pair, int]:
        """Stride, padding, dilation, groups."""
        return self.stride, self.padding, self.dilation, self.groups

    @property
    def flops(self) -> int:
        """Of each of the three products, by its definition: two for every weight that an output pixel sees."""
        return 2 * prod(self.y) * prod(self.weight[1:])

    @property
    def bytes(self) -> int:
        """The least that any algorithm moves: each of the three arrays once, in float32."""
        return 4 * (prod(self.x) + prod(self.weight) + prod(self.y))

    def arrays(self) -> dict[str, Any]:
        """Random ``x``, ``weight`` and ``dy`` in float32, the same in every run."""
        draw = np.random.default_rng(0)
        shapes = {"x": self.x, "weight": self.weight, "dy": self.y}
        return {name: draw.standard_normal(shape, np.float32) for name, shape in shapes.items()}
