"""All sections, or one: each in a process of its own, again from where it ended if it ended early."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from bench.gpu import record, report
from bench.gpu.case import Part
from bench.gpu.sections import SECTIONS

MOST_STARTS = 12

FIRST = ("versions", "ceilings")
"""What the other sections' figures are nothing without: they run where they have not run before."""


def check(folder: Path, names: list[str]) -> bool:
    """Run the sections ``names``, keep and show what they found; whether all went well."""
    parts = {name: Part(folder / "parts" / f"{name}.jsonl") for name in SECTIONS}
    wanted = [name for name in SECTIONS if name in names or (name in FIRST and not parts[name].cases())]
    for name in wanted:
        click.echo(f"{name}: {SECTIONS[name].title}")
        run_section(name, parts[name])
        record.keep(folder, record.gathered(parts))
    return report.show(folder, record.gathered(parts))


def run_section(name: str, part: Part, command: tuple[str, ...] = ("-m", "bench.gpu.worker")) -> None:
    """Start workers until every case is done, or none gets any further."""
    start = time.monotonic()
    part.start(section=name, date=datetime.now(UTC).isoformat(timespec="seconds"))
    for _ in range(MOST_STARTS):
        before = len(part.entries())
        left = SECTIONS[name].seconds - (time.monotonic() - start)
        process = subprocess.run([sys.executable, *command, name, str(part.path), str(left)], check=False)
        if process.returncode == 0:
            break
        pending = part.pending()
        if pending is not None:
            part.write(case=pending, lines=[], error=f"its process ended with status {process.returncode}")
        elif len(part.entries()) == before:
            part.write(case=name, lines=[], error=f"the section's process ended with status {process.returncode}")
            break
    part.write(seconds=round(time.monotonic() - start, 1))
