"""An ONNX model, read into a ``GraphModule`` that runs and trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyconv.core.arrays import Array
from tinyconv.core.errors import TinyconvError
from tinyconv.interop.onnx.file import Contents, contents, read
from tinyconv.interop.onnx.naming import Naming
from tinyconv.interop.onnx.older import modernised
from tinyconv.interop.onnx.weights import as_linear, belonging_to_layers, folded, trained
from tinyconv.models.graph import Graph, GraphModule, Node, Weight
from tinyconv.models.graph.layers import SLOTS

LARGEST_CONSTANT = 64
"""Numbers that a graph keeps itself; more of them are a buffer of the network."""


def load(path: str | Path) -> GraphModule:
    """The network in the ONNX file ``path``, with its weights: a module like any other, which runs and trains.

    Convolutions, normalisations, linear layers and the like become the layers that they are, under the names that the
    file has for them; what a file calls ``features.0.weight`` has that name here. It is in evaluation mode, unless the
    file was written in training mode.

    Raises: ``MissingFileError``; ``RunError`` for what is no valid ONNX model; ``UnsupportedError`` for an operator, or
        a way to use one, that is not offered, naming it; ``DTypeError`` for an element type that tinyconv lacks; where
        the package onnx is missing, ``UnsupportedError`` that says how to install it.

    >>> from tinyconv.interop.onnx import load
    >>> try:
    ...     load("nowhere.onnx")
    ... except (FileNotFoundError, NotImplementedError) as error:
    ...     "onnx" in str(error)
    True
    """
    with naming_the_file(path):
        return from_contents(read(path))


@contextmanager
def naming_the_file(path: str | Path) -> Iterator[None]:
    """Put the file's name in front of an error that does not have it."""
    try:
        yield
    except TinyconvError as error:
        if str(path) not in str(error):
            error.args = (f"{path}: {error}",)
        raise


def from_model(model: Any) -> GraphModule:
    """The network that ``model``, an ``onnx.ModelProto``, describes; see ``load``."""
    return from_contents(contents(model))


def from_contents(found: Contents) -> GraphModule:
    """The network that a file's ``found`` contents describe."""
    graph, values = graph_of(found)
    module = GraphModule(graph)
    module.load_weights(values)
    return module.train(graph.training)


def graph_of(found: Contents) -> tuple[Graph, dict[str, Array]]:
    """The graph, and the values of its weights by name."""
    found = as_linear(folded(modernised(found)))
    training = any(_is_training(node, found.constants | found.initializers) for node in found.nodes)
    found = replace(found, nodes=[_without_mode(node, found) for node in found.nodes])
    learnt, of_layers = trained(found), belonging_to_layers(found)
    naming = Naming(learnt - of_layers)
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    for node, name in zip(found.nodes, found.names, strict=True):
        path = naming.layer(node, name, found.initializers)
        nodes.append(replace(node, path=path))
        for place, slot in SLOTS.get(node.operator, {}).items():
            if path and place < len(node.inputs) and node.inputs[place] in found.initializers:
                renamed.setdefault(node.inputs[place], f"{path}.{slot}")
    weights: dict[str, Weight] = {}
    constants = dict(found.constants)
    values: dict[str, Array] = {}
    users = {port.name: "Identity" for port in found.outputs}
    users |= {name: node.operator for node in reversed(nodes) for name in node.inputs}
    for name, array in found.initializers.items():
        if name not in users:
            continue
        if name not in learnt | of_layers and (array.dtype.kind != "f" or array.size <= LARGEST_CONSTANT):
            constants[name] = array
            continue
        key = renamed[name] if name in renamed else naming.weight(name, users[name])
        renamed[name] = key
        weights[key] = Weight(key, str(array.dtype), tuple(array.shape), name in learnt)
        values[key] = array
    graph = _with_names(found, nodes, tuple(weights.values()), constants, renamed)
    return replace(graph, training=training), values


def _with_names(
    found: Contents,
    nodes: list[Node],
    weights: tuple[Weight, ...],
    constants: dict[str, Array],
    renamed: dict[str, str],
) -> Graph:
    """The graph with the weights' new names, and other values out of their way."""
    taken = {weight.name for weight in weights}
    kept = {name for node in nodes for name in (*node.inputs, *node.outputs)} | {port.name for port in found.outputs}
    names = {name: f"{name}'" if name in taken else name for name in kept}
    names |= {old: new for old, new in renamed.items() if new in taken}
    used = {name for node in nodes for name in node.inputs} | {port.name for port in found.outputs}
    return Graph(
        inputs=tuple(replace(port, name=names.get(port.name, port.name)) for port in found.inputs),
        outputs=tuple(replace(port, name=names[port.name]) for port in found.outputs),
        nodes=tuple(
            replace(
                node,
                inputs=tuple(names[name] for name in node.inputs),
                outputs=tuple(names[name] for name in node.outputs),
            )
            for node in nodes
        ),
        weights=weights,
        constants={names.get(name, name): array for name, array in constants.items() if name in used},
    )


def _without_mode(node: Node, found: Contents) -> Node:
    """Dropout without its third input, whether it is training mode, where that is fixed: the network knows its mode."""
    fixed = len(node.inputs) > 2 and node.inputs[2] in {**found.constants, **found.initializers}
    return replace(node, inputs=node.inputs[:2]) if node.operator == "Dropout" and fixed else node


def _is_training(node: Node, constants: dict[str, Array]) -> bool:
    """Whether the node asks for training mode: batch normalisation by an attribute, dropout by its third input."""
    switch = constants.get(node.inputs[2]) if node.operator == "Dropout" and len(node.inputs) > 2 else None
    return bool(node.attributes.get("training_mode")) or (switch is not None and bool(switch.all()))
