"""How many dimensions the values of a graph have, as far as it follows from the operators alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.models.graph.description import Graph, Node
from tinyconv.models.graph.operators.reductions import REDUCTIONS

SPREADING = {"Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "Pow", "Mean"}
"""Operators whose operands spread over each other."""

KEEPING = {
    "Conv", "ConvTranspose", "BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization",
    "RMSNormalization", "LRN", "LpNormalization", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool",
    "GlobalMaxPool", "GlobalLpPool", "Dropout", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Mish",
    "Swish", "HardSwish", "HardSigmoid", "ThresholdedRelu", "Softplus", "Softsign", "Sigmoid", "Tanh", "Clip",
    "Softmax", "LogSoftmax", "Concat", "Transpose", "Identity", "Pad", "Resize", "Upsample", "Cast", "Slice", "Split",
    "DepthToSpace", "SpaceToDepth", "Abs", "Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Erf", "Floor", "Ceil", "Round",
}  # fmt: skip
"""Operators whose results have as many dimensions as their first operand."""


def ranks(graph: Graph) -> dict[str, int]:
    """Name -> the number of dimensions; a value that is not there may have any."""
    return Ranks(graph).known


class Ranks:
    """What is ``known`` of a graph's values: dimensions, and of vectors that are shapes the lengths."""

    def __init__(self, graph: Graph) -> None:
        self._constants = graph.constants
        self.known = {port.name: len(port.shape) for port in graph.inputs if port.shape is not None}
        self.known |= {weight.name: len(weight.shape) for weight in graph.weights}
        self.known |= {name: array.ndim for name, array in graph.constants.items()}
        self._lengths = {name: array.size for name, array in graph.constants.items() if array.ndim == 1}
        for node in graph.nodes:
            rank = self._of(node)
            if rank is not None:
                self.known.update((name, rank) for name in node.outputs)
            length = self._length(node) if rank == 1 else None
            if length is not None:
                self._lengths[node.outputs[0]] = length

    def _of(self, node: Node) -> int | None:
        first = self.known.get(node.inputs[0]) if node.inputs else None
        if node.operator in ("Flatten", "Gemm"):
            return 2
        if node.operator == "Reshape":
            return self._lengths.get(node.inputs[1])
        if node.operator in ("Shape", "Size"):
            return int(node.operator == "Shape")
        if node.operator in SPREADING:
            found = [self.known.get(name) for name in node.inputs]
            return None if None in found else max(rank for rank in found if rank is not None)
        if first is None:
            return None
        special: Callable[[Node, int], Any] | None = {
            "Gather": self._of_gather,
            "Unsqueeze": lambda node, rank: self._with_axes(node, rank, 1),
            "Squeeze": lambda node, rank: self._with_axes(node, rank, -1),
        }.get(node.operator)
        if special is not None:
            rank: int | None = special(node, first)
            return rank
        if node.operator in REDUCTIONS:
            if node.attributes.get("keepdims", 1):
                return first
            return self._with_axes(node, first, -1) if len(node.inputs) > 1 else 0
        return first if node.operator in KEEPING else None

    def _of_gather(self, node: Node, rank: int) -> int | None:
        indices = self.known.get(node.inputs[1])
        return None if indices is None else rank - 1 + indices

    def _with_axes(self, node: Node, rank: int, sign: int) -> int | None:
        """``rank`` with the dimensions that the second input names, or without them."""
        axes = self._constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
        return None if axes is None else rank + sign * int(np.size(axes))

    def _length(self, node: Node) -> int | None:
        """Of a vector."""
        if node.operator == "Shape" and not node.attributes:
            return self.known.get(node.inputs[0])
        if node.operator == "Unsqueeze" and self.known.get(node.inputs[0]) == 0:
            return 1
        if node.operator == "Concat":
            parts = [self._lengths.get(name) for name in node.inputs]
            return None if None in parts else sum(part for part in parts if part is not None)
        return self._lengths.get(node.inputs[0]) if node.operator in ("Cast", "Identity") else None
