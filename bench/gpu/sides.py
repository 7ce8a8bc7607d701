"""Sides that take turns: what each calls, and the precision that it computes in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from bench.gpu.clock import Clock
from bench.gpu.place import torch
from tinyconv.core.precision import set_float32_precision
from tinyconv.utils.measure import Timings, without_collector
from tinyconv.utils.speed.own import EXACT, FAST

PLAIN, TF32 = "PyTorch float32", "PyTorch TF32"

BLOCK_SECONDS = 0.006
"""A block has as many calls as fit, and is timed as a whole."""

MOST_CALLS, FEWEST_ROUNDS, MOST_ROUNDS = 200, 7, 15


@dataclass(frozen=True)
class Side:
    """``within``: makes the setting in which a block of calls runs; it is no part of what is timed."""

    call: Callable[[], Any]
    within: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext


def own(call: Callable[[], Any], mode: str) -> Side:
    """tinyconv in the precision ``mode``."""
    return Side(call, lambda: set_float32_precision(mode))


def theirs(call: Callable[[], Any], tf32: bool) -> Side:
    """PyTorch, with or without TF32."""
    return Side(call, lambda: _allow_tf32(tf32))


@contextlib.contextmanager
def _allow_tf32(allowed: bool) -> Iterator[None]:
    backends = torch().backends
    places = backends.cudnn, backends.cuda.matmul
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = allowed
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value


class Turns(NamedTuple):
    """``host``: of each side the seconds until Python was free again. As long as the call: the GPU waits for Python."""

    timings: Timings
    host: dict[str, float]


def take_turns(sides: Mapping[str, Side], clock: Clock, seconds: float) -> Turns:
    """Time the calls of all ``sides``, interleaved in blocks, for about ``seconds`` for each."""
    with without_collector():
        calls = {name: _calls_in_a_block(side, clock) for name, side in sides.items()}
        names = list(sides)
        rounds: dict[str, list[float]] = {name: [] for name in names}
        host: dict[str, list[float]] = {name: [] for name in names}
        spent = 0.0
        while len(rounds[names[0]]) < FEWEST_ROUNDS or (
            len(rounds[names[0]]) < MOST_ROUNDS and spent < seconds * len(names)
        ):
            first = len(rounds[names[0]]) % len(names)
            for name in names[first:] + names[:first]:
                with sides[name].within():
                    sides[name].call()
                    passed = clock.time(sides[name].call, calls[name])
                rounds[name].append(passed.device)
                host[name].append(passed.host)
                spent += passed.device * calls[name]
    timings = Timings({name: tuple(times) for name, times in rounds.items()})
    return Turns(timings, {name: median(times) for name, times in host.items()})


def _calls_in_a_block(side: Side, clock: Clock) -> int:
    """After two calls that compile, load and choose; and only of those that follow one another is the time told."""
    with side.within():
        side.call()
        side.call()
        seconds = clock.time(side.call, 3).device
    return max(1, min(MOST_CALLS, round(BLOCK_SECONDS / max(seconds, 1e-9))))


def line(
    name: str, product: str, turns: Turns, sides: Mapping[str, str], rivals: tuple[str, ...], **more: Any
) -> dict[str, Any]:
    """What is kept of a comparison. ``sides``: the names of the timings, and what each is called beside its rivals."""
    seconds = turns.timings.seconds
    return {
        "name": name,
        "product": product,
        "seconds": {shown: list(seconds[name]) for name, shown in sides.items() if name in seconds},
        "host": {shown: turns.host[name] for name, shown in sides.items() if name in seconds},
        "rivals": [rival for rival in rivals if rival in seconds],
        **more,
    }


def lines(name: str, product: str, turns: Turns, tags: tuple[str, ...] = (), **more: Any) -> list[dict[str, Any]]:
    """The comparison of equals: float32's accuracy on both sides, and TF32's."""
    plain, tf32 = {FAST: FAST, EXACT: EXACT, PLAIN: PLAIN}, {OWN_TF32: FAST, TF32: TF32}
    found = [line(name, product, turns, plain, (PLAIN,), tags=["float32", *tags], **more)]
    if OWN_TF32 in turns.timings.seconds:
        found.append(line(name, product, turns, tf32, (TF32,), tags=["tf32", *tags], **more))
    return found


OWN_TF32 = "tinyconv tf32"
NAMES = {"fast": FAST, "exact": EXACT, "tf32": OWN_TF32}
"""What tinyconv's sides are called, by their precision."""
