"""A computation as boxes and arrows.

A box is a convolution, a pooling, a product, or where results come together, with what follows it and feeds nothing
else: its normalisation, its activation, a flattening. Boxes of a module in which branches come together, such as a
residual block, stand in a frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tinyconv.models.drawing.words import words_of
from tinyconv.models.tracing import Computation, Step, Value

OF_THEIR_OWN = ("conv", "pool", "linear", "matmul", "cat")
"""The kinds of operations that begin a box."""


@dataclass(eq=False)
class Block:
    """One box: ``words`` for what it does, ``then`` for what follows inside it; the shape of its result for one image.

    ``path``: of the module that runs it. ``sources``: the boxes whose results it takes.
    """

    words: str
    kind: str
    path: str
    shape: tuple[int, ...]
    then: list[str] = field(default_factory=list)
    parameters: int = 0
    sources: list[Block] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Frame:
    """The boxes of one module."""

    path: str
    members: tuple[Block, ...]


def blocks_of(computation: Computation) -> list[Block]:
    """The boxes in the order of computation, the inputs first."""
    makers: dict[Value, Block] = {}
    blocks: list[Block] = []
    for number, value in enumerate(computation.inputs, start=1):
        words = "input" if len(computation.inputs) == 1 else f"input {number}"
        makers[value] = Block(words, "input", "", value.shape[1:])
        blocks.append(makers[value])
    steps = computation.needed()
    uses = _uses(computation, steps)
    for step in steps:
        taken = [value for value in step.inputs if value is not None and value.depends]
        maker = makers[taken[0]]
        begins = step.operation.kind in OF_THEIR_OWN or len(set(taken)) > 1 or maker.kind == "input"
        if begins or uses[taken[0]] > 1:
            block = Block(words_of(step), _kind(step), step.path, step.output.shape[1:])
            block.sources = list(dict.fromkeys(makers[value] for value in taken))
            blocks.append(block)
        else:
            block = maker
            block.then.append(words_of(step))
            block.shape = step.output.shape[1:]
        block.parameters += sum(math.prod(value.shape) for value in step.inputs if value is not None and value.name)
        makers[step.output] = block
    return blocks


def _uses(computation: Computation, steps: list[Step]) -> dict[Value, int]:
    """By how many steps each value is taken; being an output counts as one more."""
    found: dict[Value, int] = {}
    for step in steps:
        for value in {value for value in step.inputs if value is not None}:
            found[value] = found.get(value, 0) + 1
    for value in computation.outputs:
        found[value] = found.get(value, 0) + 1
    return found


def _kind(step: Step) -> str:
    """What decides the colour of a box."""
    if sum(value is not None and value.depends for value in step.inputs) > 1:
        return "joint"
    kind: str = step.operation.kind
    return {"matmul": "linear", "conv": "conv", "pool": "pool", "linear": "linear"}.get(kind, "other")


def frames_of(blocks: list[Block]) -> list[Frame]:
    """A frame for each module inside the model in which branches come together."""
    paths = dict.fromkeys(block.path for block in blocks if len(block.sources) > 1 and block.path)
    frames = (Frame(path, tuple(block for block in blocks if _inside(block, path))) for path in paths)
    return [frame for frame in frames if len(frame.members) > 1]


def _inside(block: Block, path: str) -> bool:
    return block.path == path or block.path.startswith(f"{path}.")
