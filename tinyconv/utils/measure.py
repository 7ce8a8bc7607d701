"""Comparing speeds: sides that take turns in one process, medians, and how far a ratio can be trusted.

Time on a computer drifts: clocks slow down when it is warm, other programs come and go. So the sides of a comparison
take turns, A B A B ..., in short blocks; each turn of all of them is a *round*, and whatever slows a whole round slows
all sides. A ratio is one of medians over the rounds, and its interval comes from drawing rounds anew (the bootstrap).

Two traps are avoided. A library's threads wait for their next work in a busy loop, for 10 to 130 ms after the last one,
and would slow the next side: before each block the harness sleeps until the process uses no processor time. And a first
call after a pause finds cold caches and sleeping threads: where calls are short it does not count. So every side, the
rivals too, is measured as in a program that calls it again and again.
"""

from __future__ import annotations

import contextlib
import gc
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

from tinyconv.core.errors import ArgumentError

BLOCK_SECONDS = 0.01
"""A block has as many calls as fit: many short ones, or one long one."""

LONG_SECONDS, FEWEST_SHORT = 0.1, 3
"""Of calls shorter than this a block has at least so many, after one that does not count: a network of 10 ms finds its
threads asleep and its weights out of the cache as a layer does. In calls longer than this neither is to be seen."""

FEWEST_ROUNDS, MOST_ROUNDS = 5, 50

QUIET_SECONDS, QUIET_SHARE, LONGEST_WAIT = 0.001, 0.2, 0.3
"""Quiet is a pause after which no other thread is running. No busy loop lasts the longest wait: OpenMP's go on for
10 ms, ONNX Runtime's for 35, OpenBLAS's for 130. Where the system does not tell of threads, it is a pause during less
than a fifth of which the process computed; Linux counts that too seldom, every 4 to 10 ms, to be asked so."""

THREADS = Path("/proc/self/task")
"""Where Linux tells of the threads of this process: a folder for each, under its number."""

DRAWS = 2000


@dataclass(frozen=True)
class Ratio:
    """How many times faster one side is than another, and the interval that holds 95% of the drawn ratios."""

    value: float
    low: float
    high: float

    def reaches(self, target: float) -> bool:
        """Whether ``target`` is no more than what the interval allows."""
        return self.high >= target


@dataclass(frozen=True)
class Timings:
    """Seconds per call of each side: one median per round, the same rounds for all sides."""

    seconds: Mapping[str, tuple[float, ...]]

    def median(self, side: str) -> float:
        """The middle of the rounds."""
        return median(self.seconds[side])

    def spread(self, side: str) -> float:
        """How far apart the rounds are: the width of their middle half, as a part of the median."""
        low, high = np.percentile(self.seconds[side], [25, 75])
        return float(high - low) / self.median(side)

    def fastest(self, sides: Sequence[str]) -> str:
        """The one of ``sides`` with the smallest median."""
        return min(sides, key=self.median)

    def speedup(self, side: str, over: str) -> Ratio:
        """How many times faster ``side`` is than ``over``: above 1, it takes less time."""
        return ratio_of_medians(self.seconds[over], self.seconds[side])


def ratio_of_medians(numerator: Sequence[float], denominator: Sequence[float], draws: int = DRAWS) -> Ratio:
    """median(numerator) / median(denominator), with its 95% bootstrap interval.

    The two were measured in pairs, so pairs are drawn, with repetition, as many as there are. The draws have a fixed
    seed: the same times give the same interval.
    Raises: ``ArgumentError`` for none, or for two lists that are no pairs.
    """
    if len(numerator) != len(denominator) or len(numerator) == 0:
        raise ArgumentError(f"a ratio needs pairs of times, got {len(numerator)} and {len(denominator)}")
    above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(above), (draws, len(above)))
    ratios = np.median(above[drawn], axis=1) / np.median(below[drawn], axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Ratio(float(np.median(above) / np.median(below)), float(low), float(high))


def geometric_mean(ratios: Sequence[float]) -> float:
    """The mean for ratios: twice as fast and half as fast give 1.

    Raises: ``ArgumentError`` for none.
    """
    if not ratios:
        raise ArgumentError("there is no mean of no ratios")
    return math.exp(math.fsum(math.log(ratio) for ratio in ratios) / len(ratios))


def take_turns(sides: Mapping[str, Callable[[], object]], seconds: float = 1.0) -> Timings:
    """Time the calls of all ``sides``, interleaved, for about ``seconds`` in all, and at least ``FEWEST_ROUNDS``.

    Each is called once before anything counts (it may compile), and again to see how long it takes. The order in a
    round moves on by one from round to round, so that no side always follows the same other one.
    Raises: ``ArgumentError`` for no sides; what a side raises.
    """
    if not sides:
        raise ArgumentError("nothing to time: there are no sides")
    with without_collector():
        calls = {name: _calls_in_a_block(side) for name, side in sides.items()}
        names = list(sides)
        rounds: list[dict[str, float]] = []
        end = time.perf_counter() + seconds
        while len(rounds) < FEWEST_ROUNDS or (len(rounds) < MOST_ROUNDS and time.perf_counter() < end):
            first = len(rounds) % len(names)
            order = names[first:] + names[:first]
            rounds.append({name: _block(sides[name], calls[name]) for name in order})
    return Timings({name: tuple(times[name] for times in rounds) for name in names})


def wait_until_quiet() -> bool:
    """Sleep until the other threads of this process have stopped waiting in busy loops; False if they do not."""
    end = time.perf_counter() + LONGEST_WAIT
    while time.perf_counter() < end:
        computed, start = time.process_time(), time.perf_counter()
        time.sleep(QUIET_SECONDS)
        others = _others_running()
        share = (time.process_time() - computed) / (time.perf_counter() - start)
        if others == 0 or (others is None and share < QUIET_SHARE):
            return True
    return False


def _others_running() -> int | None:
    """How many of the other threads of this process run, or wait for a processor; None where nobody can tell."""
    running, own = 0, threading.get_native_id()
    try:
        for thread in THREADS.iterdir():
            with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
                # "number (name) state ...", and the name may be anything
                state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
                running += state == "R" and thread.name != str(own)
    except (OSError, IndexError):
        return None
    return running


def _calls_in_a_block(side: Callable[[], object]) -> int:
    side()
    wait_until_quiet()
    seconds = _seconds(side)
    if seconds >= LONG_SECONDS:
        return 1
    seconds = min(seconds, _seconds(side), _seconds(side))  # one hiccup must not make a short call look long
    return max(FEWEST_SHORT, min(1000, round(BLOCK_SECONDS / max(seconds, 1e-9))))


def _seconds(side: Callable[[], object]) -> float:
    start = time.perf_counter()
    side()
    return time.perf_counter() - start


def _block(side: Callable[[], object], calls: int) -> float:
    """The median of ``calls`` calls; a call before them does not count, unless one alone fills the block."""
    wait_until_quiet()
    if calls > 1:
        side()
    ticks = [time.perf_counter()]
    for _ in range(calls):
        side()
        ticks.append(time.perf_counter())
    return median(after - before for before, after in pairwise(ticks))


@contextmanager
def without_collector() -> Iterator[None]:
    """No garbage collection in the middle of a call; what is garbage already is collected before."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
