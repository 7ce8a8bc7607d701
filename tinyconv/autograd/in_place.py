"""Writing the result of an operation into the memory of its first operand.

The operation's own input is the tensor as it was; its result becomes the history of the tensor. If the tensor is a
view, the tensor under it, its root, has changed too: the root gets a node that takes the viewed elements from the
operation and all others from where they came from before. Views notice by the version that their node is out of date.
"""

from __future__ import annotations

from typing import Any

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.autograd.views import Origin
from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.errors import GraphError


class ClearViewed(Operation):
    """y = x with zeros where a view looks, whatever x holds there;  dx is the same of dy."""

    def __init__(self, steps: tuple[Operation, ...], memory_order: tuple[int, ...]) -> None:
        self.steps = steps
        self.memory_order = memory_order
        """The dimensions, outermost in memory first: as in the root, so that its views are views here too."""

    def forward(self, x: Any) -> Any:
        order = self.memory_order
        memory = self.xp.empty(tuple(x.shape[dim] for dim in order), x.dtype)
        result = memory.transpose(sorted(range(len(order)), key=order.__getitem__))
        result[...] = x
        viewed = result
        for step in self.steps:
            viewed = step.unrecorded_copy().forward(viewed)
        if viewed.size:
            viewed[...] = 0
        return layout.ordered(result, self.xp)

    def backward(self, dy: TensorBase) -> Any:
        return ClearViewed(self.steps, self.memory_order).apply(dy)


class WriteThroughView(Operation):
    """y = x with the elements that a view looks at replaced by v;  dx = dy with zeros there, dv is that view of dy."""

    def __init__(self, steps: tuple[Operation, ...], memory_order: tuple[int, ...]) -> None:
        self.steps = steps
        self.memory_order = memory_order

    def backward(self, dy: TensorBase) -> Any:
        dx = ClearViewed(self.steps, self.memory_order).apply(dy) if self.needs_input_gradient[0] else None
        dv: TensorBase | None = None
        if self.needs_input_gradient[1]:
            dv = dy
            for step in self.steps:
                dv = step.unrecorded_copy().apply(dv)
        return dx, dv


def check_recorded_write(target: TensorBase, name: str) -> None:
    """Raise ``GraphError`` if the tape cannot record that the operation ``name`` writes into ``target``."""
    view = target.view_of
    if view is not None and view.origin is not Origin.RECORDABLE:
        raise GraphError(
            f"{name}: this tensor of shape {target.shape} is a view that cannot be written in place while the tape "
            f"records: {view.origin.value}"
        )
    if not target.requires_grad:
        return
    if (target if view is None else view.root).is_leaf or target.is_leaf:
        raise GraphError(
            f"{name}: {'a leaf' if view is None else 'a view of a leaf'} that requires a gradient cannot be written in "
            "place while the tape records; do it under no_grad(), or on a result computed from it"
        )


def change_history(target: TensorBase, operation: Operation, output_index: int = 0) -> None:
    """Make a result of ``operation``, just written into ``target``, the history of ``target`` and of what it views."""
    view = target.view_of
    if view is None:
        target.set_history(operation, output_index)
        return
    root = view.root
    through = WriteThroughView(view.steps, _memory_order(root.array))
    through.device, through.xp = operation.device, operation.xp
    through.record_after((root.node, root.output_index) if root.node is not None else None, (operation, output_index))
    root.set_history(through, 0)


def _memory_order(array: Array) -> tuple[int, ...]:
    return tuple(sorted(range(array.ndim), key=lambda dim: -array.strides[dim]))
