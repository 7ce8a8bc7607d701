"""DenseNet: every layer of a block sees the maps of all layers before it.

After Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", 2017; with the names and
the shapes of torchvision's ``densenet121``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError
from tinyconv.models.zoo.stem import has_small_stem, require_side
from tinyconv.nn import functional as F
from tinyconv.nn.fused import in_row
from tinyconv.ops.shape.join import cat
from tinyconv.ops.tensor import Tensor

BLOCKS_OF_121 = (6, 12, 24, 16)


class DenseLayer(nn.Module):
    """[batch norm, ReLU, 1x1 convolution to ``bn_size`` times ``growth_rate``, batch norm, ReLU, 3x3 to growth_rate].

    ``forward`` takes (N, in_channels, H, W), gives the new maps alone: (N, growth_rate, H, W).

    Raises: ``ArgumentError`` for numbers that make no convolution.
    Source: Huang et al., 2017, "Densely connected convolutional networks", section 3, DenseNet-B.

    >>> from tinyconv.models.zoo.densenet import DenseLayer
    >>> DenseLayer(8, growth_rate=4)(tc.zeros(1, 8, 5, 5)).shape
    (1, 4, 5, 5)
    """

    def __init__(self, in_channels: int, growth_rate: int, bn_size: int = 4, drop_rate: float = 0.0) -> None:
        super().__init__()
        narrow = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(in_channels, narrow, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(narrow)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(narrow, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = drop_rate

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = in_row((self.norm1, self.relu1, self.conv1, self.norm2, self.relu2, self.conv2), x)
        return F.dropout(y, self.drop_rate, self.training) if self.drop_rate > 0 else y


class DenseBlock(nn.ModuleDict):
    """Dense layers, each of which takes the block's input and what all before it gave, side by side.

    ``forward`` takes (N, in_channels, H, W), gives (N, in_channels + layers growth_rate, H, W).

    Raises: ``ArgumentError`` for numbers that make no convolution.
    Source: Huang et al., 2017, "Densely connected convolutional networks", equation 2.

    >>> from tinyconv.models.zoo.densenet import DenseBlock
    >>> DenseBlock(3, 8, growth_rate=4)(tc.zeros(1, 8, 5, 5)).shape
    (1, 20, 5, 5)
    """

    def __init__(
        self, layers: int, in_channels: int, growth_rate: int, bn_size: int = 4, drop_rate: float = 0.0
    ) -> None:
        super().__init__(
            {
                f"denselayer{number + 1}": DenseLayer(
                    in_channels + number * growth_rate, growth_rate, bn_size, drop_rate
                )
                for number in range(layers)
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for layer in self.values():
            found.append(layer(cat(found, 1) if len(found) > 1 else x))
        return cat(found, 1)


class DenseNet(nn.Module):
    """A convolution, four dense blocks with transitions between that halve map and channels, one linear layer.

    As it stands DenseNet-121, with 7,978,856 parameters for ImageNet. ``growth_rate``: maps that each layer adds;
    ``block_config``: layers of each block; ``num_init_features``: filters of the first convolution; ``bn_size``: the
    width of each layer's 1x1 convolution, in growth rates; ``drop_rate``: dropout behind each layer.
    ``stem``: "published", a 7x7 convolution of stride 2 and a pooling; "small", a 3x3 one of stride 1 and none, for
    small images; "auto", small below 112 pixels. ``forward`` takes (N, in_channels, H, W), gives logits
    (N, num_classes).

    Raises: ``ShapeError`` for images of which no pixel would be left; ``ArgumentError`` for numbers that make no layer
        and for an unknown stem.
    Source: Huang et al., 2017, "Densely connected convolutional networks", table 1.

    >>> from tinyconv.models.zoo.densenet import DenseNet
    >>> model = DenseNet(1, 5, (32, 32), growth_rate=4, block_config=(2, 2, 2), num_init_features=8)
    >>> model(tc.zeros(2, 1, 32, 32)).shape
    (2, 5)
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 1000,
        image_size: Pair = (224, 224),
        growth_rate: int = 32,
        block_config: Sequence[int] = BLOCKS_OF_121,
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0.0,
        stem: str = "auto",
    ) -> None:
        super().__init__()
        small = has_small_stem("densenet121", stem, image_size)
        if not block_config or min(*block_config, growth_rate, num_init_features, bn_size) < 1:
            raise ArgumentError(
                f"densenet121 needs a layer in every block and a map in every layer, got block_config "
                f"{tuple(block_config)}, growth_rate {growth_rate}, num_init_features {num_init_features} and bn_size "
                f"{bn_size}"
            )
        halvings = len(block_config) - 1
        least = 2**halvings if small else 4 * 2**halvings - 3
        require_side("densenet121", image_size, least, small)
        stride, kernel = (1, 3) if small else (2, 7)
        channels = num_init_features
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2, bias=False),
            norm0=nn.BatchNorm2d(channels),
            relu0=nn.ReLU(),
        )
        if not small:
            layers["pool0"] = nn.MaxPool2d(3, 2, padding=1)
        for number, depth in enumerate(block_config, start=1):
            layers[f"denseblock{number}"] = DenseBlock(depth, channels, growth_rate, bn_size, drop_rate)
            channels += depth * growth_rate
            if number < len(block_config):
                layers[f"transition{number}"] = _transition(channels, channels // 2)
                channels //= 2
        layers["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(layers)
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        if self.classifier.bias is not None:
            nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        maps = F.relu(self.features(x))
        result: Tensor = self.classifier(F.adaptive_avg_pool2d(maps, 1).flatten(1))
        return result


def _transition(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(in_channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(in_channels, out_channels, 1, bias=False),
            pool=nn.AvgPool2d(2, 2),
        )
    )
