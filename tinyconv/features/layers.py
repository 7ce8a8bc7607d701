"""What is known about one captured layer beside its values: where it ran, what it did, what it saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyconv.core.arrays import Pair
from tinyconv.models.receptive_field import Point, ReceptiveField

KIND_WORDS = {
    "conv": "convolution",
    "LocallyConnected2d": "locally connected",
    "pool": "pooling",
    "norm": "batch normalisation",
    "relu": "ReLU",
    "linear": "fully connected",
    "add": "sum",
    "cat": "concatenation",
    "log_softmax": "log-softmax",
    "dropout": "dropout",
}


@dataclass(frozen=True)
class Layer:
    """One captured activation's provenance.

    ``name``: unique in its capture; ``path``: of the module that ran it ("" for the model itself); ``kind``: "conv",
    "pool", "relu", ...; ``operation``: its class; the window's numbers as (vertical, horizontal), ``None`` where the
    operation has no window.

    Raises: nothing of its own.

    >>> from tinyconv.features import Layer
    >>> Layer("conv1", kind="conv", kernel_size=(3, 3), stride=(1, 1)).describe()
    'convolution 3×3, stride 1'
    """

    name: str
    path: str = ""
    kind: str = ""
    operation: str = ""
    kernel_size: Pair | None = None
    stride: Pair | None = None
    padding: Pair | None = None
    dilation: Pair | None = None
    receptive_field: ReceptiveField | None = None

    def describe(self) -> str:
        """For a caption: "convolution 3×3, stride 1, padding 1"."""
        words = KIND_WORDS.get(self.operation) or KIND_WORDS.get(self.kind, self.kind)
        if self.kind == "pool":
            flavour = (
                "max " if "max" in self.operation.lower() else "average " if "av" in self.operation.lower() else ""
            )
            words = flavour + words
        if self.kernel_size is None:
            return words
        parts = [f"{words} {times(self.kernel_size)}"]
        if self.stride is not None:
            parts.append(f"stride {short(self.stride)}")
        if self.padding is not None and self.padding != (0, 0):
            parts.append(f"padding {short(self.padding)}")
        if self.dilation is not None and self.dilation != (1, 1):
            parts.append(f"dilation {short(self.dilation)}")
        return ", ".join(parts)

    def sees(self, what: str, image_size: Pair | None) -> str:
        """For a caption: "one map pixel sees 10×10 pixels of the input"; empty where the field is unknown."""
        field = self.receptive_field
        if field is None:
            return ""
        larger = image_size is not None and max(field.size[0] - image_size[0], field.size[1] - image_size[1]) > 0
        whole = f" (the input has {times(image_size)})" if image_size is not None and larger else ""
        return f"one {what} sees {times(field.size)} pixels of the input{whole}"

    @classmethod
    def from_json(cls, name: str, record: Mapping[str, Any]) -> Layer:
        """The layer that ``as_json`` told of. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for others."""
        field = record["receptive_field"]
        return cls(
            name,
            record["path"],
            record["kind"],
            record["operation"],
            **{key: record[key] and _pair(record[key]) for key in ("kernel_size", "stride", "padding", "dilation")},
            receptive_field=field and ReceptiveField(*(_pair(field[key]) for key in ("size", "jump", "start"))),
        )

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, strings and lists."""
        field = self.receptive_field
        return {
            "path": self.path,
            "kind": self.kind,
            "operation": self.operation,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "receptive_field": None
            if field is None
            else {"size": field.size, "jump": field.jump, "start": field.start},
        }


def times(size: Point) -> str:
    """Height × width, as in "3×3"."""
    return f"{size[0]:g}×{size[1]:g}"


def short(pair: Pair) -> str:
    """One number where both are equal, else "2×1"."""
    return str(pair[0]) if pair[0] == pair[1] else times(pair)


def _pair(values: Any) -> Any:
    vertical, horizontal = values
    return vertical, horizontal
