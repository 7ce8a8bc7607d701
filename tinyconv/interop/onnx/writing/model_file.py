"""A draft as the bytes of an ONNX file, checked by the package onnx."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.interop.onnx.file import library
from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.elementwise import TYPES

OPSET = 18
"""The version of the set of operators that is written by default, and the least: readers since 2023 know it."""

LARGEST = 2**31 - 1
"""Bytes that a file of this format (protobuf) holds at most."""

Tensor = tuple[str, Any, Sequence[int | str]]
"""Name, NumPy's type, and sizes of an input or output; a size with a name may be any."""


def checked_opset(version: int | None) -> int:
    """The version to write. Raises ``ArgumentError`` for one that is too old, or that the package does not know."""
    newest = library().defs.onnx_opset_version()
    if version is None:
        return OPSET
    if isinstance(version, bool) or not isinstance(version, int) or not OPSET <= version <= newest:
        raise ArgumentError(
            f"export: opset_version is {version!r}; tinyconv writes {OPSET} (the default), and up to {newest}, the "
            "newest that the installed package onnx knows"
        )
    return version


def model_bytes(
    draft: Draft, name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], opset: int, notes: Mapping[str, str]
) -> bytes:
    """The file's content. ``name``: the graph's. ``notes``: metadata."""
    onnx = library()
    helper = onnx.helper
    size = sum(array.nbytes for array in draft.weights.values())
    if size >= LARGEST:
        raise UnsupportedError(
            f"export: the model's weights take {size / 1e9:.1f} GB, and an ONNX file holds {LARGEST / 1e9:.1f} GB"
        )
    used = {taken for node in draft.nodes for taken in node.inputs}
    graph = helper.make_graph(
        [
            helper.make_node(node.operator, node.inputs, node.outputs, name=node.name, **node.attributes)
            for node in draft.nodes
        ],
        name,
        [_described(helper, tensor) for tensor in inputs],
        [_described(helper, tensor) for tensor in outputs],
        [onnx.numpy_helper.from_array(array, key) for key, array in draft.weights.items() if key in used],
    )
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        graph,
        opset_imports=imports,
        ir_version=helper.find_min_ir_version_for(imports),
        producer_name="tinyconv",
        producer_version=importlib.metadata.version("tinyconv"),
    )
    helper.set_model_props(model, dict(notes))
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise UnsupportedError(f"export: onnx.checker refuses the graph: {' '.join(str(error).split())}") from None
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _described(helper: Any, tensor: Tensor) -> Any:
    name, dtype, sizes = tensor
    return helper.make_tensor_value_info(name, TYPES[dtype.name], list(sizes))
