"""Runs the cases of one section that its file does not have yet: a process of its own, started by ``bench.gpu.run``.

    python -m bench.gpu.worker SECTION FILE SECONDS

After an error of the device (an address that is not its own, say) nothing works in a process any more: it ends, and the
next one goes on with the case after.
"""

from __future__ import annotations

import faulthandler
import sys
import time
import traceback
from pathlib import Path

import click

from bench.gpu import sections
from bench.gpu.case import NO_TIME, Case, Part
from bench.gpu.place import Place

LOST = 3
"""The exit status of a process whose device is lost."""

PROCESSES = 8


def work(cases: list[Case], part: Part, place: Place, deadline: float, hangs: float) -> bool:
    """Run what is not done; False where the device was lost.

    No case begins after ``deadline``. One that takes longer than ``hangs`` seconds does: its process is ended.
    """
    done = {entry["case"] for entry in part.cases()}
    for case in cases:
        if case.name in done:
            continue
        if time.monotonic() > deadline:
            part.write(case=case.name, lines=[], error=NO_TIME)
            click.echo(f"  {case.name}: {NO_TIME}")
            continue
        part.write(begin=case.name)
        faulthandler.dump_traceback_later(hangs, exit=True, file=sys.__stderr__)
        start = time.monotonic()
        lost = False
        try:
            lines, error = case.run(), None
            place.clock.synchronize()
        except Exception as problem:
            lines, error = [], _said(problem)
            lost = _is_lost(place)
        faulthandler.cancel_dump_traceback_later()
        seconds = time.monotonic() - start
        part.write(case=case.name, lines=lines, error=error, seconds=round(seconds, 3))
        click.echo(f"  {case.name}: {error or sections.summary(lines)} ({seconds:.1f} s)")
        if lost:
            return False
        place.release()
    return True


def _said(problem: Exception) -> str:
    """The error, and where it came up."""
    frames = traceback.extract_tb(problem.__traceback__)
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-3:]))
    before = "" if problem.__context__ is None else f", after {problem.__context__}"
    return f"{type(problem).__name__}: {problem}{before} ({where})"


def _is_lost(place: Place) -> bool:
    try:
        place.clock.synchronize()
    except Exception:
        return True
    return False


def main() -> None:
    """Run what the command line names."""
    name, path, seconds = sys.argv[1:]
    place = Place.gpu(PROCESSES)
    section = sections.SECTIONS[name]
    cases = list(section.cases(place))
    if not work(cases, Part(Path(path)), place, time.monotonic() + float(seconds), section.hangs):
        sys.stdout.flush()
        sys.exit(LOST)


if __name__ == "__main__":
    main()
