"""PyTorch's twins of tinyconv's models: the same layers under the same names, so that weights can be copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class BasicBlock(nn.Module):
    """relu(F(x) + x), as torchvision has it."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out_channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


class ResNet18(nn.Module):
    """With a 3x3 stem where ``small``."""

    def __init__(self, in_channels: int, num_classes: int, small: bool, width: int) -> None:
        super().__init__()
        kernel, stride = (3, 1) if small else (7, 2)
        self.conv1 = nn.Conv2d(in_channels, width, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, padding=1)
        channels = width
        for number, stride in enumerate((1, 2, 2, 2), start=1):
            wider = width * 2 ** (number - 1)
            self.add_module(
                f"layer{number}", nn.Sequential(BasicBlock(channels, wider, stride), BasicBlock(wider, wider))
            )
            channels = wider
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18(
    in_channels: int, num_classes: int, image_size: tuple[int, int], stem: str = "auto", width: int = 64
) -> ResNet18:
    """The stem as tinyconv chooses it."""
    return ResNet18(in_channels, num_classes, stem == "small" or (stem == "auto" and min(image_size) < 112), width)


def vgg11_bn(
    in_channels: int,
    num_classes: int,
    _: tuple[int, int],
    width: int = 64,
    head: str = "published",
    dropout: float = 0.5,
) -> nn.Sequential:
    """VGG-11 with batch norm, and the published head or one linear layer. Any image size will do."""
    layers: list[nn.Module] = []
    channels = in_channels
    for stage in ((1,), (2,), (4, 4), (8, 8), (8, 8)):
        for widths in stage:
            filters = widths * width
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    if head == "linear":
        side, classifier = 1, nn.Linear(channels, num_classes)
    else:
        side, hidden = 7, 64 * width
        classifier = nn.Sequential(
            *(nn.Linear(channels * side * side, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            *(nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            nn.Linear(hidden, num_classes),
        )
    return _named(
        features=nn.Sequential(*layers),
        avgpool=nn.AdaptiveAvgPool2d(side),
        flatten=nn.Flatten(),
        classifier=classifier,
    )


def facenet(
    in_channels: int,
    num_classes: int,
    image_size: tuple[int, int],
    widths: Sequence[int] = (32, 64, 128, 256),
    dropout: float = 0.5,
) -> nn.Sequential:
    """Blocks of [convolution, batch norm, ReLU, pooling]."""
    height, width = image_size
    layers: dict[str, nn.Module] = {}
    channels = in_channels
    for number, filters in enumerate(widths[: min(image_size).bit_length() - 1], start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
        layers[f"bn{number}"] = nn.BatchNorm2d(filters)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
        layers[f"pool{number}"] = nn.MaxPool2d(2)
        channels, height, width = filters, height // 2, width // 2
    head = nn.Linear(channels * height * width, num_classes)
    return _named(**layers, flatten=nn.Flatten(), dropout=nn.Dropout(dropout), fc=head)


def lenet(in_channels: int, num_classes: int, image_size: tuple[int, int]) -> nn.Sequential:
    """LeNet-5 in its modern form."""
    height, width = ((side // 2 - 4) // 2 for side in image_size)
    return _named(
        conv1=nn.Conv2d(in_channels, 6, 5, padding=2),
        relu1=nn.ReLU(inplace=True),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(6, 16, 5),
        relu2=nn.ReLU(inplace=True),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(16 * height * width, 120),
        relu3=nn.ReLU(inplace=True),
        fc2=nn.Linear(120, 84),
        relu4=nn.ReLU(inplace=True),
        fc3=nn.Linear(84, num_classes),
    )


TWINS = {"facenet": facenet, "lenet": lenet, "vgg11_bn": vgg11_bn, "resnet18": resnet18}
"""tinyconv's models that are written here for PyTorch too."""


def twin(name: str, in_channels: int, num_classes: int, image_size: tuple[int, int], **options: Any) -> nn.Module:
    """The twin of tinyconv's model ``name``."""
    return TWINS[name](in_channels, num_classes, image_size, **options)


def copy_weights(model: Any, network: nn.Module) -> None:
    """Give ``network`` the weights and the running statistics of tinyconv's ``model``."""
    entries = {name: torch.from_numpy(value.numpy().copy()) for name, value in model.state_dict().items()}
    network.load_state_dict(entries)


def _named(**layers: nn.Module) -> nn.Sequential:
    network = nn.Sequential()
    for name, layer in layers.items():
        network.add_module(name, layer)
    return network
