"""Which of a file's tensors are the network's weights, and rewritings that show them as those of layers.

A file does not say what was trained. Here it is: every floating-point initialiser that reaches a weight's place in a
layer, or is added to or multiplied with what the network computes. Not trained: running statistics, single numbers, and
what meets the input itself, such as the mean of the images. Tensors that are no numbers, and small ones that are not
trained, stay in the graph as constants.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.interop.onnx.file import Contents
from tinyconv.models.graph import Graph, Node
from tinyconv.models.graph.layers import SLOTS
from tinyconv.models.graph.ranks import ranks
from tinyconv.models.graph.sizes import OF_ARRAYS

TRAINED: dict[str, tuple[int, ...]] = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (0, 1, 2), "MatMul": (0, 1), "BatchNormalization": (1, 2),
    "PRelu": (1,), "InstanceNormalization": (1, 2), "GroupNormalization": (1, 2), "LayerNormalization": (1, 2),
    "RMSNormalization": (1,),
}  # fmt: skip
STATISTICS = {"BatchNormalization": (3, 4)}
ARITHMETIC = ("Add", "Sub", "Mul", "Div")
FOLDED = {
    "Identity": OF_ARRAYS["Identity"],
    "Reshape": OF_ARRAYS["Reshape"],
    "Squeeze": OF_ARRAYS["Squeeze"],
    "Unsqueeze": OF_ARRAYS["Unsqueeze"],
    "Cast": OF_ARRAYS["Cast"],
    "Transpose": lambda x, *, perm=None: np.transpose(x, perm),
}
"""What a file may do to a weight before it is used; done here once."""


def folded(found: Contents) -> Contents:
    """Without the nodes that change nothing but the form of one initialiser or constant."""
    initializers, constants = dict(found.initializers), dict(found.constants)
    kept: list[tuple[Node, str]] = []
    results = {port.name for port in found.outputs}
    for node, name in zip(found.nodes, found.names, strict=True):
        values = [initializers.get(x, constants.get(x)) for x in node.inputs]
        fold = FOLDED.get(node.operator)
        if fold is None or node.outputs[0] in results or any(value is None for value in values):
            kept.append((node, name))
            continue
        place = initializers if node.inputs[0] in initializers else constants
        place[node.outputs[0]] = np.asarray(fold(*values, **node.attributes))
    return replace(
        found,
        nodes=[node for node, _ in kept],
        names=[name for _, name in kept],
        initializers=initializers,
        constants=constants,
    )


def as_linear(found: Contents) -> Contents:
    """Matrix products with a weight as ``Gemm`` with a transposed one: the form of a linear layer."""
    initializers = dict(found.initializers)
    graph = Graph(tuple(found.inputs), (), tuple(found.nodes), (), {**initializers, **found.constants})
    known = ranks(graph)
    uses = Counter(name for node in found.nodes for name in node.inputs)
    uses.update(port.name for port in found.outputs)
    nodes, names, skipped = [], [], set()
    for number, (node, name) in enumerate(zip(found.nodes, found.names, strict=True)):
        if number in skipped:
            continue
        if _is_product(node, initializers, uses, known):
            weight = node.inputs[1]
            initializers[weight] = np.ascontiguousarray(initializers[weight].T)
            bias = _bias_after(found.nodes, number, initializers, uses) if node.operator == "MatMul" else None
            inputs, outputs = node.inputs, node.outputs
            if bias is not None:
                follower, added = bias
                skipped.add(follower)
                inputs, outputs = (*inputs, added), found.nodes[follower].outputs
            node = Node("Gemm", inputs, outputs, {**node.attributes, "transB": 1})
        nodes.append(node)
        names.append(name)
    return replace(found, nodes=nodes, names=names, initializers=initializers)


def _is_product(node: Node, initializers: dict[str, Array], uses: Counter[str], known: dict[str, int]) -> bool:
    """Whether ``node`` multiplies with a matrix (inputs, outputs) that nothing else uses."""
    if node.operator not in ("Gemm", "MatMul") or node.attributes.get("transB") or node.attributes.get("transA"):
        return False
    weight = initializers.get(node.inputs[1])
    matrix = weight is not None and weight.ndim == 2 and weight.dtype.kind == "f" and uses[node.inputs[1]] == 1
    two_dimensional = node.operator == "Gemm" or known.get(node.inputs[0]) == 2
    return matrix and node.inputs[0] not in initializers and two_dimensional


def _bias_after(
    nodes: list[Node], number: int, initializers: dict[str, Array], uses: Counter[str]
) -> tuple[int, str] | None:
    """The node that adds a vector to the result of node ``number``, if nothing else happens to it; and the vector."""
    result = nodes[number].outputs[0]
    outputs = initializers[nodes[number].inputs[1]].shape[0]
    if uses[result] != 1:
        return None
    for follower, node in enumerate(nodes[number + 1 :], start=number + 1):
        if result in node.inputs:
            other = [name for name in node.inputs if name != result]
            if node.operator == "Add" and len(other) == 1 and other[0] in initializers:
                return (follower, other[0]) if initializers[other[0]].shape == (outputs,) else None
            return None
    return None


def trained(found: Contents) -> set[str]:
    """The names of the initialisers that are parameters."""
    images = {port.name for port in found.inputs}
    names: set[str] = set()
    for node in found.nodes:
        if node.operator == "Einsum":
            places: tuple[int, ...] = tuple(range(len(node.inputs)))
        elif node.operator in ARITHMETIC and not images.intersection(node.inputs):
            places = tuple(i for i, name in enumerate(node.inputs) if np.size(found.initializers.get(name, 0)) > 1)
        else:
            places = TRAINED.get(node.operator, ())
        names.update(node.inputs[place] for place in places if place < len(node.inputs))
    return {name for name in names if name in found.initializers and found.initializers[name].dtype.kind == "f"}


def belonging_to_layers(found: Contents) -> set[str]:
    """The names of the initialisers at a weight's place in a layer, trained or not."""
    return {
        node.inputs[place]
        for node in found.nodes
        for place in SLOTS.get(node.operator, ())
        if place < len(node.inputs) and node.inputs[place] in found.initializers
    }
