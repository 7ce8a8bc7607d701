"""What GoogLeNet is made of: its convolution unit, the inception module, the auxiliary classifier."""

from __future__ import annotations

from typing import Any

from tinyconv import nn
from tinyconv.nn.fused import in_row
from tinyconv.ops.shape.join import cat
from tinyconv.ops.tensor import Tensor


class ConvolutionUnit(nn.Module):
    """A convolution, batch norm and ReLU; without ``batch_norm`` a convolution with bias and ReLU.

    Raises: ``ArgumentError`` for numbers that make no convolution.

    >>> from tinyconv.models.zoo.inception import ConvolutionUnit
    >>> ConvolutionUnit(3, 8, kernel_size=5, padding=2)(tc.zeros(1, 3, 6, 6)).shape
    (1, 8, 6, 6)
    """

    def __init__(self, in_channels: int, out_channels: int, batch_norm: bool = True, **window: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=not batch_norm, **window)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001) if batch_norm else None
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        row = (self.conv, self.relu) if self.bn is None else (self.conv, self.bn, self.relu)
        result: Tensor = in_row(row, x)
        return result


class Inception(nn.Module):
    """Four branches that look at the same map, their results side by side: 1x1, 3x3, 5x5 and max pooling.

    ``filters``: of the 1x1 branch; of the 1x1 reduction before the 3x3 convolution, and of that; the same for the 5x5;
    of the 1x1 behind the pooling. With batch norm the "5x5" branch is 3x3, as torchvision's is. ``forward`` takes
    (N, in_channels, H, W), gives (N, out_channels, H, W).

    Raises: ``ArgumentError`` for numbers that make no convolution.
    Source: Szegedy et al., 2014, "Going deeper with convolutions", figure 2b.

    >>> from tinyconv.models.zoo.inception import Inception
    >>> Inception(8, (4, 2, 6, 2, 3, 5))(tc.zeros(1, 8, 7, 7)).shape
    (1, 18, 7, 7)
    """

    def __init__(self, in_channels: int, filters: tuple[int, ...], batch_norm: bool = True) -> None:
        super().__init__()
        one, before_three, three, before_five, five, pooled = filters
        side = 3 if batch_norm else 5
        self.branch1 = ConvolutionUnit(in_channels, one, batch_norm, kernel_size=1)
        self.branch2 = nn.Sequential(
            ConvolutionUnit(in_channels, before_three, batch_norm, kernel_size=1),
            ConvolutionUnit(before_three, three, batch_norm, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            ConvolutionUnit(in_channels, before_five, batch_norm, kernel_size=1),
            ConvolutionUnit(before_five, five, batch_norm, kernel_size=side, padding=side // 2),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            ConvolutionUnit(in_channels, pooled, batch_norm, kernel_size=1),
        )
        self.out_channels = one + three + five + pooled

    def forward(self, x: Tensor) -> Tensor:
        return cat([branch(x) for branch in (self.branch1, self.branch2, self.branch3, self.branch4)], 1)


class Classifier(nn.Module):
    """An auxiliary classifier: averages of 4x4 windows, a 1x1 convolution, a hidden layer, dropout, logits.

    ``strided``: the averages are those of 5x5 windows of stride 3, of which a map of 14x14 has 4x4.

    Raises: ``ArgumentError`` for numbers that make no layer.
    Source: Szegedy et al., 2014, "Going deeper with convolutions", section 5.

    >>> from tinyconv.models.zoo.inception import Classifier
    >>> Classifier(16, reduced=4, hidden=8, num_classes=3, dropout=0.7)(tc.zeros(2, 16, 14, 14)).shape
    (2, 3)
    """

    def __init__(
        self,
        in_channels: int,
        reduced: int,
        hidden: int,
        num_classes: int,
        dropout: float,
        batch_norm: bool = True,
        strided: bool = False,
    ) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(5, 3) if strided else nn.AdaptiveAvgPool2d(4)
        self.conv = ConvolutionUnit(in_channels, reduced, batch_norm, kernel_size=1)
        self.fc1 = nn.Linear(16 * reduced, hidden)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.pool(x)).flatten(1)
        result: Tensor = self.fc2(self.dropout(in_row((self.fc1, self.relu), x)))
        return result
