"""Floor 5: the architectures, what they consist of (summary, receptive fields), and their weights on disk.

Each architecture is here by its name, with torchvision's where torchvision has it: ``models.resnet18(num_classes=10)``.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "alexnet",
    "alexnet_2012",
    "deepface",
    "densenet121",
    "face_finder",
    "facenet",
    "googlenet",
    "googlenet_2014",
    "lenet",
    "lenet5",
    "mobilenet_v2",
    "neocognitron",
    "onet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "rnet",
    "squeezenet1_0",
    "squeezenet1_1",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]


def __getattr__(name: str) -> Any:
    """Load an architecture when it is first asked for."""
    if name in __all__:
        return importlib.import_module("tinyconv.models.registry").MODELS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
