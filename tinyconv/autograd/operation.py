"""An operation: its forward on arrays, its backward on tensors, and its place on the tape.

One instance is one application. Created with the operation's parameters, applied to tensors, it stays on the tape as
the node that made the result, and is asked for its backward when the cotangent of that result is known:

    class Multiply(Operation):
        def forward(self, x, y):                      # arrays in, an array out
            self.retain_inputs(0, 1)
            return self.xp.multiply(x, y)

        def backward(self, dz):                       # tensors in, one tensor (or None) per input out
            x, y = self.retained()
            return dz * y, dz * x

    z = Multiply().apply(x, y)

Because ``backward`` is written with operations on tensors, it is recorded like any other computation when the caller
asks for it (``create_graph=True``): derivatives of derivatives need no code of their own.
"""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

from tinyconv.autograd import observe
from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.tensor_base import Hook, Storage, TensorBase
from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import Device, array_module
from tinyconv.core.errors import DeviceError, GraphError

Edge = tuple["Operation", int] | TensorBase | None
"""Where an input's gradient goes: to a result of an earlier operation, to a leaf, or nowhere."""

_sequence = itertools.count(1)


class Retained:
    """A tensor kept for backward: its array and its place on the tape, but not the tensor object.

    Keeping the object would tie a retained result to its own operation in a cycle, and the memory of a graph would wait
    for the garbage collector instead of being freed as the tape unwinds.
    """

    __slots__ = ("array", "device", "is_own_output", "leaf", "node", "output_index", "storage", "version")

    def __init__(self, tensor: TensorBase, is_own_output: bool = False) -> None:
        self.array = tensor.array
        self.device = tensor.device
        self.is_own_output = is_own_output
        self.leaf = tensor if tensor.node is None and tensor.requires_grad else None
        self.node = None if is_own_output else tensor.node
        self.output_index = tensor.output_index
        self.storage: Storage = tensor.storage
        self.version = tensor.storage.version

    def tensor(self, operation: Operation) -> TensorBase:
        """The tensor again, if nobody has written into it since."""
        if self.storage.version != self.version:
            raise GraphError(
                f"{operation.name}: a tensor of shape {self.array.shape} that its backward needs was written in place "
                f"after the forward (its version is {self.storage.version}, the forward saw {self.version}); "
                "use the out-of-place form, or clone() before writing"
            )
        if self.leaf is not None:
            return self.leaf
        tensor = TensorBase.wrap(self.array, self.device)
        tensor.storage, tensor.rebased_seen = self.storage, self.storage.rebased
        tensor.node = operation if self.is_own_output else self.node
        tensor.output_index = self.output_index
        return tensor


class Operation:
    """Base of every differentiable operation. See the module's docstring for how one is written."""

    kind: ClassVar[str] = ""
    """What a reader of the network would call this layer ("conv", "pool", ...); empty for what is not a layer."""

    makes_view: ClassVar[bool] = False
    """Whether the result may share memory with the first input."""

    xp: Any
    """The array module of the operands' device."""
    device: Device
    needs_input_gradient: tuple[bool, ...]
    recorded = False

    sequence = 0
    edges: tuple[Edge, ...] = ()
    output_count = 1
    _inputs: tuple[TensorBase | None, ...] = ()
    _retained_inputs: tuple[int | None, ...] = ()
    _retains_output = False
    _retained: list[Retained | None] | None = None
    saved: Any = None
    """Whatever else backward needs: arrays that are no tensor of the graph, such as the switches of max-pooling."""
    _hooks: dict[int, list[Hook]] | None = None

    @property
    def name(self) -> str:
        """The operation's name in messages."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name}>"

    # --- written by each operation ----------------------------------------------------------------------------------

    def forward(self, *arrays: Any, **_: Any) -> Any:
        """The result's array (or a tuple of arrays), from the inputs' arrays."""
        raise NotImplementedError(f"{self.name} has no forward")

    def backward(self, *cotangents: Any, **_: Any) -> Any:
        """The input's cotangents, from those of the results: a tensor or None for each input, alone if it is one."""
        raise GraphError(f"{self.name} is not differentiable")

    # --- called by each operation's forward -------------------------------------------------------------------------

    def retain_inputs(self, *indices: int | None) -> None:
        """Keep these inputs for backward; ``None`` stands for one it does not need. Unrecorded, nothing is kept."""
        self._retained_inputs = indices

    def retain_factors(self) -> None:
        """For what is linear in each of its first two inputs: each is needed only if the other's gradient is."""
        first, second = self.needs_input_gradient[:2]
        self.retain_inputs(0 if second else None, 1 if first else None)

    def retain_output(self) -> None:
        """Keep the (only) result for backward; it comes after the retained inputs."""
        self._retains_output = True

    def retained(self) -> Any:
        """The retained tensors, inputs first: alone if it is one, else a tuple; ``None`` for an input left out.

        Raises ``GraphError`` if one was overwritten in place, or freed.
        """
        if self._retained is None:
            raise freed(self)
        tensors = tuple(None if kept is None else kept.tensor(self) for kept in self._retained)
        return tensors[0] if len(tensors) == 1 else tensors

    # --- applying ---------------------------------------------------------------------------------------------------

    def apply(self, *inputs: TensorBase | None) -> Any:
        """Run forward on ``inputs`` (``None`` stands for one left out), record it if a gradient may be asked for."""
        outputs = self._run(inputs)
        if self.recorded:
            self._record_inputs(inputs)
            self._record_outputs(outputs)
        if observe.observed():
            observe.notify(self, inputs, outputs[0])
        return outputs[0] if len(outputs) == 1 else outputs

    def apply_in_place(self, target: Any, *others: TensorBase | None, name: str) -> Any:
        """Run forward on ``target`` and ``others``, and write the result into the memory of ``target``.

        ``name``: what the user called, for the messages. Returns ``target``, whose history now includes the operation.
        """
        target.check_writable(name)
        records = is_grad_enabled() and any(t is not None and t.requires_grad for t in (target, *others))
        if records and target.node is None and target.requires_grad:
            raise GraphError(
                f"{name}: a leaf that requires a gradient cannot be written in place while the tape records; "
                "do it under no_grad(), or on a result computed from it"
            )
        if records and target.is_view:
            raise GraphError(
                f"{name}: writing in place into a view is not recorded; write into the tensor it was taken from "
                "(x[index] = value), or use the out-of-place form"
            )
        (output,) = self._run((target, *others))
        if self.recorded:
            self._record_inputs((target, *others))
            self._keep_what_is_overwritten(target)
        target.array[...] = output.array
        target.bump_version()
        if self.recorded:
            self._record_outputs((target,))
            target.storage.rebased += 1
            target.rebased_seen = target.storage.rebased
        if observe.observed():
            observe.notify(self, (target, *others), target)
        return target

    def _run(self, inputs: tuple[TensorBase | None, ...]) -> tuple[TensorBase, ...]:
        self._prepare(inputs)
        result = self.forward(*(None if tensor is None else tensor.array for tensor in inputs))
        arrays: tuple[Array, ...] = result if isinstance(result, tuple) else (result,)
        outputs = tuple(TensorBase.wrap(array, self.device) for array in arrays)
        if self.makes_view and inputs[0] is not None and self.xp.may_share_memory(arrays[0], inputs[0].array):
            outputs[0].share_storage(inputs[0])
        return outputs

    def _prepare(self, inputs: tuple[TensorBase | None, ...]) -> None:
        tensors = [tensor for tensor in inputs if tensor is not None]
        self.device = tensors[0].device
        self.xp = array_module(self.device)
        for tensor in tensors:
            if tensor.device != self.device:
                raise DeviceError(
                    f"{self.name}: its operands are on {self.device} and on {tensor.device}; move one with .to()"
                )
            if tensor.is_view and tensor.rebased_seen != tensor.storage.rebased and is_grad_enabled():
                raise GraphError(
                    f"{self.name}: an operand of shape {tensor.shape} is a view whose base was written in place by a "
                    "recorded operation since; take the view again"
                )
        self.needs_input_gradient = tuple(tensor is not None and tensor.requires_grad for tensor in inputs)
        self.recorded = is_grad_enabled() and any(self.needs_input_gradient)

    def _record_inputs(self, inputs: tuple[TensorBase | None, ...]) -> None:
        self.sequence = next(_sequence)
        self.edges = tuple(_edge(tensor) for tensor in inputs)
        kept = (None if index is None else inputs[index] for index in self._retained_inputs)
        self._retained = [None if tensor is None else Retained(tensor) for tensor in kept]

    def _keep_what_is_overwritten(self, target: TensorBase) -> None:
        """Copy what backward needs of the memory that this very operation is about to write into."""
        for kept in self._retained or ():
            if kept is not None and kept.storage is target.storage:
                kept.array = layout.copy(kept.array, self.xp)
                kept.storage = Storage()
                kept.version = kept.storage.version

    def _record_outputs(self, outputs: tuple[TensorBase, ...]) -> None:
        self.output_count = len(outputs)
        for index, output in enumerate(outputs):
            if output.dtype.is_floating_point:
                output.node, output.output_index = self, index
        if self._retains_output and self._retained is not None:
            self._retained.append(Retained(outputs[0], is_own_output=True))

    # --- called by the engine ---------------------------------------------------------------------------------------

    def output_hooks(self, index: int) -> list[Hook]:
        """The hooks on the gradient of result ``index``."""
        if self._hooks is None:
            self._hooks = {}
        return self._hooks.setdefault(index, [])

    @property
    def hooks(self) -> dict[int, list[Hook]]:
        return self._hooks or {}

    @property
    def is_freed(self) -> bool:
        return self._retained is None

    def release(self) -> None:
        """Forget everything kept for backward, and the way to earlier operations."""
        self._retained = None
        self.saved = None
        self.edges = ()


def freed(operation: Operation) -> GraphError:
    """The error for a second backward through a graph that the first one freed."""
    return GraphError(
        f"{operation.name}: this part of the graph was freed by an earlier backward; "
        "call that backward with retain_graph=True, or compute the forward again"
    )


def _edge(tensor: TensorBase | None) -> Edge:
    if tensor is None or not tensor.requires_grad:
        return None
    return tensor if tensor.node is None else (tensor.node, tensor.output_index)
