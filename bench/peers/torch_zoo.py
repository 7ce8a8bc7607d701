"""The zoo in PyTorch: torchvision's networks, narrowed where wanted, and those that torchvision does not have."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import nn

from bench.peers import torch_papers
from tinyconv.core.arrays import Pair
from tinyconv.utils.speed import torch_networks

FULL_WIDTH = 64
"""Filters of the first convolution of a network that can be narrowed."""
PUBLISHED_CLASSES = 1000

NARROWED = ("alexnet", "googlenet", "resnet", "squeezenet", "vgg")
"""Families of torchvision of which narrow ones are made by narrowing every layer."""


def twin(name: str, in_channels: int, num_classes: int, image_size: Pair, **options: Any) -> nn.Module | None:
    """PyTorch's network for tinyconv's model ``name``, with other weights; None where there is none.

    ``options``: tinyconv's.
    """
    if name in TWINS:
        return TWINS[name](in_channels, num_classes, image_size, **options)
    if not hasattr(architectures(), name):
        return None
    stem = options.pop("stem", "auto")
    small = stem == "small" or (stem == "auto" and min(image_size) < 112)
    if name.startswith(NARROWED):
        network = _narrowed(name, in_channels, num_classes, **options)
    elif name == "densenet121":  # its builder does not let go of its numbers; they are the class's defaults
        network = architectures().DenseNet(num_classes=num_classes, **options)
    else:
        network = getattr(architectures(), name)(num_classes=num_classes, **options)
    for family, change in SMALL_STEMS.items():
        if small and name.startswith(family):
            change(network)
    return network


def architectures() -> Any:
    """``torchvision.models``."""
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError:  # its compiled part, which detection needs, was made for another build of PyTorch
        for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[module]
        sys.modules["torchvision._meta_registrations"] = ModuleType("torchvision._meta_registrations")
        return importlib.import_module("torchvision.models")


def copy_weights(model: Any, network: nn.Module) -> None:
    """Give ``network`` the weights of tinyconv's ``model``: by name, or where it has names of its own, in order."""
    entries = {name: torch.from_numpy(value.numpy().copy()) for name, value in model.state_dict().items()}
    if type(network).__module__ == torch_papers.__name__:
        entries = dict(zip(network.state_dict(), entries.values(), strict=True))
    network.load_state_dict(entries)


# --- torchvision's, narrowed and with the stem for small images ---


def _narrowed(
    name: str, in_channels: int, num_classes: int, width: int = FULL_WIDTH, head: str = "published", **options: Any
) -> nn.Module:
    """Every layer with its channels in proportion; the published network's weights never take memory."""
    if head == "linear":
        return torch_networks.twin(name, in_channels, num_classes, (32, 32), width=width, head=head)
    kinds = {"weights": None} | ({"init_weights": False} if name == "googlenet" else {})
    with torch.device("meta"):
        network = getattr(architectures(), name)(**kinds, **options)

    def narrow(channels: int) -> int:
        if channels == PUBLISHED_CLASSES:
            return num_classes
        return in_channels if channels == 3 else max(1, channels * width // FULL_WIDTH)

    for path, module in list(network.named_modules()):
        parent, _, child = path.rpartition(".")
        if isinstance(module, nn.Conv2d):
            window = (module.kernel_size, module.stride, module.padding)
            layer: nn.Module = nn.Conv2d(
                narrow(module.in_channels), narrow(module.out_channels), *window, bias=module.bias is not None
            )
        elif isinstance(module, nn.BatchNorm2d):
            layer = nn.BatchNorm2d(narrow(module.num_features), eps=module.eps, momentum=module.momentum)
        elif isinstance(module, nn.Linear):
            layer = nn.Linear(narrow(module.in_features), narrow(module.out_features))
        else:
            continue
        setattr(network.get_submodule(parent), child, layer)
    return network


def _small_resnet(network: Any) -> None:
    network.conv1 = _three_by_three(network.conv1)
    network.maxpool = nn.Identity()


def _small_googlenet(network: Any) -> None:
    network.conv1.conv = _three_by_three(network.conv1.conv)
    network.maxpool1 = network.maxpool2 = nn.Identity()


def _small_densenet(network: Any) -> None:
    network.features.conv0 = _three_by_three(network.features.conv0)
    network.features.pool0 = nn.Identity()


def _small_mobilenet(network: Any) -> None:
    block = network.features[2]
    network.features[0][0].stride = block.conv[1][0].stride = (1, 1)
    block.use_res_connect = block.conv[0][0].in_channels == block.out_channels


def _three_by_three(conv: nn.Conv2d) -> nn.Conv2d:
    return nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1, bias=False)


SMALL_STEMS: dict[str, Callable[[Any], None]] = {
    "resnet": _small_resnet,
    "googlenet": _small_googlenet,
    "densenet": _small_densenet,
    "mobilenet": _small_mobilenet,
}


# --- those that are written out ---


def _by_speed(name: str) -> Callable[..., nn.Module]:
    """The networks whose speed ``tinyconv bench`` measures beside PyTorch."""

    def build(in_channels: int, num_classes: int, image_size: Pair, **options: Any) -> nn.Module:
        return torch_networks.twin(name, in_channels, num_classes, image_size, **options)

    return build


TWINS: dict[str, Callable[..., nn.Module]] = {
    "facenet": _by_speed("facenet"),
    "lenet": _by_speed("lenet"),
    "alexnet_2012": torch_papers.alexnet_2012,
    "googlenet_2014": torch_papers.googlenet_2014,
}
"""Written here, or in tinyconv itself."""
