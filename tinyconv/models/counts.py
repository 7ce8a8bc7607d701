"""How many parameters the architectures have, counted without memory for them, beside what is published."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinyconv.models import registry
from tinyconv.models.summary import summary

if TYPE_CHECKING:
    from rich.table import Table

TORCHVISION = "torchvision"
HEADERS = ("model", "image", "classes", "parameters", "published", "multiply_adds", "published_by")
TITLES = {"multiply_adds": "mult-adds", "published_by": "published by"}


@dataclass(frozen=True)
class Published:
    """The number of parameters that ``source`` gives of model ``name`` with ``options``.

    Raises: nothing of its own.

    >>> from tinyconv.models.counts import Published
    >>> Published("lenet5", 60_000, "LeCun et al., 1998").options
    {}
    """

    name: str
    parameters: int
    source: str
    options: dict[str, Any] = field(default_factory=dict)


PUBLISHED = (
    Published("lenet5", 60_000, "LeCun et al., 1998"),
    Published("face_finder", 951, "Garcia & Delakis, 2004"),
    Published("alexnet_2012", 60_965_224, "Krizhevsky et al., 2012"),
    Published("alexnet", 61_100_840, TORCHVISION),
    Published("vgg11", 132_863_336, TORCHVISION),
    Published("vgg11_bn", 132_868_840, TORCHVISION),
    Published("vgg13", 133_047_848, TORCHVISION),
    Published("vgg13_bn", 133_053_736, TORCHVISION),
    Published("vgg16", 138_357_544, TORCHVISION),
    Published("vgg16_bn", 138_365_992, TORCHVISION),
    Published("vgg19", 143_667_240, TORCHVISION),
    Published("vgg19_bn", 143_678_248, TORCHVISION),
    Published("googlenet", 13_004_888, TORCHVISION),
    Published("googlenet", 6_624_904, TORCHVISION, {"aux_logits": False}),
    Published("googlenet_2014", 6_998_552, "Szegedy et al., 2014", {"aux_logits": False}),
    Published("deepface", 118_858_318, "Taigman et al., 2014"),
    Published("resnet18", 11_689_512, TORCHVISION),
    Published("resnet34", 21_797_672, TORCHVISION),
    Published("resnet50", 25_557_032, TORCHVISION),
    Published("resnet101", 44_549_160, TORCHVISION),
    Published("squeezenet1_0", 1_248_424, TORCHVISION),
    Published("squeezenet1_1", 1_235_496, TORCHVISION),
    Published("densenet121", 7_978_856, TORCHVISION),
    Published("mobilenet_v2", 3_504_872, TORCHVISION),
    Published("rnet", 100_178, "mtcnn 0.1.1"),
    Published("onet", 389_040, "mtcnn 0.1.1"),
)
"""For images and classes as published. Of the models that are not here nobody has published a number."""


@dataclass(frozen=True)
class Count:
    """What model ``name`` with ``options`` has: ``parameters``, of which the ``trainable`` ones have gradients.

    ``input_size``: (channels, height, width). ``multiply_adds``: for one such image. ``published``: the number that
    ``source`` gives; None where there is none.

    Raises: nothing of its own.

    >>> from tinyconv.models.counts import count
    >>> count("resnet50").parameters
    25557032
    """

    name: str
    options: dict[str, Any]
    input_size: tuple[int, ...]
    num_classes: int
    parameters: int
    trainable: int
    multiply_adds: int
    published: int | None
    source: str

    @property
    def text(self) -> str:
        """Name and options, as in "googlenet aux_logits=False"."""
        return " ".join((self.name, *(f"{option}={value}" for option, value in self.options.items())))


def csv_text(found: Sequence[Count]) -> str:
    """One line for each count under a header.

    Raises: nothing of its own.

    >>> from tinyconv.models.counts import count, csv_text
    >>> print(csv_text([count("lenet")]), end="")
    model,image,classes,parameters,published,multiply_adds,published_by
    lenet,1x28x28,10,61706,,416520,
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADERS)
    rows.writerows(["" if value is None else value for value in _row(each)] for each in found)
    return text.getvalue()


def count(name: str, **options: Any) -> Count:
    """Count model ``name`` for images and classes as published, with ``options`` other than the default ones.

    Raises: ``ArgumentError`` for a model or an option that does not exist.

    >>> from tinyconv.models.counts import count
    >>> count("vgg16").published == count("vgg16").parameters
    True
    """
    channels, classes, size = registry.published(name)
    found = summary(registry.outline(name, **options), (channels, *size))
    known = [entry for entry in PUBLISHED if (entry.name, entry.options) == (name, options)]
    return Count(
        name=name,
        options=options,
        input_size=(channels, *size),
        num_classes=classes,
        parameters=found.parameters,
        trainable=found.trainable_parameters,
        multiply_adds=found.root.total("multiply_adds"),
        published=known[0].parameters if known else None,
        source=known[0].source if known else "",
    )


def counts() -> list[Count]:
    """Every model as published, and those of its options of which a number is published too.

    Raises: nothing of its own.

    >>> from tinyconv.models.counts import counts
    >>> [each.name for each in counts()][:2]
    ['facenet', 'lenet']
    """
    found = []
    for name in registry.names():
        variants = [entry.options for entry in PUBLISHED if entry.name == name]
        found += [count(name)] if {} not in variants else []
        found += [count(name, **options) for options in variants]
    return found


def table_text(found: Sequence[Count]) -> str:
    """``found`` as a table of text.

    Raises: nothing of its own.

    >>> from tinyconv.models.counts import count, table_text
    >>> "61,706" in table_text([count("lenet")])
    True
    """
    from rich.console import Console

    console = Console(file=io.StringIO(), width=160, color_system=None)
    with console.capture() as capture:
        console.print(_table(found))
    return capture.get()


def _table(found: Sequence[Count]) -> Table:
    from rich import box
    from rich.table import Table

    result = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in HEADERS:
        text = header in ("model", "published_by")
        result.add_column(TITLES.get(header, header), justify="left" if text else "right", no_wrap=True)
    for each in found:
        result.add_row(*(f"{value:,}" if isinstance(value, int) else value or "" for value in _row(each)))
    return result


def _row(each: Count) -> tuple[str | int | None, ...]:
    """What stands under ``HEADERS``."""
    image = "x".join(map(str, each.input_size))
    amounts = each.parameters, each.published, each.multiply_adds
    return each.text, image, each.num_classes, *amounts, each.source
