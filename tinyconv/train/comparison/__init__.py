"""Several runs beside each other: what differs between their recipes, and what came of it."""

from __future__ import annotations

from tinyconv.train.comparison.picture import comparison_png
from tinyconv.train.comparison.runs import Comparison, RunSummary, compare

__all__ = ["Comparison", "RunSummary", "compare", "comparison_png"]
