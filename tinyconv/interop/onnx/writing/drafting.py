"""A computation as a draft, and the draft that is good for inputs of other sizes and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.devices import array_module
from tinyconv.core.transfer import placed, to_host
from tinyconv.interop.onnx.writing import (
    activations,
    convolution,
    elementwise,
    normalization,
    pooling,
    products,
    reductions,
    shapes,
)
from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.table import write
from tinyconv.models.tracing import Computation

FAMILIES = (activations, convolution, elementwise, normalization, pooling, products, reductions, shapes)
"""The files that fill the table of writers."""


def drafted(computation: Computation, input_names: Sequence[str], output_names: Sequence[str]) -> Draft:
    """The nodes and weights of a computation, its inputs and outputs called as given."""
    draft = Draft()
    draft.reserve(output_names)
    for value, name in zip(computation.inputs, input_names, strict=True):
        draft.name_input(value, name)
    for step in computation.needed():
        write(draft, step)
    for value, name in zip(computation.outputs, output_names, strict=True):
        draft.name_output(draft.name_of(value), name)
    return draft


def another(inputs: Sequence[Any], open_axes: Sequence[Sequence[int]]) -> list[Any]:
    """Inputs like ``inputs`` with other numbers in them, longer along their open axes, along each by another length."""
    random = np.random.default_rng(0)
    made = []
    for tensor, axes in zip(inputs, open_axes, strict=True):
        longer = {axis: number for number, axis in enumerate(sorted(axes), start=1)}
        shape = tuple(size + longer.get(axis, 0) for axis, size in enumerate(tensor.shape))
        host = to_host(tensor.array)
        if host.dtype.kind == "f":
            array = random.standard_normal(shape).astype(host.dtype)
        else:  # positions, say: numbers that occur, in another order
            array = np.roll(np.resize(host, shape), 1)
        made.append(_like(tensor, array))
    return made


def _like(tensor: TensorBase, array: Any) -> Any:
    return tensor.wrap(array_module(tensor.device).asarray(placed(array, tensor.device)), tensor.device)
