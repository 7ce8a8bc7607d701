"""Whole training steps beside PyTorch: how long, how much memory, and how long the GPU waits for Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench.gpu.case import Case, Lines
from bench.gpu.place import Place, torch, torch_is_there
from bench.gpu.sides import NAMES, PLAIN, TF32, Side, lines, own, take_turns, theirs
from bench.networks import BOTTLENECKS, NETWORKS, Network
from tinyconv.core import gpu
from tinyconv.core.devices import array_module
from tinyconv.utils.speed import pytorch

BATCHES = {"facenet": (64, 256), "vgg11_bn": (128,), "resnet18": (128,), "bottlenecks": (64,)}
"""Images of each network."""

SECONDS = 0.4
STEP = "training step"

AHEAD_BYTES, AHEAD = 2**30, 2.0
"""What keeps the GPU busy while Python hands a step over: copies of so many bytes, for so many times as long."""


def cases(place: Place) -> Iterator[Case]:
    """Each network and batch."""
    networks = {network.model: network for network in (*NETWORKS, BOTTLENECKS)}
    for model, batches in BATCHES.items():
        for images in batches:
            network = networks[model]
            yield Case(
                named(network, images),
                lambda network=network, images=images: timed(network, images, place, SECONDS),
            )


def named(network: Network, images: int) -> str:
    """With the shape of its input."""
    return f"{network.title} {'x'.join(map(str, network.shape(images)))}"


def timed(network: Network, images: int, place: Place, seconds: float) -> Lines:
    """The steps in turns; then, of each side, the step alone."""
    device = place.device.type
    step = network.step(images, device)
    sides: dict[str, Side] = {NAMES[mode]: own(step, mode) for mode in place.modes if mode != "exact"}
    if torch_is_there():
        torch()
        other = network.torch_step(images, pytorch.CHANNELS_LAST, device=device)
        sides |= {PLAIN: theirs(other, tf32=False), TF32: theirs(other, tf32=True)}
    turns = take_turns(sides, place.clock, seconds)
    name = named(network, images)
    found = lines(name, STEP, turns, flops=network.step_flops(images), bytes=0)
    for side, made in sides.items():
        with made.within():
            usual = turns.timings.median(side)
            needs = alone(made.call, usual, place) | memory(made.call, side, place)
        found.append({"name": name, "side": side, **needs, "says": said(side, needs)})
    return found


def alone(step: Callable[[], Any], usual: float, place: Place) -> dict[str, Any]:
    """``busy``: how long the GPU takes for a step that Python has handed over before the GPU begins with it.

    The rest of the ``usual`` time of a step in a row of steps it idles. A step that waits for the GPU cannot be handed
    over beforehand: it ``waits``.
    """
    xp = array_module(place.device)
    source = xp.zeros(AHEAD_BYTES, np.uint8)
    target = xp.empty_like(source)

    def copy() -> None:
        target[...] = source

    copy()
    each, host = place.clock.time(copy, 3).device, place.clock.time(step, 1).host
    copies = max(1, round(AHEAD * host / each))

    def ahead() -> None:
        for _ in range(copies):
            copy()

    passed = sorted(place.clock.behind(ahead, step) for _ in range(3))[1]
    return {
        "usual": usual,
        "host_seconds": host,
        "busy_seconds": passed.device,
        "idle": max(0.0, 1 - passed.device / usual),
        "waits": passed.host > 0.9 * copies * each,
    }


def memory(step: Callable[[], Any], side: str, place: Place) -> dict[str, int]:
    """Bytes: what the side's allocator took from the GPU until steps went on without asking for more."""
    if gpu.is_simulated() or place.device.type == "cpu":
        return {}
    place.release()
    library = sys.modules["torch"].cuda if side in (PLAIN, TF32) else None
    if library is not None:
        library.reset_peak_memory_stats()
    for _ in range(2):
        step()
    place.clock.synchronize()
    if library is not None:
        return {"memory": library.max_memory_reserved(), "memory_used": library.max_memory_allocated()}
    return {"memory": gpu.array_module().get_default_memory_pool().total_bytes()}


def said(side: str, needs: dict[str, Any]) -> str:
    """In a line on the terminal."""
    memory = f", {needs['memory'] / 2**20:.0f} MiB" if "memory" in needs else ""
    idle = "waits for the GPU inside" if needs["waits"] else f"GPU idle {needs['idle']:.0%}"
    return f"{side}: {1000 * needs['usual']:.2f} ms, {idle}{memory}"
