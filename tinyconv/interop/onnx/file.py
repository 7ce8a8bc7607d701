"""An ONNX file, opened and checked: its nodes, initialisers, inputs and outputs in plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core import dtypes
from tinyconv.core.arrays import Array
from tinyconv.core.errors import DTypeError, MissingFileError, RunError, UnsupportedError
from tinyconv.models.graph import Node, Port

OLDEST, NEWEST = 6, 28
"""The operator sets that are read: what operators meant before is not known here, nor what they will mean."""

DOMAINS = ("", "ai.onnx", "ai.onnx.preview.training")
INSTALL = "the package onnx is not installed; pip install 'tinyconv[onnx]'"
TYPES = {dtype.numpy: dtype.name for dtype in dtypes.ALL}


@dataclass
class Contents:
    """What a file says. ``names``: node number -> the name that the file gives the node. ``opset``: its operator set.

    ``metadata``: the texts that exporters leave.
    """

    nodes: list[Node]
    names: list[str]
    initializers: dict[str, Array]
    constants: dict[str, Array]
    inputs: list[Port]
    outputs: list[Port]
    opset: int
    metadata: dict[str, str] = field(default_factory=dict)


def library() -> Any:
    """The package onnx. Raises ``UnsupportedError`` where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise UnsupportedError(f"onnx: {INSTALL}") from None
    return onnx


def read(path: str | Path) -> Contents:
    """The contents of the file ``path``.

    Raises: ``MissingFileError``; ``RunError`` for what is no valid ONNX model; ``UnsupportedError`` for parts that are
        not offered.
    """
    file = Path(path)
    if not file.exists():
        raise MissingFileError(f"ONNX file {file} does not exist")
    if not file.is_file():
        raise RunError(f"{file} is a folder; give the path of an .onnx file")
    onnx = library()
    try:
        model = onnx.load(file)
        onnx.checker.check_model(model)
    except OSError as error:
        raise RunError(f"ONNX file {file} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except Exception as error:  # protobuf's and the checker's own classes differ between versions
        reason = " ".join(str(error).split())
        raise RunError(f"{file} is no valid ONNX model ({reason[:200]})") from None
    return contents(model)


def contents(model: Any) -> Contents:
    """What ``model``, a ``ModelProto``, says. Raises ``UnsupportedError`` for parts that are not offered."""
    onnx = library()
    if len(model.functions):
        model = onnx.inliner.inline_local_functions(model)
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), NEWEST)
    if not OLDEST <= opset <= NEWEST:
        raise UnsupportedError(
            f"the model uses operator set {opset}; {OLDEST} to {NEWEST} are read: convert it with "
            "onnx.version_converter.convert_version(model, 17)"
        )
    graph = model.graph
    if len(graph.sparse_initializer):
        raise UnsupportedError(f"sparse weights ({graph.sparse_initializer[0].values.name}) are not offered")
    initializers = {tensor.name: array(tensor) for tensor in graph.initializer}
    found = Contents(
        nodes=[],
        names=[],
        initializers=initializers,
        constants={},
        inputs=[_port(value) for value in graph.input if value.name not in initializers],
        outputs=[_port(value) for value in graph.output],
        opset=opset,
        metadata={entry.key: entry.value for entry in model.metadata_props},
    )
    for node in graph.node:
        _read_node(node, found)
    return found


def _read_node(node: Any, found: Contents) -> None:
    if node.domain not in DOMAINS:
        raise UnsupportedError(f"operator {node.op_type} of the domain {node.domain!r} is not offered; only ONNX's are")
    attributes = {attribute.name: _attribute(node, attribute) for attribute in node.attribute}
    if node.op_type == "Constant":
        (value,) = attributes.values()
        kept = value if isinstance(value, np.ndarray) else np.array(value, _type_of_numbers(value))
        found.constants[node.output[0]] = kept
        return
    inputs = list(node.input)
    while inputs and not inputs[-1]:
        inputs.pop()
    outputs = list(node.output)
    while len(outputs) > 1 and not outputs[-1]:
        outputs.pop()
    operator = node.op_type
    if operator == "ConstantOfShape":  # an array of one number, spread
        operator, value = "Expand", attributes.pop("value", np.zeros(1, np.float32))
        found.constants[f"{outputs[0]}/value"] = value.reshape(())
        inputs = [f"{outputs[0]}/value", *inputs]
    found.nodes.append(Node(operator, tuple(inputs), tuple(outputs), attributes))
    found.names.append(node.name)


def _attribute(node: Any, attribute: Any) -> Any:
    onnx = library()
    kinds = onnx.AttributeProto
    if attribute.type in (kinds.GRAPH, kinds.GRAPHS):
        raise UnsupportedError(
            f"operator {node.op_type} is not offered: a graph runs from its inputs to its outputs, without branches or "
            "loops"
        )
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.type == kinds.TENSOR:
        return array(value)
    if attribute.type == kinds.STRING:
        return value.decode("utf-8", "replace")
    if attribute.type == kinds.STRINGS:
        return [text.decode("utf-8", "replace") for text in value]
    if attribute.type not in (kinds.INT, kinds.INTS, kinds.FLOAT, kinds.FLOATS):
        raise UnsupportedError(
            f"operator {node.op_type}: its attribute {attribute.name} is of a kind that is not offered"
        )
    return value if isinstance(value, int | float) else list(value)


def _type_of_numbers(value: Any) -> Any:
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, str):
        raise UnsupportedError("constants of text are not offered")
    return np.float32 if isinstance(first, float) else np.int64


def array(tensor: Any) -> Array:
    """The array of a ``TensorProto``. Raises ``DTypeError`` for an element type that tinyconv lacks."""
    onnx = library()
    found = np.array(onnx.numpy_helper.to_array(tensor))
    if found.dtype not in TYPES:
        raise DTypeError(
            f"tensor {tensor.name!r} has type {found.dtype}, and tinyconv has {', '.join(TYPES.values())}; export the "
            "network in float32"
        )
    return found


def _port(value: Any) -> Port:
    onnx = library()
    if not value.type.HasField("tensor_type"):
        raise UnsupportedError(f"{value.name!r} is no tensor: sequences, maps and optional values are not offered")
    kind = value.type.tensor_type
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    if dtype not in TYPES:
        raise DTypeError(f"{value.name!r} has type {dtype}, and tinyconv has {', '.join(TYPES.values())}")
    if not kind.HasField("shape"):
        return Port(value.name, TYPES[dtype], None)
    sizes = [size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim]
    return Port(value.name, TYPES[dtype], tuple(sizes))
