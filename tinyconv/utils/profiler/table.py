"""A profile as a table of text."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from tinyconv.core.errors import ArgumentError
from tinyconv.models.summary import readable_bytes
from tinyconv.utils.profiler.rows import LayerProfile

AMOUNTS: dict[str, Callable[[LayerProfile], float]] = {
    "total_time": lambda row: row.total_time,
    "own_time": lambda row: row.own_time,
    "forward_time": lambda row: row.forward_time,
    "backward_time": lambda row: row.backward_time,
    "compile_time": lambda row: row.compile_time,
    "multiply_adds": lambda row: row.multiply_adds,
    "forward_gflops": lambda row: row.forward_gflops or 0.0,
    "backward_gflops": lambda row: row.backward_gflops or 0.0,
    "made_bytes": lambda row: row.total.made_bytes,
    "kept_bytes": lambda row: row.total.kept_bytes,
    "peak_bytes": lambda row: row.peak_bytes,
    "calls": lambda row: row.calls,
}
"""What a table can be sorted by."""

COLUMNS = (
    "layer",
    "type",
    "calls",
    "forward ms",
    "backward ms",
    "own ms",
    "compile ms",
    "fwd+bwd mult-adds",
    "GFLOP/s",
    "back GFLOP/s",
    "made",
    "kept",
    "peak",
)


def render(rows: Sequence[LayerProfile], steps: int, summary: str, sort_by: str | None, limit: int | None) -> str:
    """The rows as lines of text below a line of totals; times, products and new memory are averages per step."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if sort_by is not None and sort_by not in AMOUNTS:
        raise ArgumentError(f"profile: cannot sort by {sort_by!r}; the amounts are {', '.join(AMOUNTS)}")
    if limit is not None and limit < 1:
        raise ArgumentError(f"profile: limit must be at least 1 row, got {limit}")
    if sort_by is not None:
        rows = sorted(rows, key=AMOUNTS[sort_by], reverse=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("layer", "type") else "right", no_wrap=True)
    shallowest = min((len(row.lineage()) for row in rows), default=0)
    for row in rows[:limit]:
        depth = len(row.lineage()) - shallowest
        table.add_row(row.path or row.type if sort_by else _indented(row, depth), *_cells(row, steps))
    console = Console(file=io.StringIO(), width=240, color_system=None)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join([summary, *(line for line in lines if line)])


def _indented(row: LayerProfile, depth: int) -> str:
    return "  " * depth + (row.path.rpartition(".")[2] or row.type)


def _cells(row: LayerProfile, steps: int) -> tuple[str, ...]:
    own, total = row.own, row.total
    return (
        row.type,
        f"{row.calls:,}" if row.calls else "",
        _milliseconds(total.forward_ns, steps),
        _milliseconds(total.backward_ns, steps),
        _milliseconds(own.forward_ns + own.backward_ns, steps),
        _milliseconds(total.compile_ns, steps),
        f"{row.multiply_adds // steps:,}" if row.multiply_adds else "",
        "" if row.forward_gflops is None else f"{row.forward_gflops:.1f}",
        "" if row.backward_gflops is None else f"{row.backward_gflops:.1f}",
        readable_bytes(total.made_bytes // steps) if total.made_bytes else "",
        readable_bytes(total.kept_bytes // steps) if total.kept_bytes else "",
        readable_bytes(row.peak_bytes) if row.peak_bytes else "",
    )


def _milliseconds(nanoseconds: int, steps: int) -> str:
    return f"{nanoseconds / steps / 1e6:,.3f}" if nanoseconds else ""
