"""What a model consists of: a tree of its layers with output shapes, parameters, work, memory and receptive fields.

The model runs once, on an image of zeros, while its operations are watched; so what it calls as functions is listed
like its modules, and nothing depends on how its ``forward`` is written.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinyconv import nn
from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import Observation, observe
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.devices import CPU, array_module
from tinyconv.core.dtypes import float32
from tinyconv.core.errors import ArgumentError
from tinyconv.core.shapes import shapes_only
from tinyconv.models.receptive_field import FieldTracker, ReceptiveField
from tinyconv.nn.modes import evaluation_mode
from tinyconv.ops.tensor import Tensor
from tinyconv.ops.work import multiply_adds

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "layer",
    "type",
    "output_shape",
    "parameters",
    "multiply_adds",
    "activation_bytes",
    "parameter_bytes",
    "receptive_field",
    "shared_with",
)


@dataclass
class LayerSummary:
    """One module, or one operation that a module calls as a function. Amounts are the layer's own, without children.

    Raises: nothing of its own.

    >>> from tinyconv.models.summary import summary
    >>> row = summary(nn.Sequential(nn.Conv2d(1, 4, 3)), (1, 8, 8)).root.children[0]
    >>> row.path, row.type, row.output_shape, row.multiply_adds
    ('0', 'Conv2d', (1, 4, 6, 6), 1296)
    """

    path: str
    type: str
    output_shape: tuple[int, ...] | None = None
    """Of the last call, for a batch of one; None if the layer was not called."""
    parameters: int = 0
    parameter_bytes: int = 0
    multiply_adds: int = 0
    """Products of convolutions and matrix products, over all calls; other arithmetic is not counted."""
    activation_bytes: int = 0
    """New memory for the results, over all calls."""
    receptive_field: ReceptiveField | None = None
    shared_with: str | None = None
    """The path under which this very module was listed, and counted, before."""
    children: list[LayerSummary] = field(default_factory=list)

    def walk(self) -> Iterator[LayerSummary]:
        """This layer and everything below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def total(self, amount: str) -> int:
        """The sum of one of the amounts over this layer and everything below it."""
        return sum(getattr(layer, amount) for layer in self.walk())

    def to_dict(self) -> dict[str, Any]:
        """One row: amounts include the children's."""
        seen = self.receptive_field
        return {
            "layer": self.path,
            "type": self.type,
            "output_shape": None if self.output_shape is None else list(self.output_shape),
            "parameters": self.total("parameters"),
            "multiply_adds": self.total("multiply_adds"),
            "activation_bytes": self.total("activation_bytes"),
            "parameter_bytes": self.total("parameter_bytes"),
            "receptive_field": None if seen is None else [round(length, 2) for length in seen.size],
            "shared_with": self.shared_with,
        }


@dataclass
class Summary:
    """The layers of a model as a tree (``root``), for one image of ``input_size``. ``print(summary)`` shows it.

    Raises: nothing of its own.

    >>> from tinyconv.models.summary import summary
    >>> summary(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), (1, 4, 4)).parameters
    34
    """

    root: LayerSummary
    input_size: tuple[int, ...]
    trainable_parameters: int

    @property
    def parameters(self) -> int:
        """How many numbers the model learns or holds as parameters; shared ones count once."""
        return self.root.total("parameters")

    def to_dict(self) -> dict[str, Any]:
        """Totals, and the rows of all layers under ``layers``: only what JSON expresses."""
        return {
            "model": self.root.type,
            "input_size": list(self.input_size),
            "parameters": self.parameters,
            "trainable_parameters": self.trainable_parameters,
            "parameter_bytes": self.root.total("parameter_bytes"),
            "multiply_adds": self.root.total("multiply_adds"),
            "activation_bytes": self.root.total("activation_bytes"),
            "layers": [layer.to_dict() for layer in self.root.walk() if layer is not self.root],
        }

    def to_csv(self) -> str:
        """One line per layer under a header; shapes and fields as 32x14x14."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for layer in self.root.walk():
            row = layer.to_dict()
            for name in ("output_shape", "receptive_field"):
                row[name] = _by(row[name])
            writer.writerow(row)
        return text.getvalue()

    def table(self) -> Table:
        """A table for rich, layers indented by their place in the tree."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
        total = self.root.total
        for header, footer in (
            ("layer", "total"),
            ("type", ""),
            ("output", ""),
            ("parameters", f"{self.parameters:,}"),
            ("mult-adds", f"{total('multiply_adds'):,}"),
            ("memory", readable_bytes(total("activation_bytes") + total("parameter_bytes"))),
            ("sees", ""),
        ):
            right = header in ("parameters", "mult-adds", "memory")
            table.add_column(header, footer, justify="right" if right else "left", no_wrap=True)
        for guide, layer in _guided(self.root):
            row = layer.to_dict()
            memory = row["activation_bytes"] + row["parameter_bytes"]
            table.add_row(
                guide + (layer.path.rpartition(".")[2] or layer.type),
                layer.type if layer.shared_with is None else f"= {layer.shared_with}",
                _by(row["output_shape"]) or ("not called" if layer.shared_with is None else ""),
                f"{row['parameters']:,}" if row["parameters"] else "",
                f"{row['multiply_adds']:,}" if row["multiply_adds"] else "",
                readable_bytes(memory) if memory else "",
                _by(row["receptive_field"]),
            )
        return table

    def __rich__(self) -> Table:
        return self.table()

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), width=160, color_system=None)
        with console.capture() as capture:
            console.print(self.table())
        return capture.get()


def summary(model: nn.Module, input_size: Sequence[int]) -> Summary:
    """List the layers of ``model``, by running it on one input of zeros of shape ``input_size``, e.g. (1, 64, 64).

    The run is in eval mode without a tape; every module's mode is as before afterwards. On the CPU convolutions, matrix
    products, poolings and norms are not computed: only the shapes of their results are (``core.shapes``).

    Raises: ``ArgumentError`` for an impossible ``input_size``, and whatever the model raises on it.

    >>> from tinyconv.models.summary import summary
    >>> summary(nn.Sequential(nn.Conv2d(1, 4, 3)), (1, 8, 8)).to_dict()["multiply_adds"]
    1296
    """
    sizes = tuple(input_size)
    if not sizes or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ArgumentError(f"summary: input_size must be integers > 0 (channels, height, width), got {input_size}")
    parameters = list(model.parameters())
    dtype = parameters[0].dtype if parameters else float32
    device = parameters[0].device if parameters else CPU
    image = Tensor(layout.zeros((1, *sizes), dtype.numpy, array_module(device)), device)
    listing = _Listing(model, FieldTracker(image))
    with evaluation_mode(model), no_grad(), shapes_only(), ExitStack() as watching:
        watching.enter_context(observe(listing.operation))
        for module in model.modules():
            watching.callback(module.register_forward_hook(listing.called).remove)
        model(image)
    trainable = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return Summary(listing.root, sizes, trainable)


class _Listing:
    """The tree under construction."""

    def __init__(self, model: nn.Module, tracker: FieldTracker) -> None:
        self._tracker = tracker
        self._layers: dict[nn.Module, LayerSummary] = {}
        self._counted: set[int] = set()
        self.root = self._add(model, "")

    def _add(self, module: nn.Module, path: str) -> LayerSummary:
        layer = LayerSummary(path, type(module).__name__)
        if module in self._layers:
            layer.shared_with = self._layers[module].path
            return layer
        self._layers[module] = layer
        for _, parameter in module.named_parameters(recurse=False):
            if id(parameter) not in self._counted:
                self._counted.add(id(parameter))
                layer.parameters += parameter.numel()
                layer.parameter_bytes += parameter.array.nbytes
        for name, child in module._modules.items():
            if child is not None:
                layer.children.append(self._add(child, f"{path}.{name}" if path else name))
        return layer

    def operation(self, observation: Observation) -> None:
        """An operation has run: count it on the module that ran it, or on a row of its own below that module."""
        self._tracker(observation)
        module = observation.scope[-1]
        if not isinstance(module, nn.Module):
            return
        layer = self._layers[module]
        operation = observation.operation
        if operation.kind and not is_layer(module):
            names = [child.path.rpartition(".")[2] for child in layer.children]
            name = _unused(f"{operation.kind}()", names)
            layer.children.append(LayerSummary(f"{layer.path}.{name}" if layer.path else name, operation.name))
            layer = layer.children[-1]
            layer.output_shape = tuple(observation.output.shape)
            layer.receptive_field = self._tracker.field(observation.output)
        layer.multiply_adds += multiply_adds(operation, observation.inputs, observation.output)
        if not operation.makes_view:
            layer.activation_bytes += observation.output.array.nbytes

    def called(self, module: nn.Module, _: Any, output: Any) -> None:
        """A forward hook: ``module`` has returned ``output``."""
        result = output[0] if isinstance(output, tuple | list) and output else output
        if isinstance(result, TensorBase):
            self._layers[module].output_shape = tuple(result.shape)
            self._layers[module].receptive_field = self._tracker.field(result)


def is_layer(module: nn.Module) -> bool:
    """Whether a module stands for what it computes: tinyconv's own layers do, a user's network calls functions."""
    bases = [base for base in type(module).__mro__ if base not in nn.Module.__mro__]
    return not module._modules and any(base.__module__.startswith("tinyconv.nn.") for base in bases)


def _unused(name: str, taken: list[str]) -> str:
    if name not in taken:
        return name
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _guided(layer: LayerSummary, before: str = "", branch: str = "") -> Iterator[tuple[str, LayerSummary]]:
    """(lines of the tree to its left, layer), parents first."""
    yield before + branch, layer
    below = before + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
    for child in layer.children:
        yield from _guided(child, below, "└─ " if child is layer.children[-1] else "├─ ")


def _by(sizes: Sequence[float] | None) -> str:
    return "" if sizes is None else "x".join(f"{size:g}" for size in sizes)


def readable_bytes(count: int) -> str:
    """Decimal units: 4,096 bytes are 4.1 kB."""
    if count < 1000:
        return f"{count} B"
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
