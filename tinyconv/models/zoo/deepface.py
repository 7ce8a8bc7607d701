"""DeepFace: a convolutional network for aligned faces, most of whose layers have a weight for every pixel.

After Taigman, Yang, Ranzato and Wolf, "DeepFace: Closing the gap to human-level performance in face verification",
2014.
"""

from __future__ import annotations

import math

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ShapeError
from tinyconv.nn.arguments import positive

SMALLEST_SIDE = 72
"""72 -> C1 62 -> M2 31 -> C3 23 -> L4 15 -> L5 5 -> L6 1: with fewer pixels L6 would have no window."""


class DeepFace(nn.Sequential):
    """C1, M2, C3, three locally connected layers L4, L5 and L6, and two linear ones, F7 and F8, with ReLU in between.

    An aligned face has its eyes at the same pixels in every image, so what is worth looking for differs from place to
    place: L4 to L6 are convolutions with a weight for each pixel, 118,858,318 parameters in all for 152x152 photographs
    and 4,030 people. C1: 2 ``width`` maps, 11x11. M2: the maximum of 3x3 in steps of two, windows over the edge
    included. C3: 9x9; L4: 9x9; L5: 7x7 in steps of two; L6: 5x5, all of ``width`` maps. F7: ``hidden`` units, half
    of which dropout leaves out; F8: the classes. L4 to L6 have no bias. Weights start as He et al. (2015) draw them
    for ReLU, biases from 0: the paper's, of deviation 0.01 and biases of 0.5, keep hardly a signal through narrower
    layers.

    Any image of 72x72 or more will do, and weights are for that size alone. ``forward`` takes
    (N, in_channels, height, width), gives logits (N, num_classes).

    Raises: ``ShapeError`` for images smaller than 72x72; ``ArgumentError`` for no maps or no hidden units.
    Source: Taigman, Yang, Ranzato & Wolf, 2014, "DeepFace: Closing the gap to human-level performance in face
        verification", section 3.

    >>> from tinyconv.models.zoo.deepface import DeepFace
    >>> DeepFace(3, 10, (72, 72), width=2, hidden=8)
    DeepFace(
      (c1): Conv2d(3, 4, kernel_size=(11, 11), stride=(1, 1))
      (relu1): ReLU()
      (m2): MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=True)
      (c3): Conv2d(4, 2, kernel_size=(9, 9), stride=(1, 1))
      (relu3): ReLU()
      (l4): LocallyConnected2d(2, 2, input_size=(23, 23), kernel_size=(9, 9), stride=(1, 1), bias=False)
      (relu4): ReLU()
      (l5): LocallyConnected2d(2, 2, input_size=(15, 15), kernel_size=(7, 7), stride=(2, 2), bias=False)
      (relu5): ReLU()
      (l6): LocallyConnected2d(2, 2, input_size=(5, 5), kernel_size=(5, 5), stride=(1, 1), bias=False)
      (relu6): ReLU()
      (flatten): Flatten(start_dim=1, end_dim=-1)
      (f7): Linear(in_features=2, out_features=8, bias=True)
      (relu7): ReLU()
      (dropout): Dropout(p=0.5, inplace=False)
      (f8): Linear(in_features=8, out_features=10, bias=True)
    )
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 4030,
        image_size: Pair = (152, 152),
        width: int = 16,
        hidden: int = 4096,
    ) -> None:
        super().__init__()
        if min(image_size) < SMALLEST_SIDE:
            raise ShapeError(
                f"deepface needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, so that its last locally "
                f"connected layer has a window, got {image_size[0]}x{image_size[1]}; give a larger image size, or use "
                "facenet"
            )
        positive(width, "deepface: width")
        positive(hidden, "deepface: hidden")
        self.add_module("c1", nn.Conv2d(in_channels, 2 * width, 11))
        self.add_module("relu1", nn.ReLU())
        self.add_module("m2", nn.MaxPool2d(3, 2, ceil_mode=True))
        self.add_module("c3", nn.Conv2d(2 * width, width, 9))
        self.add_module("relu3", nn.ReLU())
        # C1, M2 (its last window may hang over the edge), C3.
        size: Pair = tuple((side - 10 - 2) // 2 + 1 - 8 for side in image_size)  # type: ignore[assignment]
        for number, kernel, stride in ((4, 9, 1), (5, 7, 2), (6, 5, 1)):
            layer = nn.LocallyConnected2d(width, width, size, kernel, stride, bias=False)
            self.add_module(f"l{number}", layer)
            self.add_module(f"relu{number}", nn.ReLU())
            size = layer.weight.shape[0], layer.weight.shape[1]
        self.add_module("flatten", nn.Flatten())
        self.add_module("f7", nn.Linear(width * size[0] * size[1], hidden))
        self.add_module("relu7", nn.ReLU())
        self.add_module("dropout", nn.Dropout(0.5))
        self.add_module("f8", nn.Linear(hidden, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.LocallyConnected2d | nn.Linear):
                inputs = module.weight.shape[1:] if isinstance(module, nn.Linear) else module.weight.shape[-3:]
                nn.init.normal_(module.weight, 0, math.sqrt(2 / math.prod(inputs)))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
