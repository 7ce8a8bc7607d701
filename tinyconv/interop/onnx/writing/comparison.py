"""What in a file depends on the input, and must not: found by drafting two inputs of other sizes and other numbers.

A draft is made of what one input's run has shown: Python's own decisions, and what NumPy computed on the way, are in it
as constants. If the draft of another input is the same, the graph is that of the model; where they differ there is no
graph that does what the model does, except for sizes that reshape targets pass on.
"""

from __future__ import annotations

import math

import numpy as np

from tinyconv.core.errors import UnsupportedError
from tinyconv.interop.onnx.writing.draft import Draft, Node, Shape

ADVICE = "a file holds one graph for all inputs: write that part with operations on tensors, or fix the sizes"


def generalise(first: Draft, second: Draft) -> None:
    """Make ``first`` good for the sizes of ``second`` too. Raises ``UnsupportedError`` where nothing is."""
    for (where, size), (other_where, other_size) in zip(first.facts, second.facts, strict=False):
        if where == other_where and size != other_size:
            raise UnsupportedError(
                f"export: {where} is written for maps of {_by(size)}, and these sizes were to stay open; fix them"
            )
    for one, other in zip(first.nodes, second.nodes, strict=False):
        if one.operator != other.operator:
            raise UnsupportedError(
                f"export: the model runs {one.where} on one input, where it runs {other.where} on another; {ADVICE}"
            )
    if len(first.nodes) != len(second.nodes):
        raise UnsupportedError(
            f"export: the model runs {len(first.nodes)} operators on one input and {len(second.nodes)} on another; "
            f"{ADVICE}"
        )
    for one, other in zip(first.nodes, second.nodes, strict=True):
        if one != other:
            raise _differ(one, other)
    for name, array in first.weights.items():
        if name in first.targets:
            shapes = tuple(array.tolist()), tuple(second.weights[name].tolist())
            sources = first.targets[name], second.targets[name]
            first.weights[name] = np.array(_target(first, name, shapes, sources), np.int64)
        elif not np.array_equal(array, second.weights[name], equal_nan=array.dtype.kind == "f"):
            raise UnsupportedError(
                f"export: {_user(first, name)} takes numbers that depend on the input, but not through operations on "
                f"tensors; {ADVICE}"
            )


def _differ(one: Node, other: Node) -> UnsupportedError:
    names = [key for key in one.attributes | other.attributes if one.attributes.get(key) != other.attributes.get(key)]
    what = f"{names[0]} = {one.attributes.get(names[0])}" if names else f"operands {', '.join(one.inputs)}"
    return UnsupportedError(f"export: {one.where} has {what} for one input, and others for another; {ADVICE}")


def _target(draft: Draft, name: str, targets: tuple[Shape, Shape], sources: tuple[Shape, Shape]) -> list[int]:
    """A target for both: 0 stands for the size that the input has there, -1 for what is left."""
    one, other = targets
    if one == other:
        return list(one)
    result, open_sizes = [], []
    for place, (size, other_size) in enumerate(zip(one, other, strict=False)):
        own = tuple(source[place] if place < len(source) else None for source in sources)
        if size == other_size:
            result.append(size)
        elif own == (size, other_size):
            result.append(0)
        else:
            open_sizes.append(place)
            result.append(-1)
    if len(one) != len(other) or len(open_sizes) > 1 or (open_sizes and not math.prod(one)):
        raise UnsupportedError(
            f"export: {_user(draft, name)} gives {one} for one input and {other} for another, which no reshape of "
            f"ONNX does; {ADVICE}"
        )
    return result


def _user(draft: Draft, weight: str) -> str:
    return next((node.where for node in draft.nodes if weight in node.inputs), "the model's output")


def _by(size: Shape) -> str:
    return "x".join(map(str, size))
