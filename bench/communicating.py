"""What one of several processes measures, under ``mpiexec``: training steps with and without their communication.

python -m bench.communicating RESULT.json [--buckets]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.networks import NETWORKS, Network
from tinyconv import nn, optim
from tinyconv.ops import machine
from tinyconv.ops.tensor import Tensor
from tinyconv.train.parallel import Communicator, GradientSum, join_world
from tinyconv.train.parallel.averaging import BUCKET_BYTES

IMAGES, ROUNDS = 16, 3
"""Of each process in a step; and how often each side is timed, taking turns."""
TITLES = ("face net", "ResNet-18", "VGG-11")
BUCKETS = (2**18, 2**21, 2**23, 2**30)


class Step:
    """A training step of one process."""

    def __init__(self, network: Network, communicator: Communicator) -> None:
        self.communicator = communicator
        images, labels = network.batch(IMAGES)
        self.images, self.labels = Tensor(images), Tensor(labels)
        self.model = network.build()
        self.optimizer = optim.SGD(self.model.parameters(), lr=1e-3)
        self.bytes = sum(parameter.array.nbytes for parameter in self.model.parameters())

    def side(self, bucket_bytes: int | None) -> Callable[[], None]:
        """With the gradients of all summed up in such buckets; None: without communication."""
        gradients = None if bucket_bytes is None else GradientSum(
            self.model.parameters(), self.communicator, bucket_bytes
        )  # fmt: skip

        def step() -> None:
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(self.images), self.labels)
            if gradients is not None:
                gradients.begin()
            loss.backward()
            if gradients is not None:
                gradients.finish()
            self.optimizer.step()

        return step

    def message(self) -> Callable[[], None]:
        """All gradients summed up in one message, with nothing computed beside."""
        numbers = np.ones(self.bytes // 4, np.float32)
        return lambda: self.communicator.sum(numbers)


def timed(sides: dict[Any, Callable[[], None]], communicator: Communicator) -> dict[Any, float]:
    """Median seconds of each side, of the slowest process in each round; they begin together and take turns."""
    meeting = np.zeros(1)
    seconds: dict[Any, list[float]] = {name: [] for name in sides}
    for round in range(ROUNDS + 2):  # the first two do not count: kernels are loaded, buckets arranged
        for name, side in sides.items():
            communicator.sum(meeting)
            start = time.perf_counter()
            side()
            slowest = communicator.gather(np.array([time.perf_counter() - start])).max()
            if round >= 2:
                seconds[name].append(float(slowest))
    return {name: median(times) for name, times in seconds.items()}


def main() -> None:
    """Measure, and let the first process write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("--buckets", action="store_true")
    wanted = parser.parse_args()
    communicator = join_world()
    machine.set_num_threads(1)
    rows = []
    for network in (next(each for each in NETWORKS if title in each.title) for title in TITLES):
        if wanted.buckets and "ResNet" not in network.title:
            continue
        step = Step(network, communicator)
        row: dict[str, Any] = {
            "network": network.title,
            "ranks": communicator.ranks,
            "images": IMAGES,
            "bytes": step.bytes,
        }
        if wanted.buckets:
            sides = {"alone": step.side(None)} | {str(size): step.side(size) for size in BUCKETS}
            row["buckets"] = timed(sides, communicator)
        else:
            small = np.zeros(4)
            row |= timed(
                {
                    "compute": step.side(None),
                    "step": step.side(BUCKET_BYTES),
                    "message": step.message(),
                    "latency": lambda: communicator.sum(small),  # noqa: B023  # called in this turn of the loop
                },
                communicator,
            )
        rows.append(row)
    if communicator.rank == 0:
        wanted.result.write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
