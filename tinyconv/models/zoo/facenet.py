"""The face net: the small convolutional network that ``tinyconv train`` trains."""

from __future__ import annotations

from collections.abc import Sequence

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, ShapeError

WIDTHS = (32, 64, 128, 256)


class FaceNet(nn.Sequential):
    """Blocks of [3x3 convolution, batch norm, ReLU, 2x2 max pooling], then dropout and one linear layer.

    Each block halves height and width (rounding down). There are as many blocks as ``widths`` (their channels), but no
    more than leave a map of at least one pixel: floor(log2(min(height, width))). So 64x64 has four, 8x8 three.
    Layers are named conv1, bn1, relu1, pool1, conv2, ..., flatten, dropout, fc. The convolutions have no bias: the
    batch norm after each would subtract it again. ``forward`` takes (N, in_channels, height, width), gives logits
    (N, num_classes).

    Raises: ``ShapeError`` for images smaller than 2x2; ``ArgumentError`` for widths or a dropout that make no layer.

    >>> from tinyconv.models.zoo.facenet import FaceNet
    >>> FaceNet(1, 10, (32, 32))(tc.zeros(2, 1, 32, 32)).shape
    (2, 10)
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        image_size: Pair = (64, 64),
        widths: Sequence[int] = WIDTHS,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        height, width = image_size
        halvings = max(min(height, width), 1).bit_length() - 1  # floor(log2(...))
        if halvings < 1:
            raise ShapeError(f"facenet needs images of at least 2x2 pixels, got {height}x{width}")
        if not widths:
            raise ArgumentError("facenet needs at least one block: widths is empty")
        channels = in_channels
        for number, block_width in enumerate(widths[:halvings], start=1):
            self.add_module(f"conv{number}", nn.Conv2d(channels, block_width, 3, padding=1, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(block_width))
            self.add_module(f"relu{number}", nn.ReLU())
            self.add_module(f"pool{number}", nn.MaxPool2d(2))
            channels, height, width = block_width, height // 2, width // 2
        self.add_module("flatten", nn.Flatten())
        self.add_module("dropout", nn.Dropout(dropout))
        self.add_module("fc", nn.Linear(channels * height * width, num_classes))
