"""What the steps of an epoch come to: the loss and the hits of each, read when they have been computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from tinyconv.core.transfer import on_its_way
from tinyconv.ops.tensor import Tensor


class Step(NamedTuple):
    """A step whose forward was started: ``number`` counts in its epoch; the others are asked for their numbers."""

    number: int
    rate: float
    loss: Callable[[], Any]
    hits: Callable[[], Any]
    images: int


class Steps:
    """Sums over the steps of an epoch.

    A GPU works on while Python prepares what comes next, unless Python waits for one of its numbers. So there the
    numbers of a step are read when the next one's forward has been started; on the CPU, which has them, at once.
    """

    def __init__(self, check: Callable[[Step, float], None]) -> None:
        """``check``: called with a step and its mean loss, as soon as that has been read."""
        self._check = check
        self._started: deque[Step] = deque()
        self._read: list[tuple[float, int]] = []
        self.total_loss, self.correct, self.samples = 0.0, 0, 0

    def add(self, number: int, rate: float, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """The forward of a step was started, at a learning rate of ``rate``."""
        hits = (logits.array.argmax(axis=1) == labels.array).sum()
        self._started.append(Step(number, rate, on_its_way(loss.array), on_its_way(hits), len(labels.array)))
        if loss.device.type == "cpu":
            self.finish()
        elif len(self._started) > 1:
            self._settle()

    def finish(self) -> None:
        """Read all that was started."""
        while self._started:
            self._settle()

    def _settle(self) -> None:
        step = self._started.popleft()
        loss = float(step.loss())
        self.total_loss += loss * step.images
        self.correct += int(step.hits())
        self.samples += step.images
        self._check(step, loss)
        self._read.append((loss, step.images))

    def read(self) -> list[tuple[float, int]]:
        """Mean loss and images of the steps that were read since this was last asked."""
        read, self._read = self._read, []
        return read
