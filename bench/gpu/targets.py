"""What a check is to show of speed: each kind of row against its target."""

from __future__ import annotations

from typing import Any

from bench.gpu.layers import BANDWIDTH
from bench.gpu.record import Record, ceilings, lines_of
from bench.gpu.steps import STEP
from bench.rows import Row
from bench.targets import FORWARD, INPUT, WEIGHT, Target
from tinyconv.utils.measure import Timings, geometric_mean
from tinyconv.utils.speed.own import FAST

OF_BANDWIDTH = 0.8
"""The share of what a copy reaches that pooling and batch norm should reach."""

TARGETS = (
    *(
        Target("conv", f"{product}: tinyconv fast against PyTorch without TF32", 1.0, 1.0, product, "float32")
        for product in (FORWARD, INPUT, WEIGHT)
    ),
    *(
        Target("conv", f"{product}: tinyconv tf32 against cuDNN's TF32", 0.7, 0.7, product, "tf32")
        for product in (FORWARD, INPUT, WEIGHT)
    ),
    Target("layers", "layers, against PyTorch"),
    Target("steps", "training steps: fast against PyTorch without TF32", 0.7, 0.7, STEP, "float32"),
    Target("steps", "training steps: tf32 against PyTorch with TF32", 0.7, 0.7, STEP, "tf32"),
)


def rows_of(record: Record, section: str) -> list[Row]:
    """The comparisons of ``section``."""
    return [row_of(line) for line in lines_of(record, section) if "seconds" in line]


def row_of(line: dict[str, Any]) -> Row:
    """A comparison as it was kept."""
    return Row(
        line["name"],
        line["product"],
        Timings({side: tuple(seconds) for side, seconds in line["seconds"].items()}),
        tuple(line["rivals"]),
        line["flops"],
        line["bytes"],
        frozenset(line["tags"]),
    )


def verdicts(record: Record) -> list[dict[str, Any]]:
    """What the rows say about the targets; of those without rows nothing."""
    found = [target.verdict(rows_of(record, target.suite)) for target in TARGETS]
    found.append(bandwidth_verdict(rows_of(record, "layers"), ceilings(record).get("bandwidth")))
    return [verdict for verdict in found if verdict]


def share(row: Row, bandwidth: float, side: str = FAST) -> float:
    """Of the bandwidth, counting the bytes that must be moved."""
    return row.bytes / row.timings.median(side) / bandwidth


def bandwidth_verdict(rows: list[Row], bandwidth: float | None) -> dict[str, Any] | None:
    """The rows that move memory and do little else."""
    tagged = [row for row in rows if BANDWIDTH in row.tags]
    if not tagged or bandwidth is None:
        return None
    shares = {f"{row.name}, {row.product}": share(row, bandwidth) for row in tagged}
    worst = min(shares, key=shares.__getitem__)
    mean, short = geometric_mean(list(shares.values())), [value for value in shares.values() if value < OF_BANDWIDTH]
    return {
        "what": "pooling and batch norm: share of the measured bandwidth",
        "rows": len(shares),
        "mean": mean,
        "mean_target": OF_BANDWIDTH,
        "mean_reached": mean >= OF_BANDWIDTH,
        "worst": shares[worst],
        "worst_high": shares[worst],
        "worst_row": worst,
        "worst_target": OF_BANDWIDTH,
        "rows_short": len(short),
        "worst_reached": not short,
    }
