"""Graphs made from graphs: another output, the logits behind a softmax, a batch of any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyconv.core.errors import ArgumentError
from tinyconv.models.graph.description import Graph, Node, Port


def with_output(graph: Graph, name: str) -> Graph:
    """``graph`` with the output ``name`` alone, and only what that takes. Raises ``ArgumentError``."""
    port = next((port for port in graph.outputs if port.name == name), None)
    if port is None:
        listed = ", ".join(port.name for port in graph.outputs)
        raise ArgumentError(f"there is no output {name!r}; the outputs are: {listed}")
    return pruned(replace(graph, outputs=(port,)))


def pruned(graph: Graph) -> Graph:
    """Without the nodes, weights and constants that no output takes."""
    needed = {port.name for port in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    return replace(
        graph,
        nodes=tuple(reversed(kept)),
        weights=tuple(weight for weight in graph.weights if weight.name in needed),
        constants={name: array for name, array in graph.constants.items() if name in needed},
    )


def before_softmax(graph: Graph) -> Graph | None:
    """The graph that gives what the softmax at its end takes; None where there is none.

    Identities, and flattenings of one pixel, may stand behind it.
    """
    makers = {name: node for node in graph.nodes for name in node.outputs}
    (port,) = graph.outputs
    behind: list[Node] = []
    node = makers.get(port.name)
    while node is not None and node.operator in ("Identity", "Flatten", "Reshape", "Squeeze"):
        behind.append(node)
        node = makers.get(node.inputs[0])
    if node is None or node.operator != "Softmax" or node.attributes.get("axis", -1) not in (1, -1):
        return None
    if not behind:
        return pruned(replace(graph, outputs=(replace(port, name=node.inputs[0]),)))
    first = behind[-1]
    moved = replace(first, inputs=(node.inputs[0], *first.inputs[1:]))
    return pruned(replace(graph, nodes=tuple(moved if other is first else other for other in graph.nodes)))


def flattened(graph: Graph) -> Graph:
    """With a flatten at the end: (N, K, 1, 1) becomes (N, K)."""
    (port,) = graph.outputs
    end = f"{port.name}/flat"
    node = Node("Flatten", (port.name,), (end,))
    return replace(graph, nodes=(*graph.nodes, node), outputs=(Port(end, port.dtype, None),))


def of_any_batch(graph: Graph) -> Graph:
    """With the first size of every reshape taken from what is reshaped, where it was that of the graph's batch.

    Exporters write down the batch of their example: a reshape to (1, 512) then takes no batch but one.
    """
    (image,) = graph.inputs
    batch = image.shape[0] if image.shape else None
    if batch is None:
        return graph
    constants, nodes = dict(graph.constants), []
    for node in graph.nodes:
        target = constants.get(node.inputs[1]) if node.operator == "Reshape" else None
        if target is not None and target.ndim == 1 and target.size and target[0] == batch:
            name = f"{node.outputs[0]}/any batch"
            constants[name] = np.array([0, *target[1:].tolist()], np.int64)
            node = replace(node, inputs=(node.inputs[0], name))
        nodes.append(node)
    open_end = replace(image, shape=(None, *image.shape[1:])) if image.shape else image
    return pruned(replace(graph, inputs=(open_end,), nodes=tuple(nodes), constants=constants))
