"""VGG-11 with batch norm, and a single linear layer as its head.

After Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014.
"""

from __future__ import annotations

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, ShapeError

STAGES = ((1,), (2,), (4, 4), (8, 8), (8, 8))
"""Filters of the convolutions of each stage, in widths; a stage ends with a pooling."""

SMALLEST_SIDE = 2 ** len(STAGES)


class VGG11(nn.Sequential):
    """Eight [3x3 convolution, batch norm, ReLU], in five stages that end in a 2x2 max pooling; then one linear layer.

    The first stage has ``width`` filters, the last 8 ``width``. What is left of the map is averaged over its pixels, so
    any image of 32x32 or more will do, and there are 9,231,114 parameters for three channels and ten classes. (The
    original has three linear layers, which hold most of its 133 million.) ``features`` has the names and the shapes of
    torchvision's ``vgg11_bn``, and the same initialisation. ``forward`` takes (N, in_channels, height, width), gives
    logits (N, num_classes).

    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1 A.

    >>> from tinyconv.models.vgg import VGG11
    >>> VGG11(3, 10, (32, 32), width=4).features[0]
    Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 10, image_size: Pair = (32, 32), width: int = 64
    ) -> None:
        super().__init__()
        if min(image_size) < SMALLEST_SIDE:
            raise ShapeError(
                f"vgg11 needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, which it halves {len(STAGES)} "
                f"times, got {image_size[0]}x{image_size[1]}; give a larger image size, or use facenet"
            )
        if width < 1:
            raise ArgumentError(f"vgg11 needs at least one filter in its first stage: width is {width}")
        layers: list[nn.Module] = []
        channels = in_channels
        for stage in STAGES:
            for widths in stage:
                layers += [nn.Conv2d(channels, widths * width, 3, padding=1), nn.BatchNorm2d(widths * width), nn.ReLU()]
                channels = widths * width
            layers.append(nn.MaxPool2d(2))
        self.add_module("features", nn.Sequential(*layers))
        self.add_module("avgpool", nn.AdaptiveAvgPool2d(1))
        self.add_module("flatten", nn.Flatten())
        self.add_module("classifier", nn.Linear(channels, num_classes))
        for name, parameter in self.named_parameters():
            if parameter.dim() == 4:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, 0, 0.01)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
