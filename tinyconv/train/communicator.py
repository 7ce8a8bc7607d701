"""What a ``Trainer`` asks of the processes that train one model together, each on its part of every batch."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from tinyconv.core.arrays import Array
from tinyconv.nn.module import Module


class Communicator(Protocol):
    """One process's line to the others, such as a ``parallel.DataParallel``; all call the same methods in one order.

    The gradient of a step is Σ over processes and batches of ∇(loss · samples), divided by all samples: the mean over
    the whole batch, however it was shared out.
    """

    @property
    def rank(self) -> int: ...

    @property
    def ranks(self) -> int: ...

    def prepare(self, model: Module) -> None:
        """Before the first step: all processes get the weights and buffers of the first one."""

    def interruptible(self) -> AbstractContextManager[None]:
        """Around a training: Ctrl-C, to any of the processes, stops all of them at the same batch."""
        ...

    def forward(self, samples: int) -> AbstractContextManager[None]:
        """Around the forward of this process's ``samples`` of a batch."""
        ...

    def begin_backward(self) -> None:
        """The backward that follows is the last of a step: a gradient may be summed as soon as it is complete."""

    def end_backward(self) -> int:
        """Wait until every gradient is the sum over all processes; gives the samples of the step, those of all."""
        ...

    def end_epoch(self, model: Module) -> None:
        """After the last step of an epoch: running statistics become those of all processes."""

    def total(self, values: Array) -> Array:
        """The sum over all processes of each of ``values``, float64."""
        ...
