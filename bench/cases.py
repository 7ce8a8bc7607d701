"""The convolutions that are measured: layers of well-known networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PRODUCTS = ("forward", "input gradient", "weight gradient")


@dataclass(frozen=True)
class Convolution:
    """One layer: (N, C, H, W) -> K filters; kernel, stride and padding are the same in both directions."""

    network: str
    images: int
    channels: int
    height: int
    width: int
    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    @property
    def output(self) -> tuple[int, int]:
        """Height and width of the result."""
        reach = self.dilation * (self.kernel - 1) + 1
        height, width = ((side + 2 * self.padding - reach) // self.stride + 1 for side in (self.height, self.width))
        return height, width

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        return self.images, self.channels, self.height, self.width

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        return self.filters, self.channels // self.groups, self.kernel, self.kernel

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        return self.images, self.filters, *self.output

    @property
    def name(self) -> str:
        """For example ``face net 64x1x64x64 -> 32, 3x3 p1``."""
        extras = {"s": self.stride, "p": self.padding, "d": self.dilation, "g": self.groups}
        usual = {"s": 1, "p": 0, "d": 1, "g": 1}
        said = "".join(f" {letter}{value}" for letter, value in extras.items() if value != usual[letter])
        shape = "x".join(map(str, self.x_shape))
        return f"{self.network} {shape} -> {self.filters}, {self.kernel}x{self.kernel}{said}"

    @property
    def flops(self) -> int:
        """Of each of the three products, by its definition: two for every weight that an output pixel sees."""
        return 2 * int(np.prod(self.y_shape)) * int(np.prod(self.weight_shape[1:]))

    @property
    def bytes(self) -> int:
        """The least that any algorithm moves: each of the three arrays once."""
        return 4 * sum(int(np.prod(shape)) for shape in (self.x_shape, self.weight_shape, self.y_shape))

    @property
    def tags(self) -> frozenset[str]:
        """What targets speak of: the 3x3 rows of stride 1 at batch 4 or more, and the dense ones among them."""
        if (self.kernel, self.stride) != (3, 1) or self.images < 4:
            return frozenset()
        dense = {"dense 3x3"} if self.groups == self.dilation == 1 else set()
        return frozenset({"3x3", *dense})

    def arrays(self) -> dict[str, np.ndarray]:
        """Random ``x``, ``weight`` and ``dy``, the same in every run."""
        draw = np.random.default_rng(0)
        shapes = {"x": self.x_shape, "weight": self.weight_shape, "dy": self.y_shape}
        return {name: draw.standard_normal(shape, np.float32) for name, shape in shapes.items()}


C = Convolution

CONVOLUTIONS = (
    C("face net", 64, 1, 64, 64, 32, 3, padding=1),
    C("face net", 64, 32, 32, 32, 64, 3, padding=1),
    C("face net", 64, 64, 16, 16, 128, 3, padding=1),
    C("face net", 64, 128, 8, 8, 256, 3, padding=1),
    C("LeNet", 64, 1, 32, 32, 6, 5),
    C("LeNet", 64, 6, 14, 14, 16, 5),
    C("VGG", 4, 64, 224, 224, 64, 3, padding=1),
    C("VGG", 4, 256, 56, 56, 256, 3, padding=1),
    C("VGG", 8, 512, 14, 14, 512, 3, padding=1),
    C("ResNet", 8, 3, 224, 224, 64, 7, stride=2, padding=3),
    C("ResNet", 8, 256, 56, 56, 64, 1),
    C("ResNet", 8, 64, 56, 56, 256, 1),
    C("ResNet", 8, 128, 56, 56, 128, 3, stride=2, padding=1),
    C("ResNet", 8, 256, 14, 14, 256, 3, padding=1),
    C("ResNet", 8, 512, 7, 7, 512, 3, padding=1),
    C("AlexNet", 8, 3, 224, 224, 64, 11, stride=4, padding=2),
    C("AlexNet", 8, 64, 27, 27, 192, 5, padding=2),
    C("depthwise", 8, 64, 56, 56, 64, 3, padding=1, groups=64),
    C("depthwise", 8, 144, 56, 56, 144, 3, stride=2, padding=1, groups=144),
    C("grouped", 8, 256, 28, 28, 256, 3, padding=1, groups=32),
    C("dilated", 8, 256, 28, 28, 256, 3, padding=2, dilation=2),
    C("batch 1", 1, 64, 56, 56, 64, 3, padding=1),
    C("batch 1", 1, 256, 14, 14, 256, 3, padding=1),
    C("batch 1", 1, 512, 7, 7, 512, 3, padding=1),
)
