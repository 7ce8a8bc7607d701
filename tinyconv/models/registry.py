"""The architectures by name, for the command line and for run folders."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError
from tinyconv.core.shapes import shapes_only
from tinyconv.models.zoo import alexnet, googlenet, resnet, squeezenet, vgg
from tinyconv.models.zoo.deepface import DeepFace
from tinyconv.models.zoo.densenet import DenseNet
from tinyconv.models.zoo.face_finder import FaceFinder
from tinyconv.models.zoo.facenet import FaceNet
from tinyconv.models.zoo.lenet import LeNet
from tinyconv.models.zoo.lenet5 import LeNet5
from tinyconv.models.zoo.mobilenet import MobileNetV2
from tinyconv.models.zoo.mtcnn import ONet, RNet
from tinyconv.models.zoo.neocognitron import Neocognitron

MODELS: dict[str, Callable[..., nn.Module]] = {
    "facenet": FaceNet,
    "lenet": LeNet,
    "neocognitron": Neocognitron,
    "lenet5": LeNet5,
    "face_finder": FaceFinder,
    "deepface": DeepFace,
    "alexnet": alexnet.alexnet,
    "alexnet_2012": alexnet.alexnet_2012,
    "vgg11": vgg.vgg11,
    "vgg11_bn": vgg.vgg11_bn,
    "vgg13": vgg.vgg13,
    "vgg13_bn": vgg.vgg13_bn,
    "vgg16": vgg.vgg16,
    "vgg16_bn": vgg.vgg16_bn,
    "vgg19": vgg.vgg19,
    "vgg19_bn": vgg.vgg19_bn,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "resnet101": resnet.resnet101,
    "squeezenet1_0": squeezenet.squeezenet1_0,
    "squeezenet1_1": squeezenet.squeezenet1_1,
    "googlenet": googlenet.GoogLeNet,
    "googlenet_2014": googlenet.googlenet_2014,
    "densenet121": DenseNet,
    "mobilenet_v2": MobileNetV2,
    "rnet": RNet,
    "onet": ONet,
}
"""Name: what builds it. The defaults of its arguments are the published network."""

KINDS: tuple[tuple[Any, Any, str], ...] = (
    (bool, (bool,), "true or false"),
    (int, (Integral,), "a whole number"),
    (float, (Real,), "a number"),
    (str, (str,), "a word"),
    (tuple, (tuple, list), "a list"),
)
"""Of a default: the types of an option that may stand for it, and what an error calls them."""

COMMON = ("in_channels", "num_classes", "image_size")


def names() -> tuple[str, ...]:
    """The models that ``build`` knows.

    Raises: nothing of its own.

    >>> from tinyconv.models import registry
    >>> registry.names()[:3]
    ('facenet', 'lenet', 'neocognitron')
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


def published(name: str) -> tuple[int, int, Pair]:
    """(in_channels, num_classes, image_size) of model ``name`` as it was published.

    Raises: ``ArgumentError`` for a model that does not exist.

    >>> from tinyconv.models import registry
    >>> registry.published("resnet18")
    (3, 1000, (224, 224))
    """
    parameters = inspect.signature(_model(name)).parameters
    in_channels, num_classes, image_size = (parameters[argument].default for argument in COMMON)
    return in_channels, num_classes, image_size


def renamed(name: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and the options by which a model that an older tinyconv recorded is built today.

    Its "vgg11" had batch norm and a linear head; its "resnet18" had the small stem for images of any size.

    Raises: nothing of its own.

    >>> from tinyconv.models import registry
    >>> registry.renamed("vgg11", {"width": 64})
    ('vgg11_bn', {'width': 64, 'head': 'linear'})
    """
    if name == "vgg11" and options.keys() == {"width"}:
        return "vgg11_bn", {**options, "head": "linear"}
    if name == "resnet18" and options.keys() == {"width"}:
        return name, {**options, "stem": "small"}
    return name, options


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
        _check_kind(name, option, options[option], known[option])
    if in_channels < 1 or num_classes < 1:
        raise ArgumentError(f"model {name!r} needs at least 1 channel and 1 class, got {in_channels} and {num_classes}")
    return model(in_channels=in_channels, num_classes=num_classes, image_size=image_size, **options)


def outline(
    name: str,
    in_channels: int | None = None,
    num_classes: int | None = None,
    image_size: Pair | None = None,
    **options: Any,
) -> nn.Module:
    """Model ``name`` without memory for its weights, which are all 0: to be counted, not trained. As published.

    ``in_channels``, ``num_classes``, ``image_size``, ``options``: where it should be another than the published one.
    Raises: as ``build``.

    >>> from tinyconv.models import registry
    >>> sum(parameter.numel() for parameter in registry.outline("vgg16").parameters())
    138357544
    """
    published_channels, published_classes, published_size = published(name)
    with shapes_only():
        return build(
            name,
            published_channels if in_channels is None else in_channels,
            published_classes if num_classes is None else num_classes,
            published_size if image_size is None else image_size,
            **options,
        )


def _check_kind(name: str, option: str, value: Any, default: Any) -> None:
    """Raise ``ArgumentError`` where ``value`` is not of the kind of the ``default``: it may come from a file."""
    for kind, accepted, words in KINDS:
        if isinstance(default, kind):
            if not isinstance(value, accepted) or isinstance(value, bool) != isinstance(default, bool):
                raise ArgumentError(f"model {name!r}: {option} is {words}, got {value!r}; the default is {default!r}")
            if isinstance(value, tuple | list) and default:
                for entry in value:
                    _check_kind(name, f"each of {option}", entry, default[0])
            return


def _model(name: str) -> Callable[..., nn.Module]:
    if name not in MODELS:
        raise ArgumentError(f"there is no model {name!r}; {_near(name.lower(), MODELS)}known: {', '.join(MODELS)}")
    return MODELS[name]


def _near(word: str, known: dict[str, Any]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? " if near else ""
