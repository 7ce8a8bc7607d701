"""Networks that torchvision does not have, in PyTorch as their papers describe them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from tinyconv.core.arrays import Pair

INCEPTIONS = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip


class AlexNet2012(nn.Module):
    """Two columns: grouped convolutions, with the responses of the first two normalised over neighbouring maps."""

    def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        super().__init__()
        wide, wider, hidden = width * 8 // 3, width * 4, width * 128 // 3
        self.convolutions = nn.ModuleList([
            nn.Conv2d(in_channels, width, 11, 4), nn.Conv2d(width, wide, 5, padding=2, groups=2),
            nn.Conv2d(wide, wider, 3, padding=1), nn.Conv2d(wider, wider, 3, padding=1, groups=2),
            nn.Conv2d(wider, wide, 3, padding=1, groups=2),
        ])  # fmt: skip
        sizes = [(36 * wide, hidden), (hidden, hidden), (hidden, num_classes)]
        self.linear = nn.ModuleList([nn.Linear(*size) for size in sizes])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for number, convolution in enumerate(self.convolutions):
            x = F.relu(convolution(x))
            if number < 2:
                squares = F.pad(x**2, (0, 0, 0, 0, 2, 2))
                x = x / (2 + 1e-4 * sum(squares[:, shift : shift + x.shape[1]] for shift in range(5))) ** 0.75
            if number in (0, 1, 4):
                x = F.max_pool2d(x, 3, 2)
        x = F.adaptive_avg_pool2d(x, 6).flatten(1)
        first, second, last = self.linear
        logits: torch.Tensor = last(F.relu(second(F.relu(first(x)))))
        return logits


class GoogLeNet2014(nn.Module):
    """Without batch norm; on images of 224x224, and with ``small`` on those for which the stem does not halve."""

    def __init__(self, in_channels: int, num_classes: int, small: bool, width: int, strided: bool) -> None:
        super().__init__()

        def scaled(filters: int) -> int:
            return max(1, filters * width // 64)

        self.small, self.strided = small, strided
        first, channels = scaled(64), scaled(192)
        stem = nn.Conv2d(in_channels, first, 3, 1, 1) if small else nn.Conv2d(in_channels, first, 7, 2, 3)
        self.stem = nn.ModuleList([stem, nn.Conv2d(first, first, 1), nn.Conv2d(first, channels, 3, padding=1)])
        self.inceptions = nn.ModuleList()
        heads = []
        for number, row in enumerate(INCEPTIONS):
            one, before_three, three, before_five, five, pooled = map(scaled, row)
            kernels = [
                (channels, one, 1), (channels, before_three, 1), (before_three, three, 3), (channels, before_five, 1),
                (before_five, five, 5), (channels, pooled, 1),
            ]  # fmt: skip
            convolutions = [nn.Conv2d(inputs, outputs, side, padding=side // 2) for inputs, outputs, side in kernels]
            self.inceptions.append(nn.ModuleList(convolutions))
            channels = one + three + five + pooled
            if number in (2, 5):
                hidden = scaled(1024)
                layers = [nn.Conv2d(channels, scaled(128), 1), nn.Linear(16 * scaled(128), hidden)]
                heads.append(nn.ModuleList([*layers, nn.Linear(hidden, num_classes)]))
        self.heads = nn.ModuleList(heads)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: torch.Tensor) -> Any:
        halved = (lambda maps: maps) if self.small else _halved
        x = _responses_normalised(halved(F.relu(self.stem[0](x))))
        x = F.relu(self.stem[2](F.relu(self.stem[1](x))))
        x = _halved(self._through(halved(_responses_normalised(x)), 0, 2))
        early = self._through(x, 2, 3)
        late = self._through(early, 3, 6)
        x = self._through(_halved(self._through(late, 6, 7)), 7, 9)
        logits = self.fc(x.mean((2, 3)))
        if not self.training:
            return logits
        return logits, self._head(1, late), self._head(0, early)

    def _through(self, x: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        for one, before_three, three, before_five, five, pooled in self.inceptions[start:stop]:
            branches = (
                one(x),
                three(F.relu(before_three(x))),
                five(F.relu(before_five(x))),
                pooled(F.max_pool2d(x, 3, 1, 1)),
            )
            x = F.relu(torch.cat(branches, 1))
        return x

    def _head(self, number: int, x: torch.Tensor) -> torch.Tensor:
        conv, hidden, last = self.heads[number]
        averages = F.avg_pool2d(x, 5, 3) if self.strided else F.adaptive_avg_pool2d(x, 4)
        return last(F.relu(hidden(F.relu(conv(averages)).flatten(1))))


def _halved(x: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


def _responses_normalised(x: torch.Tensor) -> torch.Tensor:
    return F.local_response_norm(x, 5, 1e-4, 0.75, 1.0)


def alexnet_2012(in_channels: int, num_classes: int, _: Pair, width: int = 96) -> nn.Module:
    """Any image size will do."""
    return AlexNet2012(in_channels, num_classes, width)


def googlenet_2014(in_channels: int, num_classes: int, image_size: Pair, width: int = 64) -> nn.Module:
    """Its pooling before the auxiliary heads is the paper's at the paper's image size."""
    strided = image_size == (224, 224)
    return GoogLeNet2014(in_channels, num_classes, min(image_size) < 112, width, strided)
