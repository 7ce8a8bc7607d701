"""The convolutions that are measured: layers of well-known networks."""

from __future__ import annotations

from dataclasses import dataclass

from tinyconv.utils.speed.shapes import PRODUCTS as PRODUCTS
from tinyconv.utils.speed.shapes import ConvolutionShape


@dataclass(frozen=True)
class Convolution:
    """One layer: whose it is, and its shape; kernel, stride, padding and dilation are the same in both directions."""

    network: str
    shape: ConvolutionShape

    @property
    def name(self) -> str:
        """For example ``face net 64x1x64x64 -> 32, 3x3 p1``."""
        shape = self.shape
        extras = {"s": shape.stride[0], "p": shape.padding[0], "d": shape.dilation[0], "g": shape.groups}
        usual = {"s": 1, "p": 0, "d": 1, "g": 1}
        said = "".join(f" {letter}{value}" for letter, value in extras.items() if value != usual[letter])
        kernel = "x".join(map(str, shape.kernel))
        return f"{self.network} {'x'.join(map(str, shape.x))} -> {shape.filters}, {kernel}{said}"

    @property
    def tags(self) -> frozenset[str]:
        """What targets speak of: the 3x3 rows of stride 1 at batch 4 or more, and the dense ones among them."""
        shape = self.shape
        if (shape.kernel, shape.stride) != ((3, 3), (1, 1)) or shape.x[0] < 4:
            return frozenset()
        dense = {"dense 3x3"} if shape.groups == shape.dilation[0] == 1 else set()
        return frozenset({"3x3", *dense})


def C(
    network: str,
    images: int,
    channels: int,
    height: int,
    width: int,
    filters: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Convolution:
    """A case, written as the networks' tables are."""
    pairs = ((size, size) for size in (kernel, stride, padding, dilation))
    return Convolution(network, ConvolutionShape((images, channels, height, width), filters, *pairs, groups))


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
