"""A row of a benchmark: what was computed, how long each side took, and what that says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyconv.utils.measure import Ratio, Timings
from tinyconv.utils.speed.own import EXACT, FAST
from tinyconv.utils.speed.roofline import Peaks, Point


@dataclass(frozen=True)
class Row:
    """One comparison. Only ``rivals`` count in its ratio; other sides are shown beside."""

    name: str
    product: str
    timings: Timings
    rivals: tuple[str, ...] = ()
    flops: int = 0
    """by the definition of what is computed, whatever algorithm computes it; 0 where nobody counts them"""
    bytes: int = 0
    """that any algorithm must move; 0 where nobody counts them"""
    tags: frozenset[str] = frozenset()

    @property
    def rival(self) -> str | None:
        """The fastest side that counts; None where tinyconv was measured alone."""
        return self.timings.fastest(self.rivals) if self.rivals else None

    def ratio(self, side: str = FAST) -> Ratio | None:
        """How many times faster ``side`` is than the fastest rival."""
        rival = self.rival
        return None if rival is None or side not in self.timings.seconds else self.timings.speedup(side, rival)

    @property
    def loses(self) -> bool:
        """Whether tinyconv is slower."""
        ratio = self.ratio()
        return ratio is not None and ratio.value < 1

    def flops_per_second(self, side: str = FAST) -> float:
        """Effective: the definition's operations in the time that ``side`` took."""
        return self.flops / self.timings.median(side)

    def point(self) -> Point:
        """On a roofline."""
        rival = None if self.rival is None else self.flops_per_second(self.rival)
        return Point(self.product, self.flops / self.bytes, self.flops_per_second(), rival)

    def to_dict(self, peaks: Peaks) -> dict[str, Any]:
        """For a JSON file; times in seconds."""
        seconds = self.timings.median(FAST)
        row: dict[str, Any] = {
            "name": self.name,
            "product": self.product,
            "tags": sorted(self.tags),
            "sides": {
                side: {"median": self.timings.median(side), "spread": self.timings.spread(side), "rounds": list(rounds)}
                for side, rounds in self.timings.seconds.items()
            },
            "rival": self.rival,
            "ratio": _as_dict(self.ratio()),
            "exact_ratio": _as_dict(self.ratio(EXACT)),
        }
        if self.flops:
            row |= {
                "flops": self.flops,
                "flops_per_second": self.flops / seconds,
                "fraction_of_peak": self.flops / seconds / peaks.flops,
            }
        if self.bytes:
            row |= {
                "bytes": self.bytes,
                "bytes_per_second": self.bytes / seconds,
                "fraction_of_bandwidth": self.bytes / seconds / peaks.bandwidth,
            }
        return row


def worst_first(rows: list[Row]) -> list[Row]:
    """Rows in which tinyconv is slower come first, the slowest leading; the others keep their order."""
    losing = sorted((row for row in rows if row.loses), key=lambda row: row.ratio().value)  # type: ignore[union-attr]
    return losing + [row for row in rows if not row.loses]


def _as_dict(ratio: Ratio | None) -> dict[str, float] | None:
    return None if ratio is None else {"value": ratio.value, "low": ratio.low, "high": ratio.high}
