"""VGG-11, 13, 16 and 19, with and without batch norm.

After Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, ShapeError

STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions in each of the five stages, by the number of layers with weights (three more are linear)."""

FACTORS = (1, 2, 4, 8, 8)
"""Filters of the stages' convolutions, in widths."""

SMALLEST_SIDE = 2 ** len(FACTORS)
MAP_SIDE = 7
"""The published head sees a map of 7x7: what five halvings leave of 224."""

HEADS = ("published", "linear")


class VGG(nn.Sequential):
    """Five stages of [3x3 convolution, batch norm or not, ReLU], each ended by a 2x2 max pooling; then a head.

    ``convolutions``: how many each stage has. The stages have ``width``, 2, 4, 8 and 8 ``width`` filters.
    ``head``: "published" averages what is left of the map to 7x7 and has linear layers of 64 ``width`` (4096), as many,
    and the classes, with dropout between: most of the parameters. "linear" averages to one pixel and has one linear
    layer. Any image of 32x32 or more will do, with the same parameters. Names and initialisation are torchvision's.
    ``forward`` takes (N, in_channels, height, width), gives logits (N, num_classes).

    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters, or another head.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1.

    >>> from tinyconv.models.zoo.vgg import VGG
    >>> VGG((1, 1, 1, 1, 1), False, 3, 10, (32, 32), width=4, head="linear").features[0]
    Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """

    def __init__(
        self,
        convolutions: Sequence[int],
        batch_norm: bool,
        in_channels: int = 3,
        num_classes: int = 1000,
        image_size: Pair = (224, 224),
        width: int = 64,
        head: str = "published",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if min(image_size) < SMALLEST_SIDE:
            raise ShapeError(
                f"a VGG needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, which it halves "
                f"{len(FACTORS)} times, got {image_size[0]}x{image_size[1]}; give a larger image size, or use facenet"
            )
        if width < 1:
            raise ArgumentError(f"a VGG needs at least one filter in its first stage: width is {width}")
        if head not in HEADS:
            raise ArgumentError(f"there is no head {head!r}; known: {', '.join(HEADS)}")
        layers: list[nn.Module] = []
        channels = in_channels
        for factor, count in zip(FACTORS, convolutions, strict=True):
            for _ in range(count):
                layers.append(nn.Conv2d(channels, factor * width, 3, padding=1))
                layers += [nn.BatchNorm2d(factor * width), nn.ReLU()] if batch_norm else [nn.ReLU()]
                channels = factor * width
            layers.append(nn.MaxPool2d(2))
        self.add_module("features", nn.Sequential(*layers))
        self.add_module("avgpool", nn.AdaptiveAvgPool2d(1 if head == "linear" else MAP_SIDE))
        self.add_module("flatten", nn.Flatten())
        self.add_module("classifier", _head(head, channels, 64 * width, num_classes, dropout))
        for name, parameter in self.named_parameters():
            if parameter.dim() == 4:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, 0, 0.01)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)


def vgg11(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    head: str = "published",
    dropout: float = 0.5,
) -> VGG:
    """VGG-11 without batch norm. 132,863,336 parameters as published.

    The options are those of ``VGG``.
    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters, or another head.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1.

    >>> from tinyconv import models
    >>> models.vgg11(3, 10, (32, 32), width=1)(tc.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """
    return VGG(STAGES[11], False, in_channels, num_classes, image_size, width, head, dropout)


def vgg13(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    head: str = "published",
    dropout: float = 0.5,
) -> VGG:
    """VGG-13 without batch norm. 133,047,848 parameters as published.

    The options are those of ``VGG``.
    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters, or another head.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1.

    >>> from tinyconv import models
    >>> models.vgg13(3, 10, (32, 32), width=1)(tc.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """
    return VGG(STAGES[13], False, in_channels, num_classes, image_size, width, head, dropout)


def vgg16(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    head: str = "published",
    dropout: float = 0.5,
) -> VGG:
    """VGG-16 without batch norm. 138,357,544 parameters as published.

    The options are those of ``VGG``.
    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters, or another head.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1.

    >>> from tinyconv import models
    >>> models.vgg16(3, 10, (32, 32), width=1)(tc.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """
    return VGG(STAGES[16], False, in_channels, num_classes, image_size, width, head, dropout)


def vgg19(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    head: str = "published",
    dropout: float = 0.5,
) -> VGG:
    """VGG-19 without batch norm. 143,667,240 parameters as published.

    The options are those of ``VGG``.
    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters, or another head.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1.

    >>> from tinyconv import models
    >>> models.vgg19(3, 10, (32, 32), width=1)(tc.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """
    return VGG(STAGES[19], False, in_channels, num_classes, image_size, width, head, dropout)


def vgg11_bn(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    head: str = "published",
    dropout: float = 0.5,
) -> VGG:
    """VGG-11 with batch norm. 132,868,840 parameters as published.

    The options are those of ``VGG``.
    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters, or another head.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1.

    >>> from tinyconv import models
    >>> models.vgg11_bn(3, 10, (32, 32), width=1)(tc.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """
    return VGG(STAGES[11], True, in_channels, num_classes, image_size, width, head, dropout)


def vgg13_bn(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    head: str = "published",
    dropout: float = 0.5,
) -> VGG:
    """VGG-13 with batch norm. 133,053,736 parameters as published.

    The options are those of ``VGG``.
    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters, or another head.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1.

    >>> from tinyconv import models
    >>> models.vgg13_bn(3, 10, (32, 32), width=1)(tc.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """
    return VGG(STAGES[13], True, in_channels, num_classes, image_size, width, head, dropout)


def vgg16_bn(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    head: str = "published",
    dropout: float = 0.5,
) -> VGG:
    """VGG-16 with batch norm. 138,365,992 parameters as published.

    The options are those of ``VGG``.
    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters, or another head.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1.

    >>> from tinyconv import models
    >>> models.vgg16_bn(3, 10, (32, 32), width=1)(tc.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """
    return VGG(STAGES[16], True, in_channels, num_classes, image_size, width, head, dropout)


def vgg19_bn(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    head: str = "published",
    dropout: float = 0.5,
) -> VGG:
    """VGG-19 with batch norm. 143,678,248 parameters as published.

    The options are those of ``VGG``.
    Raises: ``ShapeError`` for images smaller than 32x32; ``ArgumentError`` for no filters, or another head.
    Source: Simonyan & Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition", table 1.

    >>> from tinyconv import models
    >>> models.vgg19_bn(3, 10, (32, 32), width=1)(tc.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """
    return VGG(STAGES[19], True, in_channels, num_classes, image_size, width, head, dropout)


def _head(head: str, channels: int, hidden: int, num_classes: int, dropout: float) -> nn.Module:
    if head == "linear":
        return nn.Linear(channels, num_classes)
    return nn.Sequential(
        *(nn.Linear(channels * MAP_SIDE * MAP_SIDE, hidden), nn.ReLU(), nn.Dropout(dropout)),
        *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout)),
        nn.Linear(hidden, num_classes),
    )
