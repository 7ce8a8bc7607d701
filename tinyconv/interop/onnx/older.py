"""Older operator sets, in today's words: attributes that became inputs, defaults and meanings that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinyconv.core.errors import UnsupportedError
from tinyconv.interop.onnx.file import Contents
from tinyconv.models.graph import Graph, Node
from tinyconv.models.graph.ranks import SPREADING, ranks

AXES = {"Squeeze": 13, "Unsqueeze": 13, "ReduceSum": 13} | dict.fromkeys(
    ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
     "ReduceLogSumExp"), 18
)  # fmt: skip

# Operator -> (the operator set since which they are inputs, the attributes in the order of the inputs).
MOVED: dict[str, tuple[int, tuple[str, ...]]] = {
    **{operator: (since, ("axes",)) for operator, since in AXES.items()},
    "Split": (13, ("split",)),
    "Slice": (10, ("starts", "ends", "axes")),
    "Pad": (11, ("pads", "value")),
    "Clip": (11, ("min", "max")),
    "Dropout": (12, ("ratio",)),
    "TopK": (10, ("k",)),
    "Upsample": (9, ("scales",)),
}

FLATTENING = ("Softmax", "LogSoftmax", "Hardmax")
"""Before operator set 13 these worked on two dimensions: those before ``axis``, and those from it on."""


def modernised(found: Contents) -> Contents:
    """``found`` with every node as operator sets from 18 on write it."""
    nodes: list[Node] = []
    names: list[str] = []
    everything = {**found.initializers, **found.constants}
    known = ranks(Graph(tuple(found.inputs), (), tuple(found.nodes), (), everything)) if found.opset < 7 else {}
    for node, name in zip(found.nodes, found.names, strict=True):
        plain = _before_7(node, found, known) if found.opset < 7 else [node]
        for number, newer in enumerate(part for older in plain for part in _modern(older, found)):
            nodes.append(newer)
            names.append(name if number == 0 else "")
    return replace(found, nodes=nodes, names=names)


def _before_7(node: Node, found: Contents, known: Mapping[str, int]) -> list[Node]:
    """Without the flags that said how to spread operands, and what is not needed in evaluation."""
    if node.operator in ("BatchNormalization", "Dropout"):
        node = _without(node, "consumed_inputs")[0]
        node, evaluation = _without(node, "is_test")
        if node.operator == "BatchNormalization" and not evaluation:
            node = replace(node, attributes={**node.attributes, "training_mode": 1})
    if node.operator == "PRelu" and known.get(node.inputs[0], 0) > 2:
        slope = found.initializers.get(node.inputs[1])
        if slope is not None and slope.ndim == 1 and slope.size > 1:  # one for each channel
            spread = (slope.size, *(1,) * (known[node.inputs[0]] - 2))
            found.initializers[node.inputs[1]] = slope.reshape(spread)
    node, _ = _without(node, "broadcast")
    if node.operator not in SPREADING or "axis" not in node.attributes:
        return [node]
    node, axis = _without(node, "axis")
    a, b = node.inputs
    if a not in known or b not in known:
        raise UnsupportedError(
            f"operator {node.operator} with axis={axis}, before operator set 7, on unknown dimensions"
        )
    behind = known[a] - axis % known[a] - known[b]
    if behind <= 0:
        return [node]
    axes, spread_b = f"{node.outputs[0]}/axes", f"{node.outputs[0]}/spread"
    found.constants[axes] = np.arange(known[b], known[b] + behind)
    return [Node("Unsqueeze", (b, axes), (spread_b,)), replace(node, inputs=(a, spread_b))]


def _modern(node: Node, found: Contents) -> list[Node]:
    operator, opset = node.operator, found.opset
    if operator == "BatchNormalization" and node.attributes.get("spatial") == 1:
        node = _without(node, "spatial")[0]  # the statistics of a channel, which are the only ones today
    if operator in MOVED and opset < MOVED[operator][0] and not (operator == "Unsqueeze" and len(node.inputs) > 1):
        node = _with_inputs(node, MOVED[operator][1], found)
    if operator == "Resize" and opset < 11:
        how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        node = replace(node, inputs=(node.inputs[0], "", *node.inputs[1:]), attributes={**node.attributes, **how})
    if operator in FLATTENING and opset < 13:
        return _flattened(node, found)
    if operator == "BatchNormalization" and opset < 14 and len(node.outputs) > 1:
        raise UnsupportedError("operator BatchNormalization with statistics as results, before operator set 14")
    return [node]


def _without(node: Node, attribute: str) -> tuple[Node, Any]:
    left = {name: value for name, value in node.attributes.items() if name != attribute}
    return replace(node, attributes=left), node.attributes.get(attribute)


def _with_inputs(node: Node, attributes: tuple[str, ...], found: Contents) -> Node:
    """The attributes as constants behind the node's inputs."""
    inputs = list(node.inputs)
    for attribute in attributes:
        node, value = _without(node, attribute)
        if value is None:
            inputs.append("")
            continue
        name = f"{node.outputs[0]}/{attribute}"
        found.constants[name] = np.array(value, np.float32 if _is_float(value) else np.int64)
        inputs.append(name)
    while not inputs[-1]:
        inputs.pop()
    return replace(node, inputs=tuple(inputs))


def _is_float(value: Any) -> bool:
    return isinstance(value[0] if isinstance(value, list) and value else value, float)


def _flattened(node: Node, found: Contents) -> list[Node]:
    """The node between a flatten and a reshape back."""
    (x,), (y,) = node.inputs, node.outputs
    axis = node.attributes.get("axis", 1)
    flat, shape, result = (f"{y}/{part}" for part in ("flat", "shape", "result"))
    port = next((port for port in found.inputs if port.name == x and port.shape is not None), None)
    if axis == -1 or (port is not None and port.shape is not None and axis == len(port.shape) - 1):
        return [replace(node, attributes={"axis": -1})]  # it was the last dimension anyway
    return [
        Node("Flatten", (x,), (flat,), {"axis": axis}),
        replace(node, inputs=(flat,), outputs=(result,), attributes={"axis": 1}),
        Node("Shape", (x,), (shape,)),
        Node("Reshape", (result, shape), (y,)),
    ]
