"""The networks whose training and inference are measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.numbers import normal
from tinyconv.utils.speed import own, pytorch
from tinyconv.utils.speed.own import Side

CLASSES = 10


@dataclass(frozen=True)
class Network:
    """A model of ``tinyconv.models``, and the images that it is given."""

    title: str
    model: str
    channels: int
    side: int
    tag: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def image_size(self) -> tuple[int, int]:
        return self.side, self.side

    def shape(self, images: int) -> tuple[int, int, int, int]:
        """Of a batch."""
        return images, self.channels, self.side, self.side

    def build(self) -> Any:
        """tinyconv's model, the same in every run."""
        import tinyconv as tc
        from tinyconv.models import registry

        tc.manual_seed(0)
        return registry.build(self.model, self.channels, CLASSES, self.image_size, **self.options)

    def twin(self, model: Any, layout: str) -> Any:
        """PyTorch's, with the weights of ``model``, in ``layout``."""
        return pytorch.twin(self.model, model, self.channels, CLASSES, self.image_size, layout, self.options)

    def step(self, images: int, device: str = "cpu") -> Side:
        """tinyconv's training step."""
        return own.training_step(self.build(), *self.batch(images), device)

    def torch_step(self, images: int, layout: str, compiled: bool = False, device: str = "cpu") -> Side:
        """PyTorch's."""
        return pytorch.training_step(self.twin(self.build(), layout), *self.batch(images), layout, compiled, device)

    def batch(self, images: int) -> tuple[np.ndarray, np.ndarray]:
        """Random images and labels."""
        return normal(self.shape(images)), np.random.default_rng(1).integers(0, CLASSES, images)

    def forward_flops(self, images: int) -> int:
        """By the definitions of its convolutions and linear layers."""
        return 2 * images * sum(self._multiply_adds())

    def step_flops(self, images: int) -> int:
        """Of a forward and a backward, which has two products for each of the forward's, but one in the first layer."""
        first, *others = self._multiply_adds()
        return 2 * images * (2 * first + 3 * sum(others))

    def _multiply_adds(self) -> list[int]:
        from tinyconv.models.summary import summary

        layers = summary(self.build(), self.shape(1)[1:]).root.walk()
        return [layer.multiply_adds for layer in layers if layer.multiply_adds]


NETWORKS = (
    Network("face net", "facenet", 1, 64, "face net"),
    Network("LeNet-5", "lenet", 1, 28, "other networks"),
    Network("VGG-11", "vgg11_bn", 3, 32, "other networks", {"head": "linear"}),
    Network("ResNet-18", "resnet18", 3, 32, "other networks"),
)


@dataclass(frozen=True)
class Bottlenecks(Network):
    """A stack of bottleneck blocks, written once for both libraries: ``blocks`` by stage, ``width`` of the first."""

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    width: int = 64

    def build(self) -> Any:
        import tinyconv as tc

        tc.manual_seed(0)
        return bottlenecks(tc, self.channels, CLASSES, self.blocks, self.width)

    def twin(self, model: Any, layout: str) -> Any:
        import torch

        from tinyconv.utils.speed.torch_networks import copy_weights

        network = bottlenecks(torch, self.channels, CLASSES, self.blocks, self.width)
        copy_weights(model, network)
        return network.to(memory_format=torch.channels_last) if layout == pytorch.CHANNELS_LAST else network


def bottlenecks(lib: Any, channels: int, classes: int, blocks: tuple[int, ...], width: int) -> Any:
    """ResNet-50 (He et al., 2015, table 1), with other numbers of blocks and another width where wanted."""
    nn = lib.nn

    def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[Any]:
        return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)]

    class Bottleneck(nn.Module):  # type: ignore[misc]
        """relu(F(x) + x): F narrows by a 1x1 convolution, sees neighbours, and widens to four times as much."""

        def __init__(self, inputs: int, narrow: int, stride: int) -> None:
            super().__init__()
            wide = 4 * narrow
            self.branch = nn.Sequential(
                *convolution(inputs, narrow, 1), nn.ReLU(),
                *convolution(narrow, narrow, 3, stride), nn.ReLU(),
                *convolution(narrow, wide, 1),
            )  # fmt: skip
            changes = stride != 1 or inputs != wide
            self.shortcut = nn.Sequential(*convolution(inputs, wide, 1, stride)) if changes else nn.Identity()
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.branch(x) + self.shortcut(x))

    layers = [*convolution(channels, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = width
    for stage, count in enumerate(blocks):
        narrow = width * 2**stage
        for place in range(count):
            layers.append(Bottleneck(inputs, narrow, 2 if stage and place == 0 else 1))
            inputs = 4 * narrow
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


BOTTLENECKS = Bottlenecks("ResNet-50", "bottlenecks", 3, 224, "GPU")
