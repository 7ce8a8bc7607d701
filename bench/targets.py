"""What the measurements are to show: geometric means and worst rows, each against its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.rows import Row
from tinyconv.utils.measure import geometric_mean
from tinyconv.utils.speed.own import EXACT, FAST


@dataclass(frozen=True)
class Target:
    """A set of rows, and what their ratios should be at least. None: no target, only shown."""

    suite: str
    what: str
    mean: float | None = None
    worst: float | None = None
    product: str | None = None
    tag: str | None = None
    side: str = FAST

    def matching(self, rows: list[Row]) -> list[Row]:
        """The rows it speaks of, where there is somebody to compare with."""
        return [
            row
            for row in rows
            if self.product in (None, row.product)
            and (self.tag is None or self.tag in row.tags)
            and row.ratio(self.side) is not None
        ]

    def verdict(self, rows: list[Row]) -> dict[str, Any] | None:
        """The mean and the worst of the matching rows; None if there are none.

        A worst row reaches its target where its interval does: noise alone shall not decide.
        """
        matching = [(row, ratio) for row in self.matching(rows) if (ratio := row.ratio(self.side))]
        if not matching:
            return None
        mean = geometric_mean([ratio.value for _, ratio in matching])
        row, worst = min(matching, key=lambda pair: pair[1].value)
        short = [ratio for _, ratio in matching if self.worst is not None and not ratio.reaches(self.worst)]
        return {
            "what": self.what,
            "rows": len(matching),
            "mean": mean,
            "mean_target": self.mean,
            "mean_reached": self.mean is None or mean >= self.mean,
            "worst": worst.value,
            "worst_high": worst.high,
            "worst_row": f"{row.name}, {row.product}",
            "worst_target": self.worst,
            "rows_short": len(short),
            "worst_reached": not short,
        }


FORWARD, INPUT, WEIGHT = "forward", "input gradient", "weight gradient"

TARGETS = (
    Target("conv", "forward, dense 3x3 stride 1, batch >= 4", 2.0, 1.05, FORWARD, "dense 3x3"),
    Target("conv", "forward, all 3x3 stride 1, batch >= 4 (also grouped, dilated)", None, None, FORWARD, "3x3"),
    Target("conv", "forward, all rows", 1.6, 1.0, FORWARD),
    Target("conv", "input gradient, all rows", 1.6, 1.0, INPUT),
    Target("conv", "weight gradient, dense 3x3 stride 1, batch >= 4", 1.7, 1.0, WEIGHT, "dense 3x3"),
    Target("conv", "weight gradient, all 3x3 stride 1, batch >= 4", None, None, WEIGHT, "3x3"),
    Target("conv", "weight gradient, all rows", 1.4, 1.0, WEIGHT),
    Target("conv", "exact: forward, all rows", 1.1, 0.9, FORWARD, side=EXACT),
    Target("conv", "exact: input gradient, all rows", None, None, INPUT, side=EXACT),
    Target("conv", "exact: weight gradient, all rows", None, None, WEIGHT, side=EXACT),
    Target("layers", "layers, all rows", 1.5, 1.0),
    Target("step", "training step: face net", 2.5, None, tag="face net"),
    Target("step", "training step: LeNet-5, VGG-11, ResNet-18", 1.8, 1.3, tag="other networks"),
    Target("inference", "inference against ONNX Runtime", 1.5, 1.0),
    Target("threads", "all threads against one, large layers", None, 1.8),
    Target("harness", "a side against itself"),
    Target("scaling", "over batch and size"),
)


def verdicts(suite: str, rows: list[Row]) -> list[dict[str, Any]]:
    """What ``rows`` say about the targets of their suite."""
    found = (target.verdict(rows) for target in TARGETS if target.suite == suite)
    return [verdict for verdict in found if verdict]
