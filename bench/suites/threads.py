"""One thread, two, ... as many as there are: how much faster tinyconv becomes, and PyTorch beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from bench import session as sessions
from bench.cases import CONVOLUTIONS, PRODUCTS
from bench.rows import Row
from bench.session import Session, Sides
from tinyconv.utils.speed import own, pytorch

LARGE = 2e9
"""Operations of a layer that is large: it has work enough for every thread."""

ALONE = "1 thread"


def rows(session: Session) -> Iterator[Row]:
    """Every product of the large layers; the rival is tinyconv itself on one thread."""
    if session.threads < 2:
        raise click.UsageError("one thread is compared with more: there is only one")
    for case in CONVOLUTIONS:
        wanted = [product for product in PRODUCTS if session.wants(case.name, product)]
        if case.shape.flops < LARGE or not wanted:
            continue
        arrays = case.shape.arrays()
        ours = own.convolution(case.shape, arrays)
        theirs = pytorch.convolution(case.shape, arrays, pytorch.CHANNELS_LAST) if pytorch.installed() else {}
        for product in wanted:
            sides: Sides = {own.FAST: own_threads(ours[product], session.threads)}
            sides |= {
                ALONE if count == 1 else f"{count} threads": own_threads(ours[product], count)
                for count in range(1, session.threads)
            }
            if theirs:
                for count in (1, session.threads):
                    sides[f"{pytorch.CHANNELS_LAST}, {count}"] = torch_threads(theirs[product], count)
            yield Row(case.name, product, session.time(sides), (ALONE,), case.shape.flops, case.shape.bytes)


def own_threads(side: Callable[[], object], count: int) -> Callable[[], object]:
    """``side`` on ``count`` threads of tinyconv's."""
    from tinyconv.ops import machine

    def run() -> object:
        machine.set_num_threads(count)
        return side()

    return run


def torch_threads(side: Callable[[], object], count: int) -> Callable[[], object]:
    """``side`` on ``count`` threads of PyTorch's."""
    import torch

    def run() -> object:
        torch.set_num_threads(count)
        return side()

    return run


@click.command("threads", help=__doc__)
@click.option("--quick", is_flag=True, help="Fewer repetitions.")
@click.option("--only", metavar="WORDS", help="Rows whose names have all these words.")
@click.option("--threads", type=click.IntRange(2), help="The most.  [default: all processors]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(quick: bool, only: str | None, threads: int | None, out: Path | None) -> None:
    """Measure, print, keep."""
    sessions.run("threads", rows, 0.1 if quick else 0.4, quick, only, threads, out, plot=None)
