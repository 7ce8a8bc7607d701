"""LeNet-5 in its common modern form.

After LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.
"""

from __future__ import annotations

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ShapeError

SMALLEST_SIDE = 12
"""(12 / 2 - 4) / 2 = 1: with fewer pixels the second pooling would have no window."""


class LeNet(nn.Sequential):
    """Two [5x5 convolution, ReLU, 2x2 max pooling] of 6 and 16 maps, then linear layers of 120, 84 and the classes.

    The first convolution pads by 2, as if the original's 28x28 digits stood in its 32x32 frame; with them it has 61,706
    parameters. ReLU and max pooling replace the original's squashing and trainable subsampling, a full second
    convolution its partial connection table, a linear layer its radial basis functions.
    ``forward`` takes (N, in_channels, height, width), gives logits (N, num_classes).

    Raises: ``ShapeError`` for images smaller than 12x12.
    Source: LeCun, Bottou, Bengio & Haffner, 1998, "Gradient-based learning applied to document recognition".

    >>> from tinyconv.models.zoo.lenet import LeNet
    >>> sum(parameter.numel() for parameter in LeNet(1, 10, (28, 28)).parameters())
    61706
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, image_size: Pair = (28, 28)) -> None:
        super().__init__()
        if min(image_size) < SMALLEST_SIDE:
            raise ShapeError(
                f"lenet needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, so that (side/2 - 4)/2 >= 1, "
                f"got {image_size[0]}x{image_size[1]}; give a larger image size, or use facenet"
            )
        height, width = ((side // 2 - 4) // 2 for side in image_size)
        self.add_module("conv1", nn.Conv2d(in_channels, 6, 5, padding=2))
        self.add_module("relu1", nn.ReLU())
        self.add_module("pool1", nn.MaxPool2d(2))
        self.add_module("conv2", nn.Conv2d(6, 16, 5))
        self.add_module("relu2", nn.ReLU())
        self.add_module("pool2", nn.MaxPool2d(2))
        self.add_module("flatten", nn.Flatten())
        self.add_module("fc1", nn.Linear(16 * height * width, 120))
        self.add_module("relu3", nn.ReLU())
        self.add_module("fc2", nn.Linear(120, 84))
        self.add_module("relu4", nn.ReLU())
        self.add_module("fc3", nn.Linear(84, num_classes))
