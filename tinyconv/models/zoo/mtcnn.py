"""The three networks of MTCNN, a cascade that finds faces: each looks closer at what the one before let through.

After Zhang, Zhang, Li and Qiao, "Joint face detection and alignment using multitask cascaded convolutional networks",
2016. Each answers three questions about a square of pixels: is it a face, how must the box move to fit it, and (the
last one) where are the eyes, the nose and the corners of the mouth. Numbers of filters, windows and the padding of the
poolings are those of the networks that were published with weights; there every ReLU is a PReLU.
"""

from __future__ import annotations

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ShapeError
from tinyconv.models.same_pooling import SameMaxPool2d
from tinyconv.ops.tensor import Tensor

BOX, LANDMARKS = 4, 10
"""What moves the left, upper, right and lower edge, in sides of the box; x of the five points in it, then y of them."""

REFINING = ((3, 1, False), (3, 2, True), (3, 1, False), (3, 2, False), (2, 1, False))
LOOKING = (*REFINING[:4], (3, 1, False), (2, 2, True), (2, 1, False))
"""(kernel, stride, whether padded as "same") of R-Net's and O-Net's convolutions and poolings."""


class PNet(nn.Module):
    """The proposal network: fully convolutional, it looks at every 12x12 square of a photo, two pixels apart.

    6,632 parameters. ``forward`` takes (N, 3, H, W) and gives (logits (N, 2, H', W'), boxes (N, 4, H', W')), where
    pixel (i, j) speaks of the square whose upper left corner is (2i, 2j).

    Raises: nothing of its own.
    Source: Zhang et al., 2016, figure 2; the numbers of filters are those of the weights that were published.

    >>> from tinyconv.models.zoo.mtcnn import PNet
    >>> [answer.shape for answer in PNet()(tc.zeros(1, 3, 12, 14))]
    [(1, 2, 1, 2), (1, 4, 1, 2)]
    """

    def __init__(self, in_channels: int = 3, num_classes: int = 2) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(in_channels, 10, 3), nn.PReLU(10)
        self.pool1 = SameMaxPool2d(2)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1 = nn.Conv2d(32, num_classes, 1)
        self.conv4_2 = nn.Conv2d(32, BOX, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_1(x), self.conv4_2(x)


class RNet(nn.Module):
    """The refining network: what of the proposals, as 24x24 squares, is a face.

    100,178 parameters. ``forward`` gives logits (N, ``num_classes``); ``answers`` also (N, 4) for the box.

    Raises: ``ShapeError`` for images smaller than 15x15.
    Source: Zhang et al., 2016, figure 2.

    >>> from tinyconv.models.zoo.mtcnn import RNet
    >>> [answer.shape for answer in RNet().answers(tc.zeros(1, 3, 24, 24))]
    [(1, 2), (1, 4)]
    """

    def __init__(self, in_channels: int = 3, num_classes: int = 2, image_size: Pair = (24, 24)) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(in_channels, 28, 3), nn.PReLU(28)
        self.pool1 = SameMaxPool2d(3, 2)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.pool2 = nn.MaxPool2d(3, 2)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.flatten = nn.Flatten()
        self.dense4, self.prelu4 = nn.Linear(64 * _pixels("rnet", image_size, REFINING), 128), nn.PReLU(128)
        self.dense5_1 = nn.Linear(128, num_classes)
        self.dense5_2 = nn.Linear(128, BOX)

    def features(self, x: Tensor) -> Tensor:
        """What the answers are made of: (N, 128)."""
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.flatten(self.prelu3(self.conv3(x)))
        found: Tensor = self.prelu4(self.dense4(x))
        return found

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.dense5_1(self.features(x))
        return logits

    def answers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(logits, boxes) for images ``x``."""
        found = self.features(x)
        return self.dense5_1(found), self.dense5_2(found)


class ONet(nn.Module):
    """The output network: what of the refined proposals, as 48x48 squares, is a face, and where its features are.

    389,040 parameters. ``forward`` gives logits (N, ``num_classes``), so that it trains as any classifier does;
    ``answers`` also (N, 4) for the box and (N, 10) for the points.

    Raises: ``ShapeError`` for images smaller than 27x27.
    Source: Zhang et al., 2016, figure 2.

    >>> from tinyconv.models.zoo.mtcnn import ONet
    >>> [answer.shape for answer in ONet().answers(tc.zeros(1, 3, 48, 48))]
    [(1, 2), (1, 4), (1, 10)]
    """

    def __init__(self, in_channels: int = 3, num_classes: int = 2, image_size: Pair = (48, 48)) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(in_channels, 32, 3), nn.PReLU(32)
        self.pool1 = SameMaxPool2d(3, 2)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.pool2 = nn.MaxPool2d(3, 2)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.pool3 = SameMaxPool2d(2)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.flatten = nn.Flatten()
        self.dense5, self.prelu5 = nn.Linear(128 * _pixels("onet", image_size, LOOKING), 256), nn.PReLU(256)
        self.dense6_1 = nn.Linear(256, num_classes)
        self.dense6_2 = nn.Linear(256, BOX)
        self.dense6_3 = nn.Linear(256, LANDMARKS)

    def features(self, x: Tensor) -> Tensor:
        """What the answers are made of: (N, 256)."""
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.pool3(self.prelu3(self.conv3(x)))
        x = self.flatten(self.prelu4(self.conv4(x)))
        found: Tensor = self.prelu5(self.dense5(x))
        return found

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.dense6_1(self.features(x))
        return logits

    def answers(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(logits, boxes, landmarks) for images ``x``."""
        found = self.features(x)
        return self.dense6_1(found), self.dense6_2(found), self.dense6_3(found)


def _pixels(name: str, image_size: Pair, windows: tuple[tuple[int, int, bool], ...]) -> int:
    """How many pixels the windows leave of an image. Raises ``ShapeError`` where none is left."""
    sides = list(image_size)
    for kernel, stride, is_same in windows:
        sides = [-(-side // stride) if is_same else (side - kernel) // stride + 1 for side in sides]
        if min(sides) < 1:
            least = {REFINING: 15, LOOKING: 27}[windows]
            raise ShapeError(
                f"{name} needs images of at least {least}x{least} pixels, got {image_size[0]}x{image_size[1]}; give a "
                "larger image size"
            )
    return sides[0] * sides[1]
