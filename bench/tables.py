"""What a run prints: the rows, those in which tinyconv is slower first, and what they say about the targets."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rows import Row, worst_first
from tinyconv.utils.measure import Ratio
from tinyconv.utils.speed.own import EXACT, FAST
from tinyconv.utils.speed.roofline import Peaks


def seconds_text(seconds: float) -> str:
    """In the unit that needs few digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def ratio_text(ratio: Ratio | None) -> str:
    """The ratio and its interval; red where tinyconv is slower."""
    if ratio is None:
        return ""
    text = f"{ratio.value:.2f} \\[{ratio.low:.2f}, {ratio.high:.2f}]"
    return f"[red]{text}[/red]" if ratio.value < 1 else text


def rows_table(title: str, rows: list[Row], peaks: Peaks) -> Table:
    """One line per row. The percentages are of what was measured in the same run."""
    table = Table(title=title, title_justify="left", header_style="bold")
    has_exact = any(EXACT in row.timings.seconds for row in rows)
    has_flops = any(row.flops for row in rows)
    has_bytes = any(row.bytes for row in rows)
    table.add_column("row", overflow="fold")
    table.add_column("product")
    for heading in ("tinyconv", "fastest rival", "ratio [95%]"):
        table.add_column(heading, justify="right")
    for heading, wanted in (
        ("exact", has_exact),
        ("GFLOP/s", has_flops),
        ("of FMA", has_flops),
        ("of mem.", has_bytes),
    ):
        if wanted:
            table.add_column(heading, justify="right")
    for row in worst_first(rows):
        rival = row.rival
        seconds = row.timings.median(FAST)
        against = f"{seconds_text(row.timings.median(rival))} {short(rival)}" if rival else "none"
        cells = [row.name, row.product, seconds_text(seconds), against, ratio_text(row.ratio())]
        if has_exact:
            cells.append(ratio_text(row.ratio(EXACT)).partition(" ")[0])
        if has_flops:
            rate = row.flops_per_second()
            cells += [f"{rate / 1e9:.0f}", f"{rate / peaks.flops:.0%}"] if row.flops else ["", ""]
        if has_bytes:
            cells.append(f"{row.bytes / seconds / peaks.bandwidth:.0%}" if row.bytes else "")
        table.add_row(*cells)
    return table


def short(side: str) -> str:
    """The name of a side, without what the heading says."""
    return side.removeprefix("PyTorch ")


def verdicts_table(verdicts: list[dict[str, Any]]) -> Table:
    """Geometric means and worst rows against their targets."""
    table = Table(title="against the targets", title_justify="left", header_style="bold")
    for heading in (
        "what",
        "rows",
        "geom. mean",
        "target",
        "worst row",
        "target",
        "rows short of it",
        "which is worst",
    ):
        table.add_column(heading, overflow="fold")
    for verdict in verdicts:
        mean, worst = f"{verdict['mean']:.2f}", f"{verdict['worst']:.2f} (to {verdict['worst_high']:.2f})"
        table.add_row(
            verdict["what"],
            str(verdict["rows"]),
            mean if verdict["mean_reached"] else f"[red]{mean}[/red]",
            _target(verdict["mean_target"]),
            worst if verdict["worst_reached"] else f"[red]{worst}[/red]",
            _target(verdict["worst_target"]),
            str(verdict["rows_short"]) if verdict["worst_target"] else "",
            verdict["worst_row"],
        )
    return table


def _target(value: float | None) -> str:
    return "" if value is None else f">= {value:g}"


def show(*tables: Table) -> None:
    """Print tables, as wide as their text: a file or a pipe has no width."""
    console = Console(width=None if Console().is_terminal else 170)
    for table in tables:
        console.print(table)
