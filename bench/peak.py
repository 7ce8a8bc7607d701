"""The memory that the training steps of one side need: run as a process of its own, it prints the bytes.

    python -m bench.peak SIDE MODEL THREADS

Bytes are those of the peak above what was resident before the steps: libraries, model and images are there already.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path

from bench.networks import NETWORKS, Network
from bench.suites.leak import peak, resident
from tinyconv.core.pool import empty_cache
from tinyconv.utils.speed import own, pytorch

IMAGES, STEPS = 64, 3
SIDES = (own.FAST, *pytorch.LAYOUTS)
WARM_UP = (Network("", "lenet", 1, 12, ""), Network("", "facenet", 1, 8, ""))
"""Small networks that load the libraries' code, as does the network itself on two images."""

RESET_PEAK = "5"
"""What Linux takes as the order to forget a process's peak."""


def step_of(side: str, network: Network, images: int) -> Callable[[], object]:
    """A training step."""
    return network.step(images) if side == own.FAST else network.torch_step(images, side)


def bytes_of_steps(side: str, network: Network) -> int:
    """The most memory that ``STEPS`` steps have beyond what there was before."""
    for small in (*WARM_UP, network):
        step_of(side, small, 2)()
    step = step_of(side, network, IMAGES)
    give_back_what_waits()
    before = resident()
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text(RESET_PEAK)
    for _ in range(STEPS):
        step()
    return highest() - before


def give_back_what_waits() -> None:
    """Let no side begin with memory at hand, left over from before: the steps' need would seem smaller by as much."""
    gc.collect()
    empty_cache()
    with contextlib.suppress(OSError, AttributeError):  # a C library that is not GNU's keeps less back
        ctypes.CDLL(None).malloc_trim(0)


def highest() -> int:
    """The peak since it was reset (Linux), or of the whole process."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return peak()


def main() -> None:
    """Measure what the command line names."""
    side, model, threads = sys.argv[1:]
    if side == own.FAST:
        import tinyconv as tc

        tc.set_num_threads(int(threads))
    else:
        pytorch.start(int(threads))
    network = next(network for network in NETWORKS if network.model == model)
    sys.stdout.write(json.dumps({"bytes": bytes_of_steps(side, network), "peak": highest()}) + "\n")


if __name__ == "__main__":
    main()
