"""AlexNet: the one of 2012 with grouped convolutions and response normalisation, and the single-column one of 2014.

After Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012, and
Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014 (which is torchvision's).
"""

from __future__ import annotations

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, ShapeError

MAP_SIDE = 6
"""The linear layers see a map of 6x6."""

POOLINGS = 3
"""Each a 3x3 window of stride 2: windows overlap by a pixel, "which makes it slightly harder to overfit"."""


class AlexNet(nn.Sequential):
    """Five convolutions, three of them followed by a 3x3 max pooling of stride 2, and three linear layers.

    ``features``, ``avgpool`` to a map of 6x6 (which the published image size gives anyway), ``classifier``. Filters are
    multiples of ``width``, and so are the 64 ``width`` units of the two hidden linear layers; ``dropout`` precedes
    each. Any image of 63x63 or more will do, with the same parameters. ``forward`` takes
    (N, in_channels, height, width), gives logits (N, num_classes).

    Raises: ``ShapeError`` for images smaller than 63x63; ``ArgumentError`` for no filters.
    Source: Krizhevsky, Sutskever & Hinton, 2012, "ImageNet classification with deep convolutional neural networks".

    >>> from tinyconv import models
    >>> type(models.alexnet(1, 10, (63, 63), width=1)).__name__
    'AlexNet'
    """

    def __init__(self, features: nn.Sequential, classifier: nn.Sequential) -> None:
        super().__init__()
        self.add_module("features", features)
        self.add_module("avgpool", nn.AdaptiveAvgPool2d(MAP_SIDE))
        self.add_module("flatten", nn.Flatten())
        self.add_module("classifier", classifier)


def alexnet(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    width: int = 64,
    dropout: float = 0.5,
) -> AlexNet:
    """The AlexNet of 2014, one column without response normalisation. 61,100,840 parameters as published.

    Convolutions of ``width``, 3, 6, 4 and 4 ``width`` filters. Names and initialisation are torchvision's.
    Raises: ``ShapeError`` for images smaller than 63x63; ``ArgumentError`` for no filters.
    Source: Krizhevsky, 2014, "One weird trick for parallelizing convolutional neural networks".

    >>> from tinyconv import models
    >>> models.alexnet(3, 10, (70, 63), width=1)(tc.zeros(2, 3, 70, 63)).shape
    (2, 10)
    """
    _check("alexnet", image_size, padding=2, least=width)
    features = nn.Sequential(
        *(nn.Conv2d(in_channels, width, 11, 4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(width, 3 * width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(3 * width, 6 * width, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(6 * width, 4 * width, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(4 * width, 4 * width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
    )
    hidden = 64 * width
    classifier = nn.Sequential(
        *(nn.Dropout(dropout), nn.Linear(4 * width * MAP_SIDE * MAP_SIDE, hidden), nn.ReLU()),
        *(nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU()),
        nn.Linear(hidden, num_classes),
    )
    return AlexNet(features, classifier)


def alexnet_2012(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (227, 227),
    width: int = 96,
    dropout: float = 0.5,
) -> AlexNet:
    """The AlexNet of 2012. 60,965,224 parameters as published.

    Convolutions of ``width`` (96), 8/3, 4, 4 and 8/3 ``width`` filters, rounded; the second, fourth and fifth have two
    groups, because each of two GPUs held half of the maps. Responses are normalised after the first two:

        b_i = a_i / (2 + 1e-4 sum_j a_j^2)^0.75    over the 5 maps j around map i

    Weights start from N(0, 0.01^2), the biases of the second, fourth and fifth convolution and of the hidden linear
    layers at 1, the others at 0. The paper says 224x224, but its map of 55x55 takes 227: (227 - 11) / 4 + 1.
    Raises: ``ShapeError`` for images smaller than 67x67; ``ArgumentError`` for an odd width, which two groups cannot
        share.
    Source: Krizhevsky, Sutskever & Hinton, 2012, "ImageNet classification with deep convolutional neural networks".

    >>> from tinyconv import models
    >>> models.alexnet_2012(3, 10, (67, 80), width=6)(tc.zeros(2, 3, 67, 80)).shape
    (2, 10)
    """
    _check("alexnet_2012", image_size, padding=0, least=width)
    if width % 2:
        raise ArgumentError(f"alexnet_2012 splits its filters into two groups: width must be even, it is {width}")
    wide, wider, hidden = 2 * round(width * 4 / 3), 4 * width, round(width * 128 / 3)
    features = nn.Sequential(
        *(nn.Conv2d(in_channels, width, 11, 4), nn.ReLU(), _normalization(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(width, wide, 5, padding=2, groups=2), nn.ReLU(), _normalization(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(wide, wider, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(wider, wider, 3, padding=1, groups=2), nn.ReLU()),
        *(nn.Conv2d(wider, wide, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
    )
    classifier = nn.Sequential(
        *(nn.Linear(wide * MAP_SIDE * MAP_SIDE, hidden), nn.ReLU(), nn.Dropout(dropout)),
        *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout)),
        nn.Linear(hidden, num_classes),
    )
    model = AlexNet(features, classifier)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            grouped = isinstance(module, nn.Conv2d) and module.groups == 2
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.constant_(module.bias, 1.0 if grouped or module in (classifier[0], classifier[3]) else 0.0)
    return model


def _normalization() -> nn.LocalResponseNorm:
    """PyTorch's alpha is divided by the number of maps, the paper's is not."""
    return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)


def _check(name: str, image_size: Pair, padding: int, least: int) -> None:
    """Raises where a pooling would have no whole window, or there would be no filter."""
    side = 1
    for _ in range(POOLINGS):
        side = 2 * (side - 1) + 3
    side = 4 * (side - 1) + 11 - 2 * padding
    if min(image_size) < side:
        raise ShapeError(
            f"{name} needs images of at least {side}x{side} pixels, so that its third 3x3 pooling of stride 2 has a "
            f"window, got {image_size[0]}x{image_size[1]}; give a larger image size, or use resnet18 or facenet"
        )
    if least < 1:
        raise ArgumentError(f"{name} needs at least one filter in its first layer: width is {least}")
