"""Writing a model as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.errors import ArgumentError, TinyconvError, UnsupportedError
from tinyconv.interop.onnx.writing.comparison import generalise
from tinyconv.interop.onnx.writing.drafting import another, drafted
from tinyconv.interop.onnx.writing.model_file import checked_opset, model_bytes
from tinyconv.models.tracing import Computation, trace
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.utils.files import write_atomically

Axes = Mapping[str, Mapping[int, str] | Sequence[int]]
"""Of inputs (and outputs) by name: which of their sizes stay open, as {axis: name} or a list of axes."""

BATCH = "N"
"""What the size of a batch is called in a file."""


@dataclass(frozen=True)
class Exported:
    """What stands in a file that was written: how many operators, of which opset, and the inputs and outputs by name.

    Of each its sizes; one that may be any has a name in the place of a number.

    Raises: nothing of its own.

    >>> from tinyconv.interop.onnx import Exported
    >>> sorted(Exported.__dataclass_fields__)
    ['inputs', 'operators', 'opset', 'outputs']
    """

    operators: int
    opset: int
    inputs: dict[str, tuple[int | str, ...]]
    outputs: dict[str, tuple[int | str, ...]]


def export(
    model: Module,
    images: Any,
    path: str | os.PathLike[str] | IO[bytes],
    *,
    input_names: Sequence[str] = ("images",),
    output_names: Sequence[str] = ("logits",),
    dynamic_axes: Axes | None = None,
    opset_version: int | None = None,
    notes: Mapping[str, str] | None = None,
) -> Exported:
    """Write ``model``, in evaluation mode, as the ONNX file ``path``, which ``onnx.checker`` has found valid.

    The graph is that of the operations which the model runs on ``images``; weights have the names of its state dict.
    It runs on other numbers of another size too, and where the graph of those is another one, because something
    depends on the input that is no operation on tensors, that is an error. ``images``: a tensor, or a tuple of the
    model's inputs. ``dynamic_axes``: sizes that stay open, such as ``{"images": {0: "N", 2: "height"}}``; by default
    the first of every input, the batch; ``{}`` for none. ``opset_version``: 18 (the default) or newer. ``notes``: texts
    that are kept in the file's metadata. A file that exists is replaced, once the new one is whole.

    Shape: images (N, C, H, W), or whatever the model takes.
    Dtype: the model's; it is that of the file.
    Raises: ``UnsupportedError`` for an operation that ONNX has not, with the module that runs it, and where the package
        onnx is missing; ``ArgumentError`` for names, axes or a version that do not fit; ``RunError`` where the file
        cannot be written.

    >>> from tinyconv.interop.onnx import export
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    >>> written = export(model, tc.zeros(1, 1, 4, 4), "model.onnx")
    >>> written.operators, written.inputs, written.outputs
    (4, {'images': ('N', 1, 4, 4)}, {'logits': ('N', 2)})
    """
    if not isinstance(model, Module):
        raise ArgumentError(f"export: the model must be an nn.Module, got {type(model).__name__}")
    opset = checked_opset(opset_version)
    inputs = _tensors(images)
    names = _names("input_names", input_names, len(inputs))
    first = trace(model, *inputs)
    out_names = _names("output_names", output_names, len(first.outputs))
    if set(names) & set(out_names):
        raise ArgumentError(f"export: inputs and outputs share the name {sorted(set(names) & set(out_names))[0]!r}")
    axes = _open_axes(dynamic_axes, names, out_names, inputs)
    second = _traced_again(model, inputs, [list(axes[name]) for name in names])
    draft = drafted(first, names, out_names)
    generalise(draft, drafted(second, names, out_names))
    input_sizes = _sizes(axes, names, [value.shape for value in first.inputs])
    output_sizes = _output_sizes(axes, names, out_names, first, second)
    content = model_bytes(
        draft,
        type(model).__name__,
        [(name, np.dtype(value.dtype), input_sizes[name]) for name, value in zip(names, first.inputs, strict=True)],
        [(name, np.dtype(v.dtype), output_sizes[name]) for name, v in zip(out_names, first.outputs, strict=True)],
        opset,
        notes or {},
    )
    if isinstance(path, str | os.PathLike):
        write_atomically(Path(path), content)
    else:
        path.write(content)
    return Exported(len(draft.nodes), opset, input_sizes, output_sizes)


def _traced_again(model: Module, inputs: Sequence[Any], open_axes: Sequence[Sequence[int]]) -> Computation:
    """What the model computes of other inputs, whose open sizes are larger."""
    others = another(inputs, open_axes)
    try:
        return trace(model, *others)
    except TinyconvError as error:
        shapes = " and ".join(", ".join(str(tuple(x.shape)) for x in given) for given in (inputs, others))
        raise UnsupportedError(
            f"export: the sizes that were to stay open cannot: of inputs {shapes} the model takes the first only "
            f"({' '.join(str(error).split())}); fix them"
        ) from None


def _tensors(images: Any) -> list[Any]:
    given = list(images) if isinstance(images, tuple | list) else [images]
    tensors = [Tensor(np.array(each)) if isinstance(each, np.ndarray) else each for each in given]
    for each in tensors:
        if not isinstance(each, TensorBase):
            raise ArgumentError(f"export: the model's inputs must be tensors or arrays, got {type(each).__name__}")
    return tensors


def _names(option: str, names: Sequence[str], count: int) -> list[str]:
    """As many names as there are tensors; one name is numbered for several."""
    given = [names] if isinstance(names, str) else list(names)
    if len(given) == 1 and count > 1:
        given = [f"{given[0]}_{number}" for number in range(count)]
    if len(given) != count or len(set(given)) != count or not all(isinstance(name, str) and name for name in given):
        raise ArgumentError(f"export: {option} must name {count} tensor{'s' * (count > 1)}, got {list(names)!r}")
    return given


def _open_axes(
    asked: Axes | None, names: Sequence[str], out_names: Sequence[str], inputs: Sequence[Any]
) -> dict[str, dict[int, str]]:
    """{axis: name} for every input and output."""
    if asked is None:
        return {name: {0: BATCH} for name in names} | {name: {} for name in out_names}
    found: dict[str, dict[int, str]] = {name: {} for name in (*names, *out_names)}
    dimensions = {name: tensor.ndim for name, tensor in zip(names, inputs, strict=True)}
    for name, axes in asked.items():
        if name not in found:
            raise ArgumentError(
                f"export: dynamic_axes names {name!r}; the inputs are {', '.join(names)}, the outputs "
                f"{', '.join(out_names)}"
            )
        named = dict(axes) if isinstance(axes, Mapping) else {axis: f"{name}_size_{axis}" for axis in axes}
        for axis, size in named.items():
            count = dimensions.get(name, axis + 1)
            if not isinstance(axis, int) or not 0 <= axis < count or not isinstance(size, str):
                raise ArgumentError(
                    f"export: dynamic_axes[{name!r}] has {axis!r}: {size!r}; write an axis from 0 to {count - 1} and a "
                    "name for its size"
                )
            found[name][axis] = size
    return found


def _sizes(
    axes: Mapping[str, Mapping[int, str]], names: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> dict[str, tuple[int | str, ...]]:
    return {
        name: tuple(axes[name].get(axis, size) for axis, size in enumerate(shape))
        for name, shape in zip(names, shapes, strict=True)
    }


def _output_sizes(
    axes: Mapping[str, Mapping[int, str]],
    names: Sequence[str],
    out_names: Sequence[str],
    first: Computation,
    second: Computation,
) -> dict[str, tuple[int | str, ...]]:
    """The outputs' sizes: what differs between two inputs is open, and called like the input's size that it equals."""
    by_sizes = {
        (one.shape[axis], other.shape[axis]): label
        for name, one, other in zip(names, first.inputs, second.inputs, strict=True)
        for axis, label in axes[name].items()
    }
    found: dict[str, dict[int, str]] = {name: dict(axes[name]) for name in out_names}
    for name, one, other in zip(out_names, first.outputs, second.outputs, strict=True):
        for axis, pair in enumerate(zip(one.shape, other.shape, strict=True)):
            if pair[0] != pair[1]:
                found[name].setdefault(axis, by_sizes.get(pair, f"{name}_size_{axis}"))
    return _sizes(found, out_names, [value.shape for value in first.outputs])
