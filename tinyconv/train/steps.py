"""What the steps of an epoch come to: the loss and the hits of each batch, read when they have been computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.transfer import on_its_way
from tinyconv.ops.tensor import Tensor
from tinyconv.train.records import classes_of


class Forward(NamedTuple):
    """A batch whose forward was started in optimiser step ``step``; loss and hits are asked for their numbers.

    ``inputs``, and the default ``generator``'s state before them, are what it takes to do the forward again.
    """

    step: int
    rate: float
    loss: Callable[[], Any]
    hits: Callable[[], Any]
    images: int
    inputs: Tensor
    generator: tuple[int, int]


class Steps:
    """Sums over the steps of an epoch.

    A GPU works on while Python prepares what comes next, unless Python waits for one of its numbers. So there the
    numbers of a batch are read when the next one's forward has been started; on the CPU, which has them, at once.
    """

    def __init__(self, check: Callable[[Forward, float], None], total: Callable[[Array], Array]) -> None:
        """``check``: called with a batch's forward and its mean loss, as soon as that has been read.

        ``total``: gives the sums over all processes that share the batches, once for each step.
        """
        self._check, self._total = check, total
        self._started: deque[Forward | None] = deque()  # None: there an optimiser step was made
        self._step_sums, self._step_rate = np.zeros(3), 0.0  # of the losses, hits and images
        self._read: list[tuple[float, int, float]] = []
        self.total_loss, self.correct, self.samples = 0.0, 0, 0

    def add(
        self,
        step: int,
        rate: float,
        loss: Tensor,
        logits: Tensor,
        labels: Tensor,
        inputs: Tensor,
        generator: tuple[int, int],
    ) -> None:
        """The forward of a batch was started in optimiser step ``step``, at a learning rate of ``rate``."""
        hits = (logits.array.argmax(axis=1) == classes_of(labels)).sum()
        numbers = on_its_way(loss.array), on_its_way(hits)
        self._started.append(Forward(step, rate, *numbers, len(labels.array), inputs, generator))
        if loss.device.type == "cpu":
            self.finish()
        else:
            while len(self._started) > 1:
                self._settle()

    def end_step(self) -> None:
        """The optimiser has made its step on the batches added since the last."""
        self._started.append(None)
        if len(self._started) == 1:
            self._settle()

    def drop_unfinished(self) -> None:
        """Forget what was started and not ended by a step: an interruption came in between."""
        self._started.clear()
        self._step_sums = np.zeros(3)

    def finish(self) -> None:
        """Read all that was started."""
        while self._started:
            self._settle()

    def _settle(self) -> None:
        forward = self._started.popleft()
        if forward is None:
            total_loss, hits, images = map(float, self._total(self._step_sums))
            self._read.append((total_loss / images, int(images), self._step_rate))
            self._step_sums = np.zeros(3)
            self.total_loss += total_loss
            self.correct += int(hits)
            self.samples += int(images)
            return
        loss = float(forward.loss())
        self._step_sums += loss * forward.images, int(forward.hits()), forward.images
        self._step_rate = forward.rate
        self._check(forward, loss)

    def read(self) -> list[tuple[float, int, float]]:
        """Mean loss, images and learning rate of the steps that were read since this was last asked."""
        read, self._read = self._read, []
        return read

    @property
    def sums(self) -> list[float]:
        """Loss over all samples, hits and samples, to go on from in another ``Steps``."""
        return [self.total_loss, self.correct, self.samples]

    @sums.setter
    def sums(self, value: list[float]) -> None:
        self.total_loss, self.correct, self.samples = float(value[0]), int(value[1]), int(value[2])
