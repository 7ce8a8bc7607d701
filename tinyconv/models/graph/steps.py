"""The order in which a graph runs: layers that follow each other in rows, single operations between them.

A row runs as in ``nn.Sequential``, with the passes that are saved there. The end of a residual block (a row, a sum with
a shortcut, a rectifier) is one step, likewise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyconv.core.errors import TinyconvError, UnsupportedError
from tinyconv.models.graph.description import Graph, Node
from tinyconv.models.graph.operators import OPERATORS, Operator, lookup
from tinyconv.models.graph.sizes import OF_ANY, OF_ARRAYS
from tinyconv.nn.activation import ReLU
from tinyconv.nn.fused import in_row, in_row_with_shortcut
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

Value = Callable[[str], Any]
Lift = Callable[[str, Any], Any]


@dataclass
class Step:
    """What takes the values ``inputs`` and makes ``outputs``; ``last_uses`` are not needed behind it."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    last_uses: tuple[str, ...] = field(default=(), kw_only=True)

    def run(self, value: Value, lift: Lift, training: bool) -> Sequence[Any]:
        """The results, for ``value`` of a name."""
        raise NotImplementedError


@dataclass
class Row(Step):
    """Layers, each applied to the result of the one before."""

    layers: tuple[Module, ...]

    def run(self, value: Value, lift: Lift, training: bool) -> Sequence[Any]:
        return (in_row(self.layers, _tensor(self.inputs[0], value, lift)),)


@dataclass
class Residual(Step):
    """``activation(row(x) + shortcut)``."""

    layers: tuple[Module, ...]
    activation: Module

    def run(self, value: Value, lift: Lift, training: bool) -> Sequence[Any]:
        x, shortcut = (_tensor(name, value, lift) for name in self.inputs)
        return (in_row_with_shortcut(self.layers, x, shortcut, self.activation),)


@dataclass
class Operation(Step):
    """A node that is no layer. ``operator``: None where it works on shapes and constants alone."""

    node: Node
    operator: Operator | None

    def run(self, value: Value, lift: Lift, training: bool) -> Sequence[Any]:
        node = self.node
        try:
            values = [value(name) if name else None for name in node.inputs]
            if node.operator in OF_ANY:
                return (OF_ANY[node.operator](*values, **node.attributes),)
            if node.operator in OF_ARRAYS and all(v is None or isinstance(v, np.ndarray) for v in values):
                return (np.asarray(OF_ARRAYS[node.operator](*values, **node.attributes)),)
            result = self._of_tensors(values, lift, training)
        except TinyconvError as error:
            error.args = (f"{self._named()}: {error}",)
            raise
        except (TypeError, ValueError, IndexError) as error:
            raise UnsupportedError(f"{self._named()} cannot be run on its inputs ({error})") from error
        return result if isinstance(result, tuple) else (result,)

    def _of_tensors(self, values: list[Any], lift: Lift, training: bool) -> Any:
        operator = self.operator or lookup(self.node.operator, len(values), self.node.attributes)
        arguments = [
            _numbers(v) if place in operator.numbers else lift(name, v) if isinstance(v, np.ndarray) else v
            for place, (name, v) in enumerate(zip(self.node.inputs, values, strict=True))
        ]
        extra = {"training": training, "outputs": len(self.node.outputs)}
        wanted = {word: extra[word] for word in operator.wants}
        return operator.function(*arguments, **self.node.attributes, **wanted)

    def _named(self) -> str:
        return f"node {self.node.operator} (which makes {self.node.outputs[0]!r})"


def _tensor(name: str, value: Value, lift: Lift) -> Any:
    found = value(name)
    return lift(name, found) if isinstance(found, np.ndarray) else found


def _numbers(value: Any) -> Any:
    """A list of Python numbers, or one number; None where there is no input."""
    if value is None:
        return None
    return value.cpu().tolist() if isinstance(value, Tensor) else value.tolist()


def plan(graph: Graph, layers: Mapping[int, Module]) -> list[Step]:
    """The steps, in order. ``layers``: node number -> its layer. Raises ``UnsupportedError`` for unknown operators."""
    nodes = graph.nodes
    uses = Counter(name for node in nodes for name in node.inputs)
    uses.update(port.name for port in graph.outputs)
    users = {name: number for number, node in enumerate(nodes) for name in node.inputs}
    placed: dict[int, Step] = {}
    taken: set[int] = set()

    def next_alone(number: int) -> int | None:
        """The node that is the only one to use the result of node ``number``."""
        result = nodes[number].outputs[0]
        return users.get(result) if uses[result] == 1 else None

    def row_from(number: int) -> list[int]:
        row = [number]
        while True:
            follower = next_alone(row[-1])
            if follower is None or follower not in layers or nodes[follower].inputs[0] != nodes[row[-1]].outputs[0]:
                return row
            row.append(follower)

    for number, node in enumerate(nodes):
        if number in layers:
            lookup(node.operator, len(node.inputs), node.attributes)
        if number in taken:
            continue
        if number not in layers:
            of_arrays_alone = node.operator not in OPERATORS and node.operator in {**OF_ANY, **OF_ARRAYS}
            known = None if of_arrays_alone else lookup(node.operator, len(node.inputs), node.attributes)
            placed[number] = Operation(node.inputs, node.outputs, node, known)
            continue
        row = row_from(number)
        taken.update(row)
        end = _residual_end(nodes, row[-1], next_alone, layers, taken)
        inputs, modules = nodes[number].inputs[:1], tuple(layers[member] for member in row)
        if end is None:
            placed[number] = Row(inputs, nodes[row[-1]].outputs, modules)
            continue
        total, activation = end
        taken.update(end)
        (shortcut,) = (name for name in nodes[total].inputs if name != nodes[row[-1]].outputs[0])
        placed[total] = Residual((*inputs, shortcut), nodes[activation].outputs, modules, layers[activation])
    steps = [placed[number] for number in sorted(placed)]
    return _with_last_uses(steps, {port.name for port in graph.outputs})


def _residual_end(
    nodes: Sequence[Node],
    last: int,
    next_alone: Callable[[int], int | None],
    layers: Mapping[int, Module],
    taken: set[int],
) -> tuple[int, int] | None:
    """The numbers of the sum and the rectifier that end a residual block whose row ends with node ``last``."""
    total = next_alone(last)
    if total is None or total in taken or nodes[total].operator != "Add" or len(set(nodes[total].inputs)) != 2:
        return None
    activation = next_alone(total)
    if activation is None or activation in taken or type(layers.get(activation)) is not ReLU:
        return None
    return total, activation


def _with_last_uses(steps: list[Step], kept: set[str]) -> list[Step]:
    seen = set(kept)
    for step in reversed(steps):
        step.last_uses = tuple({name for name in step.inputs if name and name not in seen})
        seen.update(step.inputs)
    return steps
