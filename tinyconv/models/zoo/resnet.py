"""ResNet-18, 34, 50 and 101.

After He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError
from tinyconv.models.zoo.stem import has_small_stem
from tinyconv.nn.fused import in_row, in_row_with_shortcut
from tinyconv.ops.tensor import Tensor


class BasicBlock(nn.Module):
    """relu(F(x) + x) with F = [convolution, batch norm, ReLU, convolution, batch norm], all convolutions 3x3.

    Where ``stride`` or the number of channels changes the shape, the shortcut does it too: x goes through
    ``downsample``, a 1x1 convolution of that stride with batch norm. ``forward`` takes (N, in_channels, H, W), gives
    (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Raises: ``ArgumentError`` for channels or a stride that make no convolution.
    Source: He, Zhang, Ren & Sun, 2015, "Deep residual learning for image recognition", figure 2 and option B.

    >>> from tinyconv.models.zoo.resnet import BasicBlock
    >>> BasicBlock(4, 8, stride=2)(tc.zeros(1, 4, 5, 5)).shape
    (1, 8, 3, 3)
    """

    expansion = 1
    """Channels that a block gives, for each filter of its 3x3 convolutions."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = in_row((self.conv1, self.bn1, self.relu), x)
        shortcut = x if self.downsample is None else self.downsample(x)
        result: Tensor = in_row_with_shortcut((self.conv2, self.bn2), y, shortcut, self.relu)
        return result


class Bottleneck(nn.Module):
    """relu(F(x) + x): F narrows to ``width`` channels by a 1x1 convolution, sees neighbours by a 3x3, widens by a 1x1.

    Each convolution has a batch norm, and the first two a ReLU; the last gives 4 ``width`` channels. The ``stride`` is
    that of the 3x3 convolution, as in torchvision; the paper has it in the first 1x1, which discards three of four
    pixels unseen. ``downsample`` as in ``BasicBlock``. ``forward`` takes (N, in_channels, H, W), gives
    (N, 4 width, ceil(H / stride), ceil(W / stride)).

    Raises: ``ArgumentError`` for channels or a stride that make no convolution.
    Source: He, Zhang, Ren & Sun, 2015, "Deep residual learning for image recognition", figure 5.

    >>> from tinyconv.models.zoo.resnet import Bottleneck
    >>> Bottleneck(4, 2, stride=2)(tc.zeros(1, 4, 5, 5)).shape
    (1, 8, 3, 3)
    """

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out_channels = self.expansion * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = in_row((self.conv1, self.bn1, self.relu, self.conv2, self.bn2, self.relu), x)
        shortcut = x if self.downsample is None else self.downsample(x)
        result: Tensor = in_row_with_shortcut((self.conv3, self.bn3), y, shortcut, self.relu)
        return result


class ResNet(nn.Module):
    """A stem, four stages of as many residual blocks as ``blocks`` says, the average over the map, one linear layer.

    ``block``: ``BasicBlock`` or ``Bottleneck``. Stages have ``width``, 2, 4 and 8 ``width`` filters; all but the first
    halve height and width. ``stem``: "published" is a 7x7 convolution of stride 2 and a 3x3 max pooling of stride 2,
    after which a map has 1/16 of the image's pixels; "small" is a 3x3 convolution of stride 1 and no pooling, as is
    usual for images of 32x32; "auto" takes the small one for images with a side below 112. Any image size will do:
    the head averages over what is left. Names and initialisation are torchvision's. ``forward`` takes
    (N, in_channels, height, width), gives logits (N, num_classes).

    Raises: ``ArgumentError`` for no filters, or another stem.
    Source: He, Zhang, Ren & Sun, 2015, "Deep residual learning for image recognition", table 1.

    >>> from tinyconv.models.zoo.resnet import BasicBlock, ResNet
    >>> ResNet(BasicBlock, (1, 1, 1, 1), 3, 10, (9, 9), width=4)(tc.zeros(2, 3, 9, 9)).shape
    (2, 10)
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        blocks: Sequence[int],
        in_channels: int = 3,
        num_classes: int = 1000,
        image_size: Pair = (224, 224),
        stem: str = "auto",
        width: int = 64,
    ) -> None:
        super().__init__()
        if width < 1:
            raise ArgumentError(f"a ResNet needs at least one filter in its first stage: width is {width}")
        small = has_small_stem("a ResNet", stem, image_size)
        kernel, stride = (3, 1) if small else (7, 2)
        self.conv1 = nn.Conv2d(in_channels, width, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = None if small else nn.MaxPool2d(3, 2, padding=1)
        channels = width
        for number, count in enumerate(blocks, start=1):
            layers: list[nn.Module] = []
            for place in range(count):
                layers.append(block(channels, width * 2 ** (number - 1), 2 if number > 1 and place == 0 else 1))
                channels = width * 2 ** (number - 1) * block.expansion
            self.add_module(f"layer{number}", nn.Sequential(*layers))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        pooling = () if self.maxpool is None else (self.maxpool,)
        x = in_row((self.conv1, self.bn1, self.relu, *pooling), x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        result: Tensor = self.fc(self.avgpool(x).flatten(1))
        return result


def resnet18(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    stem: str = "auto",
    width: int = 64,
) -> ResNet:
    """ResNet-18: eight residual blocks of two 3x3 convolutions. 11,689,512 parameters as published.

    The options are those of ``ResNet``.
    Raises: ``ArgumentError`` for no filters, or another stem.
    Source: He, Zhang, Ren & Sun, 2015, "Deep residual learning for image recognition", table 1.

    >>> from tinyconv import models
    >>> models.resnet18(3, 10, (32, 32), width=2)(tc.zeros(1, 3, 32, 32)).shape
    (1, 10)
    """
    return ResNet(BasicBlock, (2, 2, 2, 2), in_channels, num_classes, image_size, stem, width)


def resnet34(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    stem: str = "auto",
    width: int = 64,
) -> ResNet:
    """ResNet-34: sixteen residual blocks of two 3x3 convolutions. 21,797,672 parameters as published.

    The options are those of ``ResNet``.
    Raises: ``ArgumentError`` for no filters, or another stem.
    Source: He, Zhang, Ren & Sun, 2015, "Deep residual learning for image recognition", table 1.

    >>> from tinyconv import models
    >>> models.resnet34(3, 10, (32, 32), width=2)(tc.zeros(1, 3, 32, 32)).shape
    (1, 10)
    """
    return ResNet(BasicBlock, (3, 4, 6, 3), in_channels, num_classes, image_size, stem, width)


def resnet50(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    stem: str = "auto",
    width: int = 64,
) -> ResNet:
    """ResNet-50: sixteen bottleneck blocks of three convolutions. 25,557,032 parameters as published.

    The options are those of ``ResNet``.
    Raises: ``ArgumentError`` for no filters, or another stem.
    Source: He, Zhang, Ren & Sun, 2015, "Deep residual learning for image recognition", table 1.

    >>> from tinyconv import models
    >>> models.resnet50(3, 10, (32, 32), width=2)(tc.zeros(1, 3, 32, 32)).shape
    (1, 10)
    """
    return ResNet(Bottleneck, (3, 4, 6, 3), in_channels, num_classes, image_size, stem, width)


def resnet101(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    stem: str = "auto",
    width: int = 64,
) -> ResNet:
    """ResNet-101: 33 bottleneck blocks of three convolutions. 44,549,160 parameters as published.

    The options are those of ``ResNet``.
    Raises: ``ArgumentError`` for no filters, or another stem.
    Source: He, Zhang, Ren & Sun, 2015, "Deep residual learning for image recognition", table 1.

    >>> from tinyconv import models
    >>> models.resnet101(3, 10, (32, 32), width=2)(tc.zeros(1, 3, 32, 32)).shape
    (1, 10)
    """
    return ResNet(Bottleneck, (3, 4, 23, 3), in_channels, num_classes, image_size, stem, width)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """The 1x1 convolution with batch norm that fits x to the shape of F(x); None where it fits already."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))
