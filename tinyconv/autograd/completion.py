"""When the gradient of a leaf is complete, while a backward pass still goes on.

A leaf's gradient is the sum of what its uses bring. Whoever waits for it, with a hook after accumulation, is told as
soon as the last of them has been visited: so gradients travel between machines while earlier layers are still computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinyconv.autograd.tensor_base import TensorBase

if TYPE_CHECKING:
    from tinyconv.autograd.operation import Operation


def uses_of_awaited_leaves(roots: Sequence[TensorBase]) -> dict[int, int]:
    """How many edges lead to each leaf with hooks after accumulation, by its ``id``, from what made ``roots``."""
    uses: dict[int, int] = {}
    seen: set[Operation] = set()
    stack = [root.node for root in roots if root.node is not None]
    while stack:
        operation = stack.pop()
        if operation in seen:
            continue
        seen.add(operation)
        for edge in operation.edges:
            if isinstance(edge, tuple):
                stack.append(edge[0])
            elif edge is not None and edge.accumulated_hooks is not None:
                uses[id(edge)] = uses.get(id(edge), 0) + 1
    return uses
