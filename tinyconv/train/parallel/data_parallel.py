"""What a training loop asks of the processes that share its batches.

With N samples in a step, of which process r has N_r, each a summand L_i of the loss:

    ∇L = 1/N Σ_r ∇(Σ L_i over the samples i of process r)

so that parts of different lengths count by their samples, and the step is that of one process with the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.communication import Communicator
from tinyconv.core.parts import part_of_batch
from tinyconv.nn.module import Module
from tinyconv.train.interruption import HeldSignals
from tinyconv.train.parallel.averaging import BUCKET_BYTES, GradientSum
from tinyconv.train.parallel.replicas import average_buffers, check_alike, check_replicas, share_weights


class DataParallel:
    """The processes of ``communicator``, training one model together: what ``Trainer`` takes.

    A loop of one's own, where every process has its part of each batch:

        parallel.prepare(model)
        ...
        with parallel.forward(len(images)):
            loss = criterion(model(images), labels)
        parallel.begin_backward()
        (loss * len(images)).backward()
        samples = parallel.end_backward()       # of all processes, by which the gradients are to be divided

    ``bucket_bytes``: what a message with gradients holds.

    Raises: ``prepare`` raises ``RunError`` for models that differ in shape, ``UnsupportedError`` for one on a GPU.

    >>> from tinyconv.train.parallel import Alone, DataParallel
    >>> parallel = DataParallel(Alone())
    >>> parallel.total(np.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, communicator: Communicator, bucket_bytes: int = BUCKET_BYTES) -> None:
        self.communicator, self._bucket_bytes = communicator, bucket_bytes
        self._gradients: GradientSum | None = None
        self._samples = 0
        self._signals = HeldSignals()

    @property
    def rank(self) -> int:
        """The number of this process."""
        return self.communicator.rank

    @property
    def ranks(self) -> int:
        """How many there are."""
        return self.communicator.ranks

    def check_data(self, **numbers: Array) -> None:
        """Check that all processes have the same ``numbers``, called by what they are: labels, the split.

        Raises ``RunError`` that names a process that has others.
        """
        for name, values in numbers.items():
            advice = "let all processes read the same files"
            check_alike(np.ascontiguousarray(values), self.communicator, f"another {name}", advice)

    def prepare(self, model: Module) -> None:
        """Give ``model`` the weights and buffers of process 0, and watch over its gradients from now on."""
        share_weights(model, self.communicator)
        if self._gradients is not None:
            self._gradients.close()
        self._gradients = GradientSum(model.parameters(), self.communicator, self._bucket_bytes)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """A block in which Ctrl-C and SIGTERM, to any of the processes, stop all of them at the same batch.

        A process that stopped at once, in the middle of a step, would leave the others waiting for it for ever. So the
        signal is held, ``forward`` tells the others and ends the work of all, and here it acts as it would have.
        """
        self._signals.hold()
        try:
            yield
        finally:
            self._signals.deliver()

    def forward(self, samples: int) -> AbstractContextManager[None]:
        """A block for the forward of this process's ``samples`` of a batch; the processes' parts follow each other.

        In it, dropout draws the masks of these samples, out of those of the whole batch. Raises
        ``KeyboardInterrupt``, on all processes, where one was interrupted (see ``interruptible``).
        """
        wanted = self._signals.received is not None
        samples_of_all, wishes = self.communicator.gather(np.array([samples, wanted])).T
        if wishes.any():
            raise KeyboardInterrupt
        self._samples += int(samples_of_all.sum())
        return part_of_batch(int(samples_of_all[: self.rank].sum()), samples)

    def begin_backward(self) -> None:
        """The next backward is the last of a step: a gradient may leave as soon as it is complete."""
        if self._gradients is not None:
            self._gradients.begin()

    def end_backward(self) -> int:
        """Wait until each gradient is the sum over all processes. Returns the samples of the step, those of all."""
        if self._gradients is not None:
            self._gradients.finish()
        samples, self._samples = self._samples, 0
        return samples

    def total(self, values: Array) -> Array:
        """The sum over all processes; ``values`` stay as they are."""
        sums = np.array(values, order="C")
        self.communicator.sum(sums)
        return sums

    def end_epoch(self, model: Module) -> None:
        """Make running statistics those of all processes, and check that the weights are still the same on all.

        Raises ``RunError`` where they are not.
        """
        average_buffers(model, self.communicator)
        check_replicas(model, self.communicator)
