"""SqueezeNet 1.0 and 1.1.

After Iandola, Han, Moskewicz, Ashraf, Dally and Keutzer, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters
and <0.5MB model size", 2016.
"""

from __future__ import annotations

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.nn.fused import in_row
from tinyconv.ops.shape.join import cat
from tinyconv.ops.tensor import Tensor

FIRE = ((1, 4), (1, 4), (2, 8), (2, 8), (3, 12), (3, 12), (4, 16), (4, 16))
"""(filters that squeeze, filters of each expansion) of the eight fire modules, in quarters of ``width``."""


class Fire(nn.Module):
    """A 1x1 convolution squeezes the channels; 1x1 and 3x3 convolutions of the result stand side by side. Each ReLU'd.

    ``forward`` takes (N, in_channels, H, W), gives (N, 2 expanded, H, W).

    Raises: ``ArgumentError`` for channels that make no convolution.
    Source: Iandola et al., 2016, "SqueezeNet", figure 1.

    >>> from tinyconv.models.zoo.squeezenet import Fire
    >>> Fire(8, 2, 5)(tc.zeros(1, 8, 6, 6)).shape
    (1, 10, 6, 6)
    """

    def __init__(self, in_channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeezed, 1)
        self.squeeze_activation = nn.ReLU()
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand1x1_activation = nn.ReLU()
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)
        self.expand3x3_activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = in_row((self.squeeze, self.squeeze_activation), x)
        alone = in_row((self.expand1x1, self.expand1x1_activation), x)
        around = in_row((self.expand3x3, self.expand3x3_activation), x)
        return cat([alone, around], 1)


class SqueezeNet(nn.Sequential):
    """A convolution, eight ``Fire`` modules with three poolings between, and a 1x1 convolution that gives the classes.

    No linear layer: the head averages each class's map, so any image of ``smallest`` or more will do, with the same
    parameters. Names and initialisation are torchvision's. ``forward`` takes (N, in_channels, height, width), gives
    logits (N, num_classes), none below 0: a ReLU stands before the average.

    Raises: ``ShapeError`` for smaller images; ``ArgumentError`` for a ``width`` that is no multiple of 4.
    Source: Iandola et al., 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters".

    >>> from tinyconv import models
    >>> models.squeezenet1_1(1, 5, (17, 17), width=8).classifier[1]
    Conv2d(64, 5, kernel_size=(1, 1), stride=(1, 1))
    """

    def __init__(
        self,
        first: nn.Conv2d,
        pooled_after: tuple[int, ...],
        num_classes: int,
        width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [first, nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
        channels = first.out_channels
        for number, (squeezed, expanded) in enumerate(FIRE, start=1):
            layers.append(Fire(channels, squeezed * width // 4, expanded * width // 4))
            channels = expanded * width // 2
            if number in pooled_after:
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        last = nn.Conv2d(channels, num_classes, 1)
        self.add_module("features", nn.Sequential(*layers))
        self.add_module("classifier", nn.Sequential(nn.Dropout(dropout), last, nn.ReLU(), nn.AdaptiveAvgPool2d(1)))
        self.add_module("flatten", nn.Flatten())
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                if module is last:
                    nn.init.normal_(module.weight, 0.0, 0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                nn.init.zeros_(module.bias)


def squeezenet1_0(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    dropout: float = 0.5,
) -> SqueezeNet:
    """SqueezeNet 1.0: a 7x7 convolution first, poolings after it and the third and seventh ``Fire``.

    1,248,424 parameters as published. ``width``: the filters of each expansion of the first ``Fire``; others follow.
    Raises: ``ShapeError`` for images smaller than 21x21; ``ArgumentError`` for a width that is no multiple of 4.
    Source: Iandola et al., 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", table 1.

    >>> from tinyconv import models
    >>> models.squeezenet1_0(3, 10, (21, 30), width=4)(tc.zeros(2, 3, 21, 30)).shape
    (2, 10)
    """
    _check("squeezenet1_0", image_size, 21, width)
    return SqueezeNet(nn.Conv2d(in_channels, width * 3 // 2, 7, 2), (3, 7), num_classes, width, dropout)


def squeezenet1_1(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    dropout: float = 0.5,
) -> SqueezeNet:
    """SqueezeNet 1.1: a 3x3 convolution first and earlier poolings, with which it works 2.4 times less than 1.0.

    1,235,496 parameters as published. ``width``: the filters of each expansion of the first ``Fire``; others follow.
    Raises: ``ShapeError`` for images smaller than 17x17; ``ArgumentError`` for a width that is no multiple of 4.
    Source: Iandola et al., 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters"; its version of 2016.

    >>> from tinyconv import models
    >>> models.squeezenet1_1(3, 10, (17, 30), width=4)(tc.zeros(2, 3, 17, 30)).shape
    (2, 10)
    """
    _check("squeezenet1_1", image_size, 17, width)
    return SqueezeNet(nn.Conv2d(in_channels, width, 3, 2), (2, 4), num_classes, width, dropout)


def _check(name: str, image_size: Pair, side: int, width: int) -> None:
    if min(image_size) < side:
        raise ShapeError(
            f"{name} needs images of at least {side}x{side} pixels, so that its third pooling has a window, got "
            f"{image_size[0]}x{image_size[1]}; give a larger image size, or use resnet18 or facenet"
        )
    if width < 4 or width % 4:
        raise ArgumentError(f"{name} squeezes to quarters of width: it must be a multiple of 4, it is {width}")
