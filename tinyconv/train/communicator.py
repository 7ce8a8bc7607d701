"""What a ``Trainer`` asks of the processes that train one model together, each on its part of every batch."""

from __future__ import annotations

from typing import Protocol

from tinyconv.core.arrays import Array
from tinyconv.nn.module import Module


class Communicator(Protocol):
    """One process's line to the others; each of them calls the same methods in the same order.

    The gradient of a step is Σ over processes and batches of ∇(loss · samples), divided by all samples: the mean over
    the whole batch, however it was shared out.
    """

    rank: int
    ranks: int

    def prepare(self, model: Module) -> None:
        """Before the first step: all processes get the weights and buffers of the first one."""

    def begin_backward(self, model: Module) -> None:
        """The backward that follows is the last of a step: a gradient may be summed as soon as it is complete."""

    def end_backward(self, samples: int) -> int:
        """Wait until every gradient is the sum over all processes. ``samples``: of this one; returns those of all."""
        ...

    def total(self, values: Array) -> Array:
        """The sum over all processes of each of ``values``, float64."""
        ...
