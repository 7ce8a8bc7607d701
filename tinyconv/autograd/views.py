"""How the history of a view follows the tensor that it is a view of.

A recorded write in place gives a tensor a new history, and thereby every view of its memory. So a view remembers its
root, which is no view itself, and the operations that lead from the root to it. When the memory has been written since
the view's node was made, the node is made anew: the same operations, after the root's present node.

    y = x * 2;  v = y[0];  w = y[1:]
    v.mul_(3)                   # y's node: WriteThroughView(Multiply, Multiply);  v's and w's nodes are out of date
    w.sum()                     # w's node: GetItem after WriteThroughView
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.core.errors import GraphError

if TYPE_CHECKING:
    from tinyconv.autograd.operation import Edge, Operation
    from tinyconv.autograd.tensor_base import TensorBase


class Origin(enum.Enum):
    """Where a view comes from: only a ``RECORDABLE`` one can be written in place while the tape records."""

    RECORDABLE = ""
    NO_GRAD = (
        "it was taken under no_grad(), so that its history is not that of the tensor under it; take it while the tape "
        "records, or write under no_grad() too"
    )
    ONE_OF_SEVERAL = (
        "it is one of several views that split, chunk or unbind gave at once, whose histories cannot change singly; "
        "take a single view instead, x[index] or narrow()"
    )
    FUNCTION = (
        "a Function or a module's backward hook handed it on, and its gradient would be lost; write into a clone()"
    )


class View:
    """What a view knows of its root: ``steps`` are the operations from ``root`` to it, as unrecorded copies."""

    __slots__ = ("origin", "root", "steps", "version_seen")

    def __init__(self, root: TensorBase, steps: tuple[Operation, ...], origin: Origin, version_seen: int) -> None:
        self.root = root
        self.steps = steps
        self.origin = origin
        self.version_seen = version_seen
        """The version of the memory for which the view's node was made."""

    @classmethod
    def made_by(cls, operation: Operation | None, base: TensorBase) -> View:
        """The view that ``operation`` makes of ``base``; without it, one whose history nobody can make anew."""
        below = base.view_of
        root = base if below is None else below.root
        origin = Origin.RECORDABLE if below is None else below.origin
        if operation is None:
            origin = Origin.FUNCTION
        elif not is_grad_enabled():
            origin = Origin.NO_GRAD
        steps: tuple[Operation, ...] = ()
        if operation is not None and origin is Origin.RECORDABLE:  # only then are they ever taken again
            steps = (*(() if below is None else below.steps), operation.unrecorded_copy())
        return cls(root, steps, origin, base.storage.version)

    def is_out_of_date(self, view: TensorBase) -> bool:
        """Whether the memory was written since the node of ``view`` was made."""
        return self.version_seen != view.storage.version

    def refresh(self, view: TensorBase) -> None:
        """Make the node of ``view`` anew, after the present one of its root. Raises ``GraphError``."""
        root = self.root
        if not view.has_node and not root.requires_grad:
            return
        if self.origin is not Origin.RECORDABLE:
            raise GraphError(
                f"this view of shape {view.shape} shares memory that was written in place after it was taken, and "
                f"cannot be used any more: {self.origin.value}"
            )
        edge = self.new_edge()
        view.set_history(edge[0] if isinstance(edge, tuple) else None, 0)
        self.version_seen = view.storage.version

    def new_edge(self) -> Edge:
        """The operations that lead from the root to the view, put on the tape once more, after the root's own."""
        root = self.root
        # A root that was cut off with detach_() gives its views a history that leads nowhere, as in PyTorch.
        edge: Edge = root if root.accumulates_grad else None
        if root.node is not None:
            edge = (root.node, root.output_index)
        for step in self.steps:
            node = step.unrecorded_copy()
            node.record_after(edge)
            edge = (node, 0)
        return edge


def one_of_several(views: tuple[Any, ...]) -> tuple[Any, ...]:
    """``views``, made by one call: none of them can be written in place while the tape records."""
    for view in views:
        if view.view_of is not None and view.view_of.origin is not Origin.NO_GRAD:
            view.view_of.origin = Origin.ONE_OF_SEVERAL
    return views
