"""The architectures by name, for the command line and for run folders."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError
from tinyconv.models.facenet import FaceNet
from tinyconv.models.lenet import LeNet
from tinyconv.models.resnet import ResNet18
from tinyconv.models.vgg import VGG11

MODELS: dict[str, Callable[..., nn.Module]] = {"facenet": FaceNet, "lenet": LeNet, "vgg11": VGG11, "resnet18": ResNet18}
COMMON = ("in_channels", "num_classes", "image_size")


def names() -> tuple[str, ...]:
    """The models that ``build`` knows.

    Raises: nothing of its own.

    >>> from tinyconv.models import registry
    >>> registry.names()
    ('facenet', 'lenet', 'vgg11', 'resnet18')
    """
    return tuple(MODELS)


def defaults(name: str) -> dict[str, Any]:
    """The options of model ``name`` beyond channels, classes and image size, with their default values.

    Raises: ``ArgumentError`` for a model that does not exist.

    >>> from tinyconv.models import registry
    >>> registry.defaults("facenet")["dropout"]
    0.5
    """
    parameters = inspect.signature(_model(name)).parameters
    return {option: parameter.default for option, parameter in parameters.items() if option not in COMMON}


def build(name: str, in_channels: int, num_classes: int, image_size: Pair, **options: Any) -> nn.Module:
    """A freshly initialised model ``name`` for images (in_channels, *image_size).

    ``options``: those of ``defaults(name)``.
    Raises: ``ArgumentError`` for a model or an option that does not exist, and for no channels or classes.

    >>> from tinyconv.models import registry
    >>> type(registry.build("lenet", 1, 10, (28, 28))).__name__
    'LeNet'
    """
    model = _model(name)
    known = defaults(name)
    for option in options:
        if option not in known:
            listed = ", ".join(known) or "none"
            raise ArgumentError(f"model {name!r} has no option {option!r}; {_near(option, known)}its options: {listed}")
    if in_channels < 1 or num_classes < 1:
        raise ArgumentError(f"model {name!r} needs at least 1 channel and 1 class, got {in_channels} and {num_classes}")
    return model(in_channels=in_channels, num_classes=num_classes, image_size=image_size, **options)


def _model(name: str) -> Callable[..., nn.Module]:
    if name not in MODELS:
        raise ArgumentError(f"there is no model {name!r}; {_near(name.lower(), MODELS)}known: {', '.join(MODELS)}")
    return MODELS[name]


def _near(word: str, known: dict[str, Any]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? " if near else ""
