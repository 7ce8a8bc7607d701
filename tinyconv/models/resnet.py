"""ResNet-18 for small images.

After He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015.
"""

from __future__ import annotations

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError
from tinyconv.nn.fused import in_row, in_row_with_shortcut
from tinyconv.ops.tensor import Tensor


class BasicBlock(nn.Module):
    """relu(F(x) + x) with F = [convolution, batch norm, ReLU, convolution, batch norm], all convolutions 3x3.

    Where ``stride`` or the number of channels changes the shape, the shortcut does it too: x goes through
    ``downsample``, a 1x1 convolution of that stride with batch norm. ``forward`` takes (N, in_channels, H, W), gives
    (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Raises: ``ArgumentError`` for channels or a stride that make no convolution.
    Source: He, Zhang, Ren & Sun, 2015, "Deep residual learning for image recognition", figure 2 and option B.

    >>> from tinyconv.models.resnet import BasicBlock
    >>> BasicBlock(4, 8, stride=2)(tc.zeros(1, 4, 5, 5)).shape
    (1, 8, 3, 3)
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = in_row((self.conv1, self.bn1, self.relu), x)
        shortcut = x if self.downsample is None else self.downsample(x)
        result: Tensor = in_row_with_shortcut((self.conv2, self.bn2), y, shortcut, self.relu)
        return result


class ResNet18(nn.Module):
    """A 3x3 convolution, eight residual blocks in four stages, the average over the map, one linear layer.

    For small images the first convolution is 3x3 of stride 1, and no pooling follows it. Stages have ``width``, 2, 4
    and 8 ``width`` filters; all but the first halve height and width, and any image size will do. 11,173,962 parameters
    for three channels and ten classes. Names and initialisation are those of torchvision's ``resnet18``; so are the
    shapes, but for ``conv1``. ``forward`` takes (N, in_channels, height, width), gives logits (N, num_classes).

    Raises: ``ArgumentError`` for no filters.
    Source: He, Zhang, Ren & Sun, 2015, "Deep residual learning for image recognition", table 1.

    >>> from tinyconv.models.resnet import ResNet18
    >>> ResNet18(3, 10, width=4)(tc.zeros(2, 3, 9, 9)).shape
    (2, 10)
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 10, image_size: Pair = (32, 32), width: int = 64
    ) -> None:
        super().__init__()
        if width < 1:
            raise ArgumentError(f"resnet18 needs at least one filter in its first stage: width is {width}")
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.layer1 = _stage(width, width, 1)
        self.layer2 = _stage(width, 2 * width, 2)
        self.layer3 = _stage(2 * width, 4 * width, 2)
        self.layer4 = _stage(4 * width, 8 * width, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = in_row((self.conv1, self.bn1, self.relu), x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        result: Tensor = self.fc(self.avgpool(x).flatten(1))
        return result


def _stage(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(in_channels, out_channels, stride), BasicBlock(out_channels, out_channels))
