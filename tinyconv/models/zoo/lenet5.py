"""LeNet-5 as it was published in 1998: a partial C3, subsampling that learns, squashing, radial basis functions.

After LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998. The network
that goes by the same name today is in ``lenet.py``.
"""

from __future__ import annotations

import numpy as np

from tinyconv import nn
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models.zoo.digit_bitmaps import BITMAPS, HEIGHT, WIDTH
from tinyconv.models.zoo.early_layers import PartialConv2d, Squash, Subsampling, early_uniform_
from tinyconv.nn import functional as F
from tinyconv.ops.creation.creation import full, tensor
from tinyconv.ops.shape.join import cat
from tinyconv.ops.tensor import Tensor

C3_CONNECTIONS = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
"""Which maps of S2 each map of C3 sees (table I): three in a row, four in a row, four with a gap, all."""

SMALLEST_SIDE = 16
"""((16 - 4) / 2 - 4) / 2 = 1: with fewer pixels S4 would have no unit."""

CODE_SEED = 1998
"""Of the random codes: the same for every model of as many classes."""


class RadialBasis(nn.Module):
    """The output layer: minus the squared distance of the input to a fixed code of +1 and -1 for each class.

        logit_i = -y_i,   y_i = Σ_j (x_j - w_ij)²

    y_i is the paper's output, a penalty; with the sign turned, the largest wins, and the softmax of the logits is the
    probability that the paper trains by. ``codes`` (w): (classes, features), a buffer.

    Shape: input (N, features); result (N, classes).
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ShapeError`` for another number of features.
    Source: LeCun, Bottou, Bengio & Haffner, 1998, "Gradient-based learning applied to document recognition",
        equation 7.

    >>> from tinyconv.models.zoo.lenet5 import RadialBasis
    >>> RadialBasis(np.array([[1.0, 1.0], [1.0, -1.0]]))(tc.tensor([[1.0, 1.0]]))
    tensor([[-0., -4.]])
    """

    codes: Tensor

    def __init__(self, codes: FloatArray) -> None:
        super().__init__()
        self.register_buffer("codes", tensor(np.asarray(codes, np.float32)))

    def forward(self, input: Tensor) -> Tensor:
        if input.shape[1:] != self.codes.shape[1:]:
            raise ShapeError(f"RadialBasis: input must be (N, {self.codes.shape[1]}), got {input.shape}")
        return -((input.unsqueeze(1) - self.codes) ** 2).sum(2)

    def extra_repr(self) -> str:
        return f"{self.codes.shape[1]}, {self.codes.shape[0]}"


class LeNet5(nn.Sequential):
    """C1, S2, C3, S4, C5, F6 and the output of radial basis functions, with 60,000 parameters for 32x32 digits.

    C1: six maps, 5x5. S2, S4: subsampling by two with a coefficient and a bias for each map. C3: sixteen maps, 5x5,
    each from some of S2's (``C3_CONNECTIONS``). C5: 120 units that see all of S4, a convolution. F6: 84 units. Behind
    each of them f(a) = 1.7159 tanh(2a / 3). The output's 84 codes a class are fixed: of ten classes the pictures of the
    digits, 7 x 12 pixels; of another number random signs, which the paper names as the alternative. Initial weights are
    the paper's, U(-2.4 / F, 2.4 / F) for units of F inputs.

    Any image of 16x16 or more will do: C5's kernel is as large as S4's maps (5x5 of 32x32 pixels). ``forward`` takes
    (N, in_channels, height, width), gives (N, num_classes), minus the paper's penalties: cross-entropy of these is the
    paper's criterion without its constant, which ``PenaltyLoss`` has.

    Raises: ``ShapeError`` for images smaller than 16x16.
    Source: LeCun, Bottou, Bengio & Haffner, 1998, "Gradient-based learning applied to document recognition",
        section II.B.

    >>> from tinyconv.models.zoo.lenet5 import LeNet5
    >>> sum(parameter.numel() for parameter in LeNet5().parameters())
    60000
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, image_size: Pair = (32, 32)) -> None:
        super().__init__()
        if min(image_size) < SMALLEST_SIDE:
            raise ShapeError(
                f"lenet5 needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, so that "
                f"((side - 4)/2 - 4)/2 >= 1, got {image_size[0]}x{image_size[1]}; give a larger image size, or use "
                "facenet"
            )
        height, width = (((side - 4) // 2 - 4) // 2 for side in image_size)
        self.add_module("c1", nn.Conv2d(in_channels, 6, 5))
        self.add_module("squash1", Squash())
        self.add_module("s2", Subsampling(6))
        self.add_module("squash2", Squash())
        self.add_module("c3", PartialConv2d(6, C3_CONNECTIONS, 5))
        self.add_module("squash3", Squash())
        self.add_module("s4", Subsampling(16))
        self.add_module("squash4", Squash())
        self.add_module("c5", nn.Conv2d(16, 120, (height, width)))
        self.add_module("squash5", Squash())
        self.add_module("flatten", nn.Flatten())
        self.add_module("f6", nn.Linear(120, HEIGHT * WIDTH))
        self.add_module("squash6", Squash())
        self.add_module("output", RadialBasis(codes(num_classes)))
        for layer, fan_in in ((self.c1, 25 * in_channels), (self.c5, 16 * height * width), (self.f6, 120)):
            for parameter in layer.parameters():
                early_uniform_(parameter, fan_in)


class PenaltyLoss(nn.Module):
    """The paper's criterion: the right class's penalty is pushed down, the others' up, as far as ``rubbish`` reaches.

        E = mean over the batch of  y_t + log(exp(-j) + Σ_i exp(-y_i)),   y = -logits, t the label, j = ``rubbish``

    It is the cross-entropy with one more class, whose penalty is always j: an image may be nothing at all, and classes
    whose penalty is above j are pushed no further. With j = ∞ it is ``nn.CrossEntropyLoss``.

    Shape: logits (N, classes); labels (N,); result ().
    Dtype: logits float32 or float64, labels int64; the result has the logits'.
    Raises: ``ArgumentError`` for a ``rubbish`` that is not positive; in the call what cross-entropy raises.
    Source: LeCun, Bottou, Bengio & Haffner, 1998, "Gradient-based learning applied to document recognition",
        equation 9.

    >>> from tinyconv.models.zoo.lenet5 import PenaltyLoss
    >>> round(PenaltyLoss(rubbish=1.0)(tc.tensor([[-2.0, -3.0]]), tc.tensor([0])).item(), 4)
    1.4076
    """

    def __init__(self, rubbish: float) -> None:
        super().__init__()
        if not rubbish > 0:
            raise ArgumentError(f"PenaltyLoss: rubbish, a penalty, must be positive, got {rubbish!r}")
        self.rubbish = rubbish

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        nothing = full((logits.shape[0], 1), -self.rubbish, dtype=logits.dtype, device=logits.device)
        return F.cross_entropy(cat([logits, nothing], 1), labels)

    def extra_repr(self) -> str:
        return f"rubbish={self.rubbish:g}"


def codes(classes: int) -> FloatArray:
    """What F6 should say for each class: (classes, 84) of +1 and -1; ten are the digits, any other number random."""
    if classes == len(BITMAPS):
        return np.array([[1.0 if pixel == "#" else -1.0 for pixel in "".join(rows)] for rows in BITMAPS])
    drawn: FloatArray = np.random.default_rng(CODE_SEED).choice([-1.0, 1.0], (classes, HEIGHT * WIDTH))
    return drawn
