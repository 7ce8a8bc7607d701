"""What a network computes, as data: a graph of operations with ONNX's names, that JSON expresses.

A graph is not tied to a file: ``tinyconv.interop.onnx`` makes one from an ONNX model, a run folder keeps it as
``graph.json``, and ``GraphModule`` runs it. Values have names; a node takes some and makes some. What a value is
follows from where its name stands: an input, a weight, a constant, or what a node makes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import RunError

FORMAT = "tinyconv-graph"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Port:
    """An input or output: its ``name``, ``dtype`` and ``shape``; None for a size, or a shape, that is not fixed.

    Raises: nothing of its own.

    >>> from tinyconv.models.graph import Port
    >>> Port("image", "float32", (None, 3, 64, 64)).shape[1]
    3
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Weight:
    """A tensor that belongs to the network: its ``name`` is the key in the state dict.

    ``trained``: whether it is a parameter; running statistics and the like are buffers.
    Raises: nothing of its own.

    >>> from tinyconv.models.graph import Weight
    >>> Weight("conv1.weight", "float32", (8, 3, 3, 3), trained=True).name
    'conv1.weight'
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    trained: bool


@dataclass(frozen=True)
class Node:
    """One operation: ``operator`` by ONNX's name, the names of its ``inputs`` and ``outputs`` ("" for none).

    ``attributes``: numbers, texts, and lists of them. ``path``: under which path the network holds the layer that this
    node is, if it is one.
    Raises: nothing of its own.

    >>> from tinyconv.models.graph import Node
    >>> Node("Relu", ("x",), ("y",), path="relu1").attributes
    {}
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can run, between ``inputs`` and ``outputs``.

    ``weights``: what has values that the graph itself does not hold. ``constants``: name -> small array that it does.
    ``training``: whether it was written down in training mode.

    Raises: ``from_json`` raises ``RunError`` for what is no graph.

    >>> from tinyconv.models.graph import Graph, Node, Port
    >>> x, y = (Port(name, "float32", (None, 4)) for name in "xy")
    >>> graph = Graph((x,), (y,), (Node("Relu", ("x",), ("y",)),))
    >>> Graph.from_json(graph.to_json()) == graph
    True
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    weights: tuple[Weight, ...] = ()
    constants: dict[str, Array] = field(default_factory=dict)
    training: bool = False

    def to_json(self) -> dict[str, Any]:
        """The graph as dictionaries, lists, texts and numbers."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "training": self.training,
            "inputs": [_port_record(port) for port in self.inputs],
            "outputs": [_port_record(port) for port in self.outputs],
            "weights": [
                {"name": weight.name, "dtype": weight.dtype, "shape": list(weight.shape), "trained": weight.trained}
                for weight in self.weights
            ],
            "constants": {name: _array_record(array) for name, array in self.constants.items()},
            "nodes": [
                {
                    "operator": node.operator,
                    "inputs": list(node.inputs),
                    "outputs": list(node.outputs),
                    "attributes": {name: _written(value) for name, value in node.attributes.items()},
                    "path": node.path,
                }
                for node in self.nodes
            ],
        }

    @classmethod
    def from_json(cls, record: Any) -> Graph:
        """The graph that ``to_json`` told of. Raises ``RunError`` for another record, or one of a newer format."""
        if not isinstance(record, Mapping) or record.get("format") != FORMAT:
            raise RunError(f"this is not the record of a graph: its format is not {FORMAT!r}")
        if record.get("format_version") != FORMAT_VERSION:
            raise RunError(
                f"the graph has format version {record.get('format_version')!r}, and this tinyconv reads "
                f"{FORMAT_VERSION}; use the tinyconv that made it"
            )
        try:
            return cls(
                tuple(_port(port) for port in record["inputs"]),
                tuple(_port(port) for port in record["outputs"]),
                tuple(
                    Node(
                        str(node["operator"]),
                        tuple(map(str, node["inputs"])),
                        tuple(map(str, node["outputs"])),
                        {name: _read(value) for name, value in node["attributes"].items()},
                        str(node["path"]),
                    )
                    for node in record["nodes"]
                ),
                tuple(
                    Weight(weight["name"], weight["dtype"], tuple(weight["shape"]), bool(weight["trained"]))
                    for weight in record["weights"]
                ),
                {name: _array(entry) for name, entry in record["constants"].items()},
                bool(record["training"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"the record of the graph is damaged ({type(error).__name__}: {error})") from None

    def __eq__(self, other: object) -> bool:
        # Arrays have no single truth: the records are compared.
        return isinstance(other, Graph) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]


def _port_record(port: Port) -> dict[str, Any]:
    return {"name": port.name, "dtype": port.dtype, "shape": None if port.shape is None else list(port.shape)}


def _port(record: Mapping[str, Any]) -> Port:
    shape = record["shape"]
    return Port(str(record["name"]), str(record["dtype"]), None if shape is None else tuple(shape))


def _array_record(array: Array) -> dict[str, Any]:
    return {"dtype": str(array.dtype), "shape": list(array.shape), "values": _written(array.ravel().tolist())}


def _array(record: Mapping[str, Any]) -> Array:
    return np.array(_read(record["values"]), np.dtype(record["dtype"])).reshape(record["shape"])


def _written(value: Any) -> Any:
    """``value`` with texts for the numbers that JSON lacks: {"number": "inf"}."""
    if isinstance(value, list | tuple):
        return [_written(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    return value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(entry) for entry in value]
    return float(value["number"]) if isinstance(value, dict) else value
