"""One run of a suite of comparisons: its options, its threads, its rows as they come, its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench import tables
from bench.report import keep
from bench.rows import Row
from bench.targets import verdicts
from tinyconv.utils.measure import Timings, take_turns
from tinyconv.utils.speed import roofline
from tinyconv.utils.speed.roofline import Peaks

Sides = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Session:
    """What the user asked for. Suites take their time, their threads and their choice of rows from here."""

    threads: int
    seconds: float
    pattern: str | None = None
    quick: bool = False

    def wants(self, *words: str) -> bool:
        """Whether ``--only`` names a row described by ``words``: every word of the pattern occurs in them."""
        text = " ".join(words).lower()
        return self.pattern is None or all(word in text for word in self.pattern.lower().split())

    def time(self, sides: Sides) -> Timings:
        """Let ``sides`` take turns; more sides take longer."""
        return take_turns(sides, self.seconds * len(sides))


def suite(
    name: str, rows_of: Callable[[Session], Iterator[Row]], seconds: float, quick: float, help: str
) -> click.Command:
    """The command that runs ``rows_of``; ``seconds`` and ``quick`` are the time for one side of one row."""

    @click.command(name, help=help)
    @click.option("--quick", is_flag=True, help="Fewer repetitions: minutes become one or two, intervals wider.")
    @click.option("--only", metavar="WORDS", help="Rows whose names have all these words, as 'vgg forward'.")
    @click.option("--threads", type=click.IntRange(1), help="For all sides.  [default: all processors]")
    @click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
    @click.option("--plot", type=click.Path(path_type=Path), help="Draw the rows over the machine's roofline (PNG).")
    def command(**options: Any) -> None:
        is_quick = options.pop("quick")
        run(name, rows_of, quick if is_quick else seconds, is_quick, **options)

    return command


def begin(threads: int | None) -> int:
    """Set every side's threads, PyTorch's first; gives their number."""
    from tinyconv.ops import machine
    from tinyconv.utils.speed import pytorch

    count = threads or machine.get_num_threads()
    if pytorch.installed():
        pytorch.start(count)
    machine.set_num_threads(count)
    machine.threading_layer()
    return count


def run(
    name: str,
    rows_of: Callable[[Session], Iterator[Row]],
    seconds: float,
    is_quick: bool,
    only: str | None,
    threads: int | None,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Measure, print, keep."""
    start = time.perf_counter()
    session = Session(begin(threads), seconds, only, is_quick)
    peaks = Peaks.measured()
    click.echo(
        f"{name}: {session.threads} threads; measured peaks {peaks.flops / 1e9:.0f} GFLOP/s and "
        f"{peaks.bandwidth / 1e9:.0f} GB/s"
    )
    rows = []
    for row in rows_of(session):
        rows.append(row)
        ratio = row.ratio()
        said = f"{ratio.value:5.2f} [{ratio.low:.2f}, {ratio.high:.2f}] against {row.rival}" if ratio else ""
        click.echo(f"{row.name:52} {row.product:19} {tables.seconds_text(row.timings.median('tinyconv')):>8} {said}")
    if not rows:
        raise click.UsageError(f"no row of {name} has all the words {only!r}")
    after = Peaks.measured()
    peaks = Peaks(max(peaks.flops, after.flops), max(peaks.bandwidth, after.bandwidth))
    judged = verdicts(name, rows)
    tables.show(tables.rows_table(f"{name}, {session.threads} threads", rows, peaks), tables.verdicts_table(judged))
    if plot is not None:
        roofline.draw(plot, name, [row.point() for row in rows if row.flops and row.bytes], peaks)
        click.echo(plot)
    facts = {
        "threads": session.threads,
        "peak_flops": peaks.flops,
        "peak_bandwidth": peaks.bandwidth,
        "seconds": time.perf_counter() - start,
        "verdicts": judged,
    }
    keep(out, name, [row.to_dict(peaks) for row in rows], **facts)
