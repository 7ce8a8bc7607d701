"""The network as a drawing: its maps as stacks of sheets in the order of computation, and what each one sees.

The layers, and which feeds which, are observed while an image runs through; so a network written with functions, or
with residual sums, is drawn like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import Observation, observe
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.arrays import Array
from tinyconv.features.canvas import shrink
from tinyconv.features.capture import capture
from tinyconv.features.colours import scale_of
from tinyconv.features.layers import Layer, times
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.report.encoding import coloured, photograph

STACKED = ("conv", "pool", "linear")
"""What is drawn as a stack of its own; anything else is written below the stack it acts on."""

TALLEST, SHEETS, MIDDLE = 88, 9, 128
HEIGHT, STEP, GAP, NARROWEST = 262, 4, 26, 74
"""In pixels: of the drawing, between sheets, between stacks, and the room that the text below a stack needs."""

LETTER = 7.5
"""Width of one in a stack's name, bold and 13 pixels high: deep networks have long names."""


@dataclass
class Stack:
    """One result of the network: ``shape`` (C, H, W) or (features,); ``then``: what acts on it before the next one."""

    name: str
    kind: str
    shape: tuple[int, ...]
    layer: Layer | None
    sources: list[int] = field(default_factory=list)
    then: list[str] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)
    x: int = 0
    largest: int = 1
    """Side of the image: map sizes are drawn relative to it."""
    face: str = ""
    """The map that is drawn on the foremost sheet, as a data URI."""

    @property
    def size(self) -> str:
        """Channels × height × width, as the page writes it."""
        return "×".join(map(str, self.shape))

    @property
    def count(self) -> int:
        """How many sheets are drawn: one more for each doubling of the channels."""
        return int(np.clip(1 + np.log2(self.shape[0]), 1, SHEETS)) if len(self.shape) == 3 else 1

    @property
    def side(self) -> tuple[int, int]:
        """(height, width) of a sheet, in pixels of the drawing."""
        if len(self.shape) != 3:
            return max(14, min(TALLEST, 8 * self.shape[0])), 14
        height, width = (round(TALLEST * max(0.25, (length / self.largest) ** 0.5)) for length in self.shape[1:])
        return height, width

    @property
    def width(self) -> int:
        """Of the whole stack."""
        return self.side[1] + STEP * (self.count - 1)

    @property
    def room(self) -> int:
        """Of the stack and its name below it."""
        return max(NARROWEST, self.width, round(LETTER * len(self.name)))

    @property
    def sheets(self) -> list[tuple[int, int, int, int]]:
        """(x, y, width, height) of each rectangle, the rearmost first."""
        (height, width), count = self.side, self.count
        left = self.x - self.width // 2
        top = MIDDLE - (height + STEP * (count - 1)) // 2
        return [(left + STEP * number, top + STEP * number, width, height) for number in range(count)]


def stacks_of(model: Module, image: Array, picture: Array) -> list[Stack]:
    """What the network computes of ``image`` (C, H, W), in order; the image itself, as ``picture``, is the first."""
    graph = _Graph(image)
    graph.stacks[0].face = photograph(picture)
    with no_grad(), capture(model) as named, observe(graph):
        graph.names = named
        x = Tensor(image[None]).to(device_of(model))
        graph.origin[id(x)] = {0}
        graph.alive.append(x)
        model(x)
    left = GAP // 2
    for stack in graph.stacks:
        stack.largest = max(image.shape[1:])
        stack.x = left + stack.room // 2
        left += stack.room + GAP
    return graph.stacks


class _Graph:
    """Listens to operations after ``capture`` has named them."""

    def __init__(self, image: Array) -> None:
        self.stacks = [Stack("image", "image", tuple(image.shape), None)]
        self.origin: dict[int, set[int]] = {}
        self.alive: list[TensorBase] = []
        self.names: Any = None
        self._heard = 0

    def __call__(self, observation: Observation) -> None:
        sources: set[int] = set()
        operands = [t for t in observation.inputs if t is not None and id(t) in self.origin]
        for tensor in operands:
            sources |= self.origin[id(tensor)]
        if not operands:
            return
        self.alive.append(observation.output)
        kind = observation.operation.kind
        if kind and len(self.names) > self._heard:
            self._heard = len(self.names)
            layer = self.names.layers[next(reversed(self.names))]
            if kind in STACKED:
                array = self.names[layer.name]
                self.stacks.append(Stack(layer.name, kind, tuple(array.shape[1:]), layer, sorted(sources)))
                self.stacks[-1].face = _face(array[0])
                sources = {len(self.stacks) - 1}
            else:
                self.stacks[max(sources)].then.append(layer.describe())
                if len(sources) > 1:
                    self.stacks[max(sources)].sums += sorted(sources - {max(sources)})
                    sources = {max(sources)}
        self.origin[id(observation.output)] = sources


def _face(maps: Array) -> str:
    """The channel with the largest value, made small enough for the drawing."""
    if maps.ndim != 3 or not np.isfinite(maps).all():
        return ""
    strongest = shrink(maps[maps.max(axis=(1, 2)).argmax()], ceil(max(maps.shape[1:]) / 64))
    return coloured(strongest, scale_of(strongest))


def drawing(stacks: list[Stack]) -> dict[str, Any]:
    """Everything that the template draws: stacks, arrows, arcs of the connections that skip layers."""
    arrows, arcs = [], []
    for place, stack in enumerate(stacks):
        for source in stack.sources:
            if place - source == 1:
                arrows.append((stacks[source].x, stack.x))
            else:
                arcs.append(_arc(stacks, source, place, "feeds"))
        arcs += [_arc(stacks, source, place, "is added to") for source in stack.sums]
    return {
        "width": stacks[-1].x + stacks[-1].room // 2 + GAP // 2,
        "height": HEIGHT,
        "middle": MIDDLE,
        "label": MIDDLE + TALLEST // 2 + STEP * SHEETS // 2 + 22,
        "arrows": arrows,
        "arcs": arcs,
        "stacks": [
            {
                "name": stack.name,
                "kind": stack.kind,
                "x": stack.x,
                "sheets": stack.sheets,
                "face": stack.face,
                "size": stack.size,
                "words": stack.layer.describe() if stack.layer else "what the network is given",
                "then": stack.then,
                "sees": _sees(stack),
            }
            for stack in stacks
        ],
    }


def _arc(stacks: list[Stack], source: int, target: int, verb: str) -> dict[str, Any]:
    rise = min(40, 12 + 6 * (target - source))
    return {
        "from": stacks[source].x,
        "to": stacks[target].x,
        "rise": MIDDLE - TALLEST // 2 - rise,
        "foot": MIDDLE - TALLEST // 2 + 6,
        "words": f"{stacks[source].name} {verb} {stacks[target].name}",
    }


def _sees(stack: Stack) -> str:
    field = stack.layer.receptive_field if stack.layer else None
    return f"sees {times(field.size)} px" if field is not None and len(stack.shape) == 3 else ""


def fields(stacks: list[Stack], image_size: tuple[int, int]) -> list[dict[str, Any]]:
    """The patch that the central unit of each map sees of the image, the smallest first."""
    found = []
    for stack in stacks:
        field = stack.layer.receptive_field if stack.layer else None
        if field is None or len(stack.shape) != 3:
            continue
        row, column = stack.shape[1] // 2, stack.shape[2] // 2
        top, left, bottom, right = field.patch(row, column, image_size)
        found.append(
            {
                "name": stack.name,
                "size": times(field.size),
                "jump": times(field.jump),
                "x": left,
                "y": top,
                "width": right - left,
                "height": bottom - top,
                "hue": 0,
            }
        )
    for place, one in enumerate(found):
        one["hue"] = round(200 + 150 * place / max(1, len(found) - 1)) % 360
    return found
