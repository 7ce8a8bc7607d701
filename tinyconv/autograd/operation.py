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
import weakref
from typing import Any, ClassVar

from tinyconv.autograd import observe
from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.hooks import Hooks
from tinyconv.autograd.retained import Retained, freed
from tinyconv.autograd.tensor_base import Storage, TensorBase
from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import Device, array_module
from tinyconv.core.errors import DeviceError, GraphError

Edge = tuple["Operation", int] | TensorBase | None
"""Where an input's gradient goes: to a result of an earlier operation, to a leaf, or nowhere."""

_sequence = itertools.count(1)

_PLACE_ON_THE_TAPE = (
    "recorded", "memo", "sequence", "edges", "output_count", "needs_input_gradient", "saved",
    "_retained_inputs", "_retains_output", "_retained", "_hooks", "_retaining_grad",
)  # fmt: skip
"""What one application of an operation does not share with another of the same parameters."""


class Operation:
    """Base of every differentiable operation. See the module's docstring for how one is written."""

    kind: ClassVar[str] = ""
    """What a reader of the network would call this layer ("conv", "pool", ...); empty for what is not a layer."""

    makes_view: ClassVar[bool] = False
    """Whether the result may share memory with the first input."""

    memo_of: ClassVar[int | None] = None
    """The input of which a backend may keep what it computes from it, a weight in packed form, from call to call."""

    memo: dict[Any, Any] | None = None
    """Where it does, unless the operation is recorded: in training, weights change before they are used again."""

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
    _hooks: dict[int, Hooks] | None = None
    _retaining_grad: dict[int, list[weakref.ref[TensorBase]]] | None = None

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
        outputs = observe.forward(self, inputs, self._apply) if observe.observed() else self._apply(inputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def _apply(self, inputs: tuple[TensorBase | None, ...]) -> tuple[TensorBase, ...]:
        outputs = self._run(inputs)
        if self.recorded:
            self._record_inputs(inputs)
            self._record_outputs(outputs)
        return outputs

    def apply_in_place(self, target: Any, *others: TensorBase | None, name: str) -> Any:
        """Run forward on ``target`` and ``others``, and write the result into the memory of ``target``.

        ``name``: what the user called, for the messages. Returns ``target``, whose history now includes the operation.
        """
        from tinyconv.autograd.in_place import check_recorded_write

        target.check_writable(name)
        if is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in (target, *others)):
            check_recorded_write(target, name)
        if observe.observed():
            observe.forward(self, (target, *others), self._apply_in_place)
        else:
            self._apply_in_place((target, *others))
        return target

    def _apply_in_place(self, inputs: tuple[Any, ...]) -> tuple[TensorBase, ...]:
        from tinyconv.autograd.in_place import change_history

        target = inputs[0]
        (output,) = self._run(inputs)
        if self.recorded:
            self._record_inputs(inputs)
            if target.view_of is not None and self.edges[0] is not None:
                # Past the view's own node: hooks there are for uses of the view, which a write into it is not.
                self.edges = (target.view_of.new_edge(), *self.edges[1:])
                self.sequence = next(_sequence)
            self._keep_what_is_overwritten(target)
        target.array[...] = output.array
        target.bump_version()
        if self.recorded:
            self._retain_output(target)
            change_history(target, self)
        return (target,)

    def _run(self, inputs: tuple[TensorBase | None, ...]) -> tuple[TensorBase, ...]:
        self._prepare(inputs)
        result = self.forward(*(None if tensor is None else tensor.array for tensor in inputs))
        if isinstance(result, tuple):
            outputs = tuple([TensorBase.wrap(array, self.device) for array in result])
        else:
            outputs = (TensorBase.wrap(result, self.device),)
        if self.makes_view and inputs[0] is not None and self.xp.may_share_memory(outputs[0].array, inputs[0].array):
            outputs[0].share_storage(inputs[0], self)
        return outputs

    def _prepare(self, inputs: tuple[TensorBase | None, ...]) -> None:
        device = None
        needs = []
        for tensor in inputs:
            if tensor is None:
                needs.append(False)
                continue
            needs.append(tensor.requires_grad)
            if device is None:
                device = tensor.device
            elif tensor.device is not device and tensor.device != device:
                raise DeviceError(
                    f"{self.name}: its operands are on {device} and on {tensor.device}; move one with .to()"
                )
        self.device = device  # type: ignore[assignment]  # of the first operand; there always is one
        self.xp = array_module(self.device)
        self.needs_input_gradient = tuple(needs)
        self.recorded = True in needs and is_grad_enabled()
        if self.memo_of is not None and not self.recorded:
            self.memo = inputs[self.memo_of].memo()  # type: ignore[union-attr]  # an input that is never left out

    def _record_inputs(self, inputs: tuple[TensorBase | None, ...]) -> None:
        # The number comes after the edges: to find them, the nodes of views may be made anew.
        self.edges = tuple([_edge(tensor) for tensor in inputs])
        self.sequence = next(_sequence)
        kept = [None if index is None else inputs[index] for index in self._retained_inputs]
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
        self._retain_output(outputs[0])

    def _retain_output(self, output: TensorBase) -> None:
        if self._retains_output and self._retained is not None:
            self._retained.append(Retained(output, own_output=0))

    def unrecorded_copy(self) -> Operation:
        """Another application of the same operation with the same parameters, not on the tape yet."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        for name in _PLACE_ON_THE_TAPE:
            copied.__dict__.pop(name, None)
        return copied

    def record_after(self, *edges: Edge) -> None:
        """Put the operation on the tape without running it: its result exists already."""
        self.recorded = True
        self.edges = edges
        self.needs_input_gradient = tuple(edge is not None for edge in edges)
        self._retained = []
        self.sequence = next(_sequence)

    # --- called by the engine ---------------------------------------------------------------------------------------

    def output_hooks(self, index: int) -> Hooks:
        """The hooks on the gradient of result ``index``."""
        if self._hooks is None:
            self._hooks = {}
        return self._hooks.setdefault(index, Hooks())

    @property
    def hooks(self) -> dict[int, Hooks]:
        return self._hooks or {}

    def retain_grad_of(self, index: int, tensor: TensorBase) -> None:
        """Have ``tensor``, which is result ``index``, keep its gradient."""
        if self._retaining_grad is None:
            self._retaining_grad = {}
        # Weakly: the tensor owns the operation that made it.
        self._retaining_grad.setdefault(index, []).append(weakref.ref(tensor))

    def stop_retaining_grad(self, index: int, tensor: TensorBase) -> None:
        """``tensor`` is no longer result ``index``."""
        retaining = (self._retaining_grad or {}).get(index, [])
        retaining[:] = [reference for reference in retaining if reference() is not tensor]

    @property
    def retaining_grad(self) -> dict[int, list[weakref.ref[TensorBase]]]:
        return self._retaining_grad or {}

    def kept_arrays(self) -> list[Array]:
        """The arrays that this operation keeps for its backward, for whoever counts memory."""
        retained = [kept.array for kept in self._retained or () if kept is not None]
        saved = self.saved if isinstance(self.saved, tuple | list) else (self.saved,)
        return retained + [array for array in saved if hasattr(array, "nbytes")]

    @property
    def is_freed(self) -> bool:
        return self._retained is None

    def release(self) -> None:
        """Forget everything kept for backward, and the way to earlier operations."""
        self._retained = None
        self.saved = None
        self.edges = ()


def _edge(tensor: TensorBase | None) -> Edge:
    if tensor is None or not tensor.requires_grad:
        return None
    node = tensor.node
    if node is not None:
        return node, tensor.output_index
    return tensor if tensor.accumulates_grad else None
