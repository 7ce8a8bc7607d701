"""What a model computes: its operations on given inputs, as a graph whose edges are the tensors between them.

The model runs once, in evaluation mode, while its operations are watched as they pass the tape; so a network written
with modules looks the same as its twin written with functions. An edge is known by the memory of its tensor, which
follows it through ``detach()`` too. What a model computes past the tape, with NumPy, is not seen: its result then looks
like a constant. Whoever relies on constants (an export does) traces other inputs as well, and compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import Observation, observe
from tinyconv.autograd.tensor_base import Storage, TensorBase
from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.core.precision import set_float32_precision
from tinyconv.core.transfer import to_host
from tinyconv.nn.modes import evaluation_mode
from tinyconv.nn.module import Module

Origin = Literal["input", "weight", "constant", "result"]


@dataclass(eq=False)
class Value:
    """A tensor between operations.

    ``origin``: an input of the model; one of its weights, which are its parameters and buffers, called ``name`` as in
    its state dict; a constant; or the result of a step, called like the weight if it is made of nothing but one.
    ``array``: the numbers of what does not depend on the inputs.

    Raises: nothing of its own.

    >>> from tinyconv.models.tracing import trace
    >>> image = trace(nn.ReLU(), tc.zeros(1, 2)).inputs[0]
    >>> image.origin, image.shape, image.depends
    ('input', (1, 2), True)
    """

    origin: Origin
    shape: tuple[int, ...]
    dtype: Any
    depends: bool
    """Whether it depends on the inputs."""
    name: str = ""
    array: Array | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Step:
    """One operation that ran: on which values (None: one left out), with which result, inside which module.

    ``operation``: as it stands on the tape, with its parameters. ``path``: of the innermost module of the model that
    ran it; "" for the model itself.

    Raises: nothing of its own.

    >>> from tinyconv.models.tracing import trace
    >>> trace(nn.Sequential(nn.ReLU()), tc.zeros(1, 2)).steps[0].where
    "Relu in ReLU '0'"
    """

    operation: Any
    inputs: tuple[Value | None, ...]
    output: Value
    path: str
    module: Module

    @property
    def source(self) -> Value:
        """The first input: what the operation works on. It is never left out."""
        return self.inputs[0]  # type: ignore[return-value]

    @property
    def where(self) -> str:
        """For messages: the operation, and the module that ran it."""
        inside = f"{type(self.module).__name__} {self.path!r}" if self.path else f"{type(self.module).__name__}"
        return f"{self.operation.name} in {inside}"


@dataclass(frozen=True, eq=False)
class Computation:
    """What a model computed of ``inputs``: its ``steps`` in the order in which they ran, and the ``outputs``.

    Raises: nothing of its own.

    >>> from tinyconv.models.tracing import trace
    >>> computed = trace(nn.ReLU(), tc.zeros(1, 2))
    >>> computed.outputs[0] is computed.steps[-1].output
    True
    """

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    steps: tuple[Step, ...]

    def needed(self) -> list[Step]:
        """The steps that depend on the inputs and that an output depends on: constants, and dead ends, are left out."""
        wanted = set(self.outputs)
        kept = []
        for step in reversed(self.steps):
            if step.output in wanted and step.output.depends:
                kept.append(step)
                wanted.update(value for value in step.inputs if value is not None)
        return kept[::-1]


def trace(model: Module, *inputs: TensorBase) -> Computation:
    """What ``model`` computes of ``inputs``, in evaluation mode and with ordinary arithmetic.

    Shape: whatever the model takes.
    Dtype: the model's.
    Raises: ``ArgumentError`` for what is no module or tensor, and for outputs that are no tensors;
        ``UnsupportedError`` where an operation writes into memory that the graph cannot follow.

    >>> from tinyconv.models.tracing import trace
    >>> computed = trace(nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.ReLU()), tc.zeros(1, 1, 2, 2))
    >>> [(step.operation.name, step.path, step.output.shape) for step in computed.steps]
    [('Reshape', '0', (1, 4)), ('Linear', '1', (1, 2)), ('Relu', '2', (1, 2))]
    """
    if not isinstance(model, Module):
        raise ArgumentError(f"trace: the model must be an nn.Module, got {type(model).__name__}")
    for value in inputs:
        if not isinstance(value, TensorBase):
            raise ArgumentError(f"trace: the inputs must be tensors, got {type(value).__name__}")
    with evaluation_mode(model), no_grad(), set_float32_precision("exact"):
        # Copies: a first layer may want to write into its input, and an input may be a weight of the model.
        fed: list[Any] = [
            value.wrap(layout.copy(value.array, array_module(value.device)), value.device) for value in inputs
        ]
        record = _Record(model, fed)
        with observe(record.notice):
            returned = model(*fed)
        return Computation(record.inputs, tuple(map(record.output, _flat(returned))), tuple(record.steps))


def _flat(returned: Any) -> list[Any]:
    """The tensors that a model returned, alone or in tuples, lists and dictionaries."""
    if isinstance(returned, TensorBase):
        return [returned]
    if isinstance(returned, dict):
        return [tensor for value in returned.values() for tensor in _flat(value)]
    if isinstance(returned, Sequence) and not isinstance(returned, str):
        return [tensor for value in returned if value is not None for tensor in _flat(value)]
    raise ArgumentError(f"trace: the model must return tensors, got {type(returned).__name__}")


@dataclass(frozen=True)
class _Known:
    """A value, the array that holds it (kept, so that no other takes its place in memory), and its version then."""

    value: Value
    array: Any
    storage: Storage
    version: int


class _Record:
    """The graph under construction."""

    def __init__(self, model: Module, fed: Sequence[Any]) -> None:
        self.steps: list[Step] = []
        self._model = model
        self._paths = {id(module): path for path, module in reversed([*model.named_modules()])}
        self._known: dict[int, _Known] = {}
        self._weights = {id(tensor.array): name for name, tensor in reversed([*_weights(model)])}
        self.inputs = tuple(self._note(tensor, Value("input", tensor.shape, _dtype(tensor), True)) for tensor in fed)

    def notice(self, observation: Observation) -> None:
        """An operation has run."""
        in_place = observation.output is observation.inputs[0]
        inputs = tuple(
            None if tensor is None else self._value(tensor, observation, in_place) for tensor in observation.inputs
        )
        depends = any(value is not None and value.depends for value in inputs)
        if in_place and not (inputs[0] is not None and inputs[0].depends):
            raise UnsupportedError(
                f"trace: {observation.operation.name} writes in place into a tensor that does not depend on the input; "
                "write into a clone(), or use the operation that gives a new tensor"
            )
        output = observation.output
        array = None if depends else to_host(output.array).copy()
        value = self._note(
            output, Value("result", output.shape, _dtype(output), depends, _heir(inputs, depends), array)
        )
        module = next((each for each in reversed(observation.scope) if id(each) in self._paths), self._model)
        self.steps.append(Step(observation.operation, inputs, value, self._paths[id(module)], module))  # type: ignore[arg-type]

    def output(self, tensor: Any) -> Value:
        """The value of a tensor that the model returned."""
        known = self._known.get(id(tensor.array))
        if known is None:
            return self._new(tensor)
        if known.version != tensor.storage.version:
            raise UnsupportedError("trace: the model returns a tensor that was overwritten through a view of it")
        return known.value

    def _value(self, tensor: Any, observation: Observation, in_place: bool) -> Value:
        known = self._known.get(id(tensor.array))
        if known is None:
            return self._new(tensor)
        now = tensor.storage.version
        # An operation in place has written into its first operand already, and what it read was there before.
        if in_place and tensor.storage is observation.output.storage:
            now -= 1
        if known.version != now:
            raise UnsupportedError(
                f"trace: {observation.operation.name} takes a tensor of shape {tuple(tensor.shape)} that was "
                "overwritten through another tensor over the same memory; use operations that give new tensors"
            )
        return known.value

    def _new(self, tensor: Any) -> Value:
        """A tensor that no step made: a weight, or a constant."""
        name = self._weights.get(id(tensor.array), "")
        host = to_host(tensor.array)
        kept = host if name else host.copy()
        origin: Origin = "weight" if name else "constant"
        return self._note(tensor, Value(origin, tensor.shape, _dtype(tensor), False, name, kept))

    def _note(self, tensor: Any, value: Value) -> Value:
        self._known[id(tensor.array)] = _Known(value, tensor.array, tensor.storage, tensor.storage.version)
        return value


def _weights(model: Module) -> Iterator[tuple[str, Any]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _heir(inputs: tuple[Value | None, ...], depends: bool) -> str:
    """The name of a weight of which alone something is computed: a weight in another shape is still that weight."""
    return "" if depends or len(inputs) != 1 or inputs[0] is None else inputs[0].name


def _dtype(tensor: Any) -> Any:
    return tensor.array.dtype
