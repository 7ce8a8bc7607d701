"""A network for what has no height or no width: signals, and the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

from tinyconv import nn
from tinyconv.core.arrays import Pair


class ThinNet(nn.Sequential):
    """Blocks of [convolution, ReLU, 2-fold max pooling], then dropout and one linear layer.

    A side of one pixel is neither convolved nor pooled along: a signal (channels, 1, length) has windows of 1x3, and in
    a row of a table, which is one pixel with a channel for each feature, the convolutions are hidden layers. There is
    no batch norm: the inputs are normalised, and a batch may be a single sample.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        image_size: Pair,
        widths: Sequence[int] = (64, 64),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels, (height, width) = in_channels, image_size
        for number, block_width in enumerate(widths, start=1):
            kernel = (3 if height > 1 else 1, 3 if width > 1 else 1)
            padding = (kernel[0] // 2, kernel[1] // 2)
            self.add_module(f"conv{number}", nn.Conv2d(channels, block_width, kernel, padding=padding))
            self.add_module(f"relu{number}", nn.ReLU())
            window = (min(height, 2), min(width, 2))
            if window != (1, 1):
                self.add_module(f"pool{number}", nn.MaxPool2d(window))
            channels, height, width = block_width, height // window[0], width // window[1]
        self.add_module("flatten", nn.Flatten())
        self.add_module("dropout", nn.Dropout(dropout))
        self.add_module("fc", nn.Linear(channels * height * width, num_classes))
