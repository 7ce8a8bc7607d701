"""The Convolutional Face Finder: 951 parameters that tell faces from everything else, in a whole photograph at once.

With x the image, Σ the sum of 2x2 pixels, and maps numbered from 0:

    C1_k = w_k * x + b_k                                4 maps, 5x5
    S1_k = tanh(g_k Σ C1_k + h_k)
    C2_j = w_j * S1_k + b_j                             maps 0 to 7, two for each map k of S1; 3x3
    C2_j = w_j * S1_k + w'_j * S1_l + b_j               maps 8 to 13, one for each pair k < l; 3x3
    S2_j = tanh(g_j Σ C2_j + h_j)
    N1_j = tanh(w_j . S2_j + b_j)                       14 neurons, each over the whole of one map
    a    = w . N1 + b,      the answer tanh a           1 for a face, -1 for anything else

Since (1 + tanh a) / 2 = 1 / (1 + exp(-2a)), which is the softmax of (-a, a), these two scores give the probability of a
face, and cross-entropy trains the paper's network with them.

Nothing in it pads. So a larger photograph gives the answers of all its windows, 4 pixels apart, and what neighbouring
windows share is computed once.

After Garcia and Delakis, "Convolutional face finder: a neural architecture for fast and robust face detection", 2004.
"""

from __future__ import annotations

from itertools import combinations

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models.zoo.early_layers import PartialConv2d, Subsampling, early_uniform_
from tinyconv.ops.shape.join import cat
from tinyconv.ops.tensor import Tensor

RETINA = (36, 32)
STEP = 4
"""Pixels between the windows of neighbouring answers: both subsamplings halve."""

SMALLEST_SIDE = 12
"""((12 - 4) / 2 - 2) / 2 = 1: with fewer pixels S2 would have none."""


class FaceFinder(nn.Module):
    """C1, S1, C2, S2, N1 and N2 of the formulas above; 951 parameters for gray images of 36x32 pixels.

    ``forward`` gives the scores (-a, a) of two classes; which of them is the face, training decides. With
    ``num_classes=1`` it gives the paper's answer, tanh a; with more than two, N2 has a neuron for each, whose sums are
    the scores. ``slide`` takes larger images, and gives the scores of all windows. ``maps``: those of C1; C2 then has
    two for each of them and one for each pair. Any image size from 12x12 will do. Initial weights are LeNet-5's.

    Shape: ``forward``: (N, in_channels, *image_size) to (N, num_classes). ``slide``: (N, in_channels, H, W) to
        (N, num_classes, floor((H - h) / 4) + 1, floor((W - w) / 4) + 1), with h and w the sides of ``image_size``
        rounded down to a multiple of 4: what is over, no neuron sees.
    Dtype: float32 or float64, the same as the parameters'; the result has it too.
    Raises: ``ShapeError`` for an image size below 12x12, on a call for images of another size, and from ``slide`` for
        smaller ones; ``ArgumentError`` for no maps.
    Source: Garcia & Delakis, 2004, "Convolutional face finder: a neural architecture for fast and robust face
        detection", section 3.

    >>> from tinyconv.models.zoo.face_finder import FaceFinder
    >>> finder = FaceFinder()
    >>> sum(parameter.numel() for parameter in finder.parameters())
    951
    >>> finder.slide(tc.zeros(1, 1, 100, 80)).shape
    (1, 1, 17, 13)
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 1, image_size: Pair = RETINA, maps: int = 4) -> None:
        super().__init__()
        if min(image_size) < SMALLEST_SIDE:
            raise ShapeError(
                f"face_finder needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, so that "
                f"((side - 4)/2 - 2)/2 >= 1, got {image_size[0]}x{image_size[1]}; give a larger image size, or use "
                "facenet"
            )
        if maps < 1:
            raise ArgumentError(f"face_finder needs at least one map in its first layer: maps is {maps}")
        self.image_size, self.num_classes = (int(image_size[0]), int(image_size[1])), num_classes
        connections = [*((number // 2,) for number in range(2 * maps)), *combinations(range(maps), 2)]
        last = len(connections)
        height, width = (((side - 4) // 2 - 2) // 2 for side in image_size)
        self.c1 = nn.Conv2d(in_channels, maps, 5)
        self.s1 = Subsampling(maps)
        self.squash1 = nn.Tanh()
        self.c2 = PartialConv2d(maps, connections, 3)
        self.s2 = Subsampling(last)
        self.squash2 = nn.Tanh()
        self.n1 = nn.Conv2d(last, last, (height, width), groups=last)
        self.squash3 = nn.Tanh()
        self.n2 = nn.Conv2d(last, num_classes if num_classes > 2 else 1, 1)
        for layer, inputs in ((self.c1, 25 * in_channels), (self.n1, height * width), (self.n2, last)):
            for parameter in layer.parameters():
                early_uniform_(parameter, inputs)

    @property
    def step(self) -> int:
        """Pixels between the windows of neighbouring answers of ``slide``."""
        return STEP

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[2:]) != self.image_size:
            raise ShapeError(
                f"face_finder: expected images of {self.image_size[0]}x{self.image_size[1]} pixels, got shape "
                f"{tuple(x.shape)}; slide() takes larger ones, and gives the answers of all windows"
            )
        return self.slide(x).flatten(1)

    def slide(self, x: Tensor) -> Tensor:
        """The scores of every window of larger images: what ``forward`` gives for each of them."""
        if len(x.shape) != 4 or x.shape[2] < self.image_size[0] or x.shape[3] < self.image_size[1]:
            raise ShapeError(
                f"face_finder: slide takes (N, C, H, W) of at least {self.image_size[0]}x{self.image_size[1]} pixels, "
                f"got shape {tuple(x.shape)}"
            )
        s1 = self.squash1(self.s1(self.c1(x)))
        s2 = self.squash2(self.s2(self.c2(s1)))
        a: Tensor = self.n2(self.squash3(self.n1(s2)))
        if self.num_classes == 1:
            return a.tanh()
        return cat((-a, a), 1) if self.num_classes == 2 else a
