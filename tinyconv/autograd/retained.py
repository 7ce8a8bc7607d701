"""What an operation keeps of its operands until its backward."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from tinyconv.autograd.tensor_base import Storage, TensorBase
from tinyconv.core.errors import GraphError

if TYPE_CHECKING:
    from tinyconv.autograd.operation import Operation


class Retained:
    """A tensor kept for backward: its array and its place on the tape, but not the tensor object.

    Keeping the object would tie a retained result to its own operation in a cycle, and the memory of a graph would wait
    for the garbage collector instead of being freed as the tape unwinds.
    """

    __slots__ = ("array", "constant", "device", "is_own_output", "leaf", "node", "output_index", "storage", "version")

    def __init__(self, tensor: TensorBase, own_output: int | None = None) -> None:
        """``own_output``: which result of the retaining operation the tensor is, if it is one."""
        self.array = tensor.array
        self.device = tensor.device
        self.is_own_output = own_output is not None
        self.leaf: TensorBase | None = None
        self.constant: weakref.ref[TensorBase] | None = None
        self.node: Operation | None = None
        self.output_index = own_output or 0
        if not self.is_own_output:
            self.node = tensor.node
            self.output_index = tensor.output_index
            if self.node is None and tensor.requires_grad:
                self.leaf = tensor
            elif self.node is None:
                self.constant = weakref.ref(tensor)
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
        known = None if self.constant is None else self.constant()
        if known is not None and known.requires_grad and known.is_leaf:
            return known  # since the forward it was told to require a gradient, which counts for second derivatives
        tensor = TensorBase.wrap(self.array, self.device)
        tensor.storage = self.storage
        tensor.set_history(operation if self.is_own_output else self.node, self.output_index)
        return tensor


def freed(operation: Operation) -> GraphError:
    """The error for a second backward through a graph that the first one freed."""
    return GraphError(
        f"{operation.name}: this part of the graph was freed by an earlier backward; "
        "call that backward with retain_graph=True, or compute the forward again"
    )
