"""What ``inplace=True`` of a layer's function means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def overwrite(operation: Operation, input: Tensor, name: str) -> Tensor:
    """The result of ``operation`` on ``input``, written into ``input`` where the tape allows it.

    The tape does not record a write into a view, since the history of the tensor under it would have to change too.
    Whether a layer's input is a view depends on what the caller cannot see: a flattening copies maps of several pixels
    and channels but not those of one, and an image without a batch dimension is a view of a batch of one. ``inplace``
    only asks to save memory, so there the result is a tensor of its own: same elements, same gradients.
    """
    if is_grad_enabled() and input.is_view and input.node is not None:
        result: Tensor = operation.apply(input)
        return result
    written: Tensor = operation.apply_in_place(input, name=name)
    return written
