"""The harness itself: the same work on two sides must give a ratio of 1, whoever else takes turns."""

from __future__ import annotations

from collections.abc import Iterator

from bench.cases import CONVOLUTIONS
from bench.rows import Row
from bench.session import Session, Sides, suite
from tinyconv.utils.measure import Timings
from tinyconv.utils.speed import own, pytorch

AGAIN, TWICE = "tinyconv again", "PyTorch twice"


def rows(session: Session) -> Iterator[Row]:
    """tinyconv against itself with PyTorch between, and PyTorch against itself with tinyconv between."""
    for case in CONVOLUTIONS[1:6]:
        arrays = case.shape.arrays()
        ours = own.convolution(case.shape, arrays)["forward"]
        sides: Sides = {own.FAST: ours, AGAIN: ours}
        if pytorch.installed():
            theirs = pytorch.convolution(case.shape, arrays, pytorch.CHANNELS_LAST)["forward"]
            sides = {own.FAST: ours, pytorch.CHANNELS_LAST: theirs, AGAIN: ours, TWICE: theirs}
        if session.wants(case.name, "itself"):
            timings = session.time(sides)
            yield Row(case.name, "tinyconv, itself", timings, (AGAIN,))
            if TWICE in sides:
                swapped = {own.FAST: timings.seconds[pytorch.CHANNELS_LAST], TWICE: timings.seconds[TWICE]}
                yield Row(case.name, "PyTorch, itself", Timings(swapped), (TWICE,))


command = suite("harness", rows, seconds=0.6, quick=0.2, help=__doc__)
