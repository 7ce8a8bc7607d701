"""What a check prints at its end, and leaves as text and as a chart beside its JSON."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bench import tables
from bench.gpu import chart, record
from bench.gpu.record import Record
from bench.gpu.targets import rows_of, verdicts
from tinyconv.utils.speed.roofline import Peaks

WIDTH = 170
WAYS = ("float32 exact", "float32 fast", "float32 tf32", "float64")


def show(folder: Path, found: Record) -> bool:
    """Print the tables, keep everything; whether nothing failed."""
    judged = verdicts(found)
    path = record.keep(folder, found | {"verdicts": judged})
    text = written(found, judged)
    click.echo(text)
    path.with_suffix(".txt").write_text(text)
    chart.draw(path.with_suffix(".png"), found)
    failed = record.problems(found)
    click.echo(f"{len(failed)} problems; kept as {path.with_suffix('.*')}")
    return not failed


def written(found: Record, judged: list[dict[str, Any]]) -> str:
    """All tables."""
    ceilings = record.ceilings(found)
    bandwidth = ceilings.get("bandwidth", math.nan)
    shown: list[Any] = [heading(found, ceilings), kernels_table(record.lines_of(found, "kernels"))]
    for section, title in (("conv", "convolutions"), ("steps", "training steps")):
        rows = rows_of(found, section)
        for tag, peak, says in (("float32", "float32", "fast"), ("tf32", "tf32", "tf32")):
            mine = [row for row in rows if tag in row.tags]
            if mine:
                peaks = Peaks(ceilings.get(peak, math.nan), bandwidth)
                shown.append(tables.rows_table(f"{title}, {says}; FMA is cuBLAS in {peak}", mine, peaks))
    layers = rows_of(found, "layers")
    if layers:
        shown.append(tables.rows_table("layers", layers, Peaks(ceilings.get("float32", math.nan), bandwidth)))
    shown.append(idle_table(record.lines_of(found, "steps")))
    shown.append(tables.verdicts_table(judged))
    shown.append(problems_table(record.problems(found)))
    file = io.StringIO()
    console = Console(file=file, width=WIDTH)
    for table in shown:
        if not isinstance(table, Table) or table.row_count:
            console.print(table)
    return file.getvalue()


def heading(found: Record, ceilings: dict[str, float]) -> str:
    """On what it ran."""
    card = found["card"].get("name", "unknown card")
    versions = found["versions"]
    names = ("tinyconv", "revision", "numba-cuda", "cupy-cuda13x", "torch", "cudnn")
    parts = [f"{name} {versions[name]}" for name in names if versions.get(name)]
    parts += [f"driver {found['driver']['driver_version']}"] if found["driver"].get("driver_version") else []
    rates = [f"{name} {rate / 1e12:.2f} T/s" for name, rate in ceilings.items()]
    return f"{card}, {found['date']}: {', '.join(parts)}\nceilings, measured: {', '.join(rates) or 'none'}"


def kernels_table(lines: list[dict[str, Any]]) -> Table:
    """Functions, and the largest share of its limit that an error took, of any shape."""
    table = Table(
        title="errors against float64, as shares of what is allowed", title_justify="left", header_style="bold"
    )
    for name in ("function", "passed", *WAYS, "same bits twice"):
        table.add_column(name, justify="left" if name == "function" else "right")
    functions = defaultdict(list)
    for line in lines:
        functions[line["function"]].append(line)
    for function, mine in functions.items():
        passed = f"{sum(line['passed'] for line in mine)} of {len(mine)}"
        worst = defaultdict(float)
        for line in mine:
            way = line["dtype"] if line["dtype"] == "float64" else f"{line['dtype']} {line['mode']}"
            shares = (line.get(key) for key in ("error", "element"))
            worst[way] = max(worst[way], *(math.inf if share is None else share for share in shares))
        good = all(line["passed"] for line in mine)
        cells = [f"{worst[way]:.2g}" if way in worst else "" for way in WAYS]
        same = all(line.get("same_bits", False) for line in mine)
        table.add_row(function, passed if good else f"[red]{passed}[/red]", *cells, "yes" if same else "[red]NO[/red]")
    return table


def idle_table(lines: list[dict[str, Any]]) -> Table:
    """Of the steps: what they need besides time."""
    table = Table(title="training steps alone", title_justify="left", header_style="bold")
    for name in ("step", "side", "a step", "GPU busy", "idle", "Python", "memory"):
        table.add_column(name, justify="left" if name in ("step", "side") else "right")
    for line in lines:
        if "side" in line:
            busy = ["waits inside", ""]
            if not line["waits"]:
                busy = [tables.seconds_text(line["busy_seconds"]), f"{line['idle']:.0%}"]
            memory = f"{line['memory'] / 2**20:.0f} MiB" if "memory" in line else ""
            times = tables.seconds_text(line["usual"]), *busy, tables.seconds_text(line["host_seconds"])
            table.add_row(line["name"], line["side"], *times, memory)
    return table


def problems_table(problems: list[tuple[str, str, str]]) -> Table:
    """What failed."""
    table = Table(title="[red]problems[/red]", title_justify="left", header_style="bold")
    for name in ("section", "case", "what"):
        table.add_column(name, overflow="fold")
    for problem in problems:
        table.add_row(*(text.replace("[", "\\[") for text in problem))
    return table
