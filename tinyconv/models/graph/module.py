"""``GraphModule``: a network that a graph describes, as a ``Module`` that runs, trains and is looked into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyconv.core import dtypes
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.core.transfer import placed
from tinyconv.models.graph.description import Graph, Weight
from tinyconv.models.graph.layers import SLOTS, Known, layer_of
from tinyconv.models.graph.ranks import ranks
from tinyconv.models.graph.steps import Step, plan
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.creation.creation import zeros
from tinyconv.ops.tensor import Tensor

NAMES = {dtype.name: dtype for dtype in dtypes.ALL}


class Block(Module):
    """Holds layers and weights under a common path; the graph says in which order they run."""


class GraphModule(Module):
    """The network that ``graph`` describes.

    Nodes that are exactly one of the layers become that layer under ``node.path``: so parameters have the names that
    they have in the network the graph was made of, layers in a row run in fused passes, and everything that looks into
    a network finds its layers. All other nodes are operations between them. ``train()`` and ``eval()`` switch dropout
    and batch normalisation as in any module.

    Weights are zeros, or what the layers begin with, until ``load_weights`` or ``load_state_dict`` brings others.

    Shape: that of the graph's inputs and outputs; one output is a tensor, several are a tuple.
    Dtype: that of the graph's.
    Raises: ``UnsupportedError`` for an operator that is not offered, and on a call for what it cannot do;
        ``ArgumentError`` for another number of inputs.

    >>> from tinyconv.models.graph import Graph, GraphModule, Node, Port
    >>> x, y = (Port(name, "float32", (None, 2)) for name in "xy")
    >>> model = GraphModule(Graph((x,), (y,), (Node("Relu", ("x",), ("y",), path="relu"),)))
    >>> model(tc.tensor([[-1.0, 2.0]]))
    tensor([[0., 2.]])
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self._homes: dict[str, tuple[Module, str, tuple[int, ...]]] = {}
        self._lifted: dict[tuple[str, Any], Tensor] = {}
        weights = {weight.name: weight for weight in graph.weights}
        layers = self._layers(weights)
        for weight in graph.weights:
            self._home(weight)
        self._steps: list[Step] = plan(graph, layers)
        self._outputs = tuple(port.name for port in graph.outputs)

    def _layers(self, weights: Mapping[str, Weight]) -> dict[int, Module]:
        """Node number -> its layer. Nodes with the same path and weights are one layer that runs several times."""
        known_ranks = ranks(self.graph)
        whole = {port.name for port in self.graph.inputs if not NAMES[port.dtype].is_floating_point}
        layers: dict[int, Module] = {}
        held: dict[str, tuple[Any, Module]] = {}
        for number, node in enumerate(self.graph.nodes):
            slots = SLOTS.get(node.operator, {})
            own = {
                name: weights[node.inputs[position]]
                for position, name in slots.items()
                if position < len(node.inputs) and node.inputs[position] in weights
            }
            if whole.intersection(node.inputs[:1]):
                continue  # layers compute with fractions
            if any(
                position < len(node.inputs) and node.inputs[position] and name not in own
                for position, name in slots.items()
            ):
                continue  # a weight that is computed
            same = (node.operator, node.inputs[1:], tuple(sorted(node.attributes.items(), key=str)).__repr__())
            if node.path in held:
                if held[node.path][0] == same:
                    layers[number] = held[node.path][1]
                continue
            rank = known_ranks.get(node.inputs[0]) if node.inputs else None
            layer = layer_of(Known(node, own, self.graph.constants, rank))
            if layer is not None:
                layers[number] = layer
                held[node.path] = same, layer
                self._block(node.path.rpartition(".")[0]).add_module(node.path.rpartition(".")[2], layer)
        return layers

    def _block(self, path: str) -> Module:
        """The module at ``path``, made where there is none."""
        module: Module = self
        for name in path.split(".") if path else ():
            if name not in module._modules:
                module.add_module(name, Block())
            module = module._modules[name]
        return module

    def _home(self, weight: Weight) -> None:
        """Note where the weight lies; make a place for one that is no layer's."""
        path, _, name = weight.name.rpartition(".")
        block = self._block(path)
        if name not in block._parameters and name not in block._buffers:
            empty = zeros(*weight.shape, dtype=NAMES[weight.dtype])
            if weight.trained:
                block.register_parameter(name, Parameter(empty))
            else:
                block.register_buffer(name, empty)
        self._homes[weight.name] = block, name, weight.shape

    def load_weights(self, values: Mapping[str, Array]) -> None:
        """Take the values of all of the graph's weights, by name. Raises ``RunError`` where one is missing."""
        missing = [weight.name for weight in self.graph.weights if weight.name not in values]
        if missing:
            raise RunError(f"GraphModule: there are no values for the weights {', '.join(missing)}")
        state = self.state_dict()
        # A layer may hold a weight in another shape: slopes (C, 1, 1) as (C).
        state |= {name: values[name].reshape(state[name].shape) for name in self._homes}
        self.load_state_dict(state)

    def forward(self, *inputs: Tensor) -> Any:
        ports = self.graph.inputs
        if len(inputs) != len(ports):
            names = ", ".join(port.name for port in ports)
            raise ArgumentError(f"the graph takes {len(ports)} inputs ({names}), got {len(inputs)}")
        values: dict[str, Any] = {port.name: value for port, value in zip(ports, inputs, strict=True)}
        device = inputs[0].device if inputs else next((p.device for p in self.parameters()), None)

        def value(name: str) -> Any:
            if name in values:
                return values[name]
            return self._weight(name) if name in self._homes else self.graph.constants[name]

        def lift(name: str, number: Any) -> Any:
            """What NumPy computed as a tensor beside the others; constants once for all calls."""
            if name not in self.graph.constants:
                return Tensor(placed(number, device)) if device is not None else Tensor(number)
            key = name, device
            if key not in self._lifted:
                self._lifted[key] = Tensor(number.copy()) if device is None else Tensor(number.copy()).to(device)
            return self._lifted[key]

        for step in self._steps:
            results = step.run(value, lift, self.training)
            values.update((name, result) for name, result in zip(step.outputs, results, strict=False) if name)
            for name in step.last_uses:
                values.pop(name, None)
        found = tuple(value(name) for name in self._outputs)
        tensors = tuple(v if isinstance(v, Tensor) else lift(n, v) for n, v in zip(self._outputs, found, strict=True))
        return tensors[0] if len(tensors) == 1 else tensors

    def _weight(self, name: str) -> Tensor:
        block, own, shape = self._homes[name]
        tensor: Tensor = getattr(block, own)
        return tensor if tuple(tensor.shape) == shape else tensor.reshape(shape)
