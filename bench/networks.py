"""The networks whose training and inference are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

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
        return registry.build(self.model, self.channels, CLASSES, self.image_size)

    def twin(self, model: Any, layout: str) -> Any:
        """PyTorch's, with the weights of ``model``, in ``layout``."""
        return pytorch.twin(self.model, model, self.channels, CLASSES, self.image_size, layout)

    def step(self, images: int) -> Side:
        """tinyconv's training step."""
        return own.training_step(self.build(), *self.batch(images))

    def torch_step(self, images: int, layout: str, compiled: bool = False) -> Side:
        """PyTorch's."""
        return pytorch.training_step(self.twin(self.build(), layout), *self.batch(images), layout, compiled)

    def batch(self, images: int) -> tuple[np.ndarray, np.ndarray]:
        """Random images and labels."""
        draw = np.random.default_rng(0)
        return draw.standard_normal(self.shape(images), np.float32), draw.integers(0, CLASSES, images)

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
    Network("VGG-11", "vgg11", 3, 32, "other networks"),
    Network("ResNet-18", "resnet18", 3, 32, "other networks"),
)
