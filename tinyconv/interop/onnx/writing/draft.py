"""An ONNX graph under construction: nodes, weights, and names for both. It needs no onnx package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.models.tracing import Step, Value

Shape = tuple[int, ...]


@dataclass
class Node:
    """One ONNX operator: ``inputs`` and ``outputs`` are names of values, "" for an input left out."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    name: str
    where: str = field(default="", compare=False)
    """What it was written for, for messages."""


class Draft:
    """Nodes and weights, added in the order of computation. Writers of operations call its methods.

    ``targets``: of each constant that is the target of a reshape, the shape of what is reshaped to it; where both
    depend on the size of an input, the file will state neither as a number. ``facts``: sizes of maps that numbers in
    the file were computed from, so that the file is good for no others.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.weights: dict[str, Array] = {}
        self.targets: dict[str, Shape] = {}
        self.facts: list[tuple[str, Shape]] = []
        self._names: dict[Value, str] = {}
        self._taken: set[str] = set()
        self._called: dict[str, list[str]] = {}
        self._renamed: dict[str, str] = {}
        self._step: Step | None = None

    def begin(self, step: Step) -> None:
        """What follows is written for ``step``, and named after its place in the model."""
        self._step = step

    @property
    def where(self) -> str:
        return "" if self._step is None else self._step.where

    def name_input(self, value: Value, name: str) -> None:
        """An input of the graph."""
        self._names[value] = self._free(name)

    def reserve(self, names: Iterable[str]) -> None:
        """Names that are kept for the outputs of the graph."""
        self._taken.update(names)

    def name_output(self, value: str, name: str) -> None:
        """What is called ``value`` is an output of the graph, under a reserved name."""
        for node in self.nodes:
            if value in node.outputs:
                node.outputs = [name if output == value else output for output in node.outputs]
                for user in self.nodes:
                    user.inputs = [name if taken == value else taken for taken in user.inputs]
                self._renamed[value] = name
                return
        # An input or a weight as it stands, or an output already: no operator makes it under this name.
        value = self._renamed.get(value, value)
        self.nodes.append(Node("Identity", [value], [name], {}, self._free("/Identity"), self.where))

    def bind(self, value: Value, name: str) -> None:
        """The result of a step is the output called ``name``."""
        self._names[value] = name

    def name_of(self, value: Value | None) -> str:
        """What a step's input is called in the file; "" for one left out. Weights and constants enter it here."""
        if value is None:
            return ""
        if value not in self._names:
            self._names[value] = self.weight(value.name or "constant", value.array)
        return self._names[value]

    def weight(self, name: str, array: Any) -> str:
        """A weight of the model, under its name in the state dict; the name under which it stands in the file."""
        array = np.array(array, order="C", copy=True)
        for known in self._called.setdefault(name, []):
            if _same(self.weights[known], array):
                return known
        free = self._free(name)
        self._called[name].append(free)
        self.weights[free] = array
        return free

    def ints(self, *values: int) -> str:
        """A list of whole numbers, such as axes."""
        return self.weight("integers", np.array(values, np.int64))

    def number(self, value: float, like: Value) -> str:
        """A number of the type of ``like``."""
        return self.weight("number", np.array(value, like.dtype))

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and give the output's name. Attributes that are None are left out."""
        return self.nodes_outputs(operator, *inputs, count=1, **attributes)[0]

    def nodes_outputs(self, operator: str, *inputs: str, count: int, **attributes: Any) -> list[str]:
        """The same with ``count`` outputs."""
        path = "" if self._step is None else self._step.path.replace(".", "/")
        name = self._free(f"/{path}/{operator}" if path else f"/{operator}")
        outputs = [f"{name}_output_{number}" for number in range(count)]
        given = list(inputs)
        while given and not given[-1]:
            given.pop()
        kept = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(Node(operator, given, outputs, kept, name, self.where))
        return outputs

    def reshape(self, x: str, source: Shape, target: Shape) -> str:
        """``x``, of shape ``source``, under the shape ``target``."""
        if source == target:
            return x
        shape = self._free("shape")
        self.weights[shape] = np.array(target, np.int64)
        self.targets[shape] = source
        return self.node("Reshape", x, shape)

    def depends_on(self, size: Shape) -> None:
        """The numbers that are written for this step hold for maps of this size only."""
        self.facts.append((self.where, size))

    def _free(self, name: str) -> str:
        """``name``, or with a number where it is taken."""
        free, number = name, 1
        while free in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken.add(free)
        return free


def _same(first: Array, second: Array) -> bool:
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()
