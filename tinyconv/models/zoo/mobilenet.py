"""MobileNetV2: thin maps between blocks that widen, filter each channel by itself, and narrow again.

After Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: Inverted residuals and linear bottlenecks", 2018; with the
names and the shapes of torchvision's ``mobilenet_v2``.
"""

from __future__ import annotations

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError
from tinyconv.models.zoo.stem import has_small_stem
from tinyconv.nn import functional as F
from tinyconv.ops.tensor import Tensor

# Expansion, channels, blocks, stride of the first of them (table 2).
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
FIRST, LAST = 32, 1280
"""Channels of the first and of the last convolution."""


class InvertedResidual(nn.Module):
    """x + F(x) with F = [1x1 to ``expand_ratio`` times the channels, 3x3 of each channel by itself, 1x1 down].

    Batch norm follows each of the three, ReLU6 the first two; with an expansion of 1 there is no first. Only where
    neither ``stride`` nor the number of channels changes the shape is x added. ``forward`` takes
    (N, in_channels, H, W), gives (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Raises: ``ArgumentError`` for numbers that make no convolution.
    Source: Sandler et al., 2018, "MobileNetV2: Inverted residuals and linear bottlenecks", table 1 and figure 4d.

    >>> from tinyconv.models.zoo.mobilenet import InvertedResidual
    >>> InvertedResidual(4, 6, stride=2, expand_ratio=3)(tc.zeros(1, 4, 5, 5)).shape
    (1, 6, 3, 3)
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, expand_ratio: int) -> None:
        super().__init__()
        wide = in_channels * expand_ratio
        layers: list[nn.Module] = [] if expand_ratio == 1 else [_unit(in_channels, wide, 1)]
        layers += [
            _unit(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        ]
        self.conv = nn.Sequential(*layers)
        self.use_res_connect = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.use_res_connect else y


class MobileNetV2(nn.Module):
    """A 3x3 convolution, seventeen inverted residual blocks, a 1x1 convolution, the average over the map, one layer.

    3,504,872 parameters for ImageNet. ``width_mult``: times the channels of all layers, rounded to a multiple of
    ``round_nearest`` (the last convolution's are never fewer than 1280). ``dropout``: before the last layer.
    ``stem``: "published", where the image has been halved twice before the third block; "small", where it has not, for
    small images; "auto", small below 112 pixels. The weights fit either. ``forward`` takes (N, in_channels, H, W) of
    any size, gives logits (N, num_classes).

    Raises: ``ArgumentError`` for a width or a rounding that is not positive, and for an unknown stem.
    Source: Sandler et al., 2018, "MobileNetV2: Inverted residuals and linear bottlenecks", table 2.

    >>> from tinyconv.models.zoo.mobilenet import MobileNetV2
    >>> MobileNetV2(3, 10, (32, 32), width_mult=0.25)(tc.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 1000,
        image_size: Pair = (224, 224),
        width_mult: float = 1.0,
        round_nearest: int = 8,
        dropout: float = 0.2,
        stem: str = "auto",
    ) -> None:
        super().__init__()
        if not width_mult > 0 or round_nearest < 1:
            raise ArgumentError(
                f"mobilenet_v2 needs a positive width_mult and round_nearest, got {width_mult} and {round_nearest}"
            )
        small = has_small_stem("mobilenet_v2", stem, image_size)
        channels = _rounded(FIRST * width_mult, round_nearest)
        self.last_channel = _rounded(LAST * max(1.0, width_mult), round_nearest)
        layers: list[nn.Module] = [_unit(in_channels, channels, 3, 1 if small else 2)]
        for number, (expansion, filters, blocks, stride) in enumerate(STAGES):
            wider = _rounded(filters * width_mult, round_nearest)
            for place in range(blocks):
                halves = place == 0 and not (small and number == 1)
                layers.append(InvertedResidual(channels, wider, stride if halves else 1, expansion))
                channels = wider
        layers.append(_unit(channels, self.last_channel, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.classifier[1].weight, 0, 0.01)
        nn.init.zeros_(self.classifier[1].bias)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.features(x)
        result: Tensor = self.classifier(F.adaptive_avg_pool2d(maps, 1).flatten(1))
        return result


def _unit(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution, batch norm, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU6(),
    )


def _rounded(channels: float, multiple: int) -> int:
    """The nearest multiple, at least one of them, and not more than a tenth below ``channels``."""
    found = max(multiple, int(channels + multiple / 2) // multiple * multiple)
    return found + multiple if found < 0.9 * channels else found
