"""What a check found: an invariant, the number that was measured, the limit it must keep."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """``statement``: the invariant in words. ``measured``: how far from it, at most ``limit`` if it holds; None where
    it does not apply. ``note``: what the number is of, or why it does not apply.

    Raises: nothing of its own.

    >>> from tinyconv.explain.checks import Finding
    >>> Finding("conservation", "relevance sums to the score", 1e-3, 1e-9, "of the score").verdict
    'FAIL'
    """

    name: str
    statement: str
    measured: float | None
    limit: float
    note: str = ""

    @property
    def applies(self) -> bool:
        """Whether the invariant says anything of this model."""
        return self.measured is not None

    @property
    def failed(self) -> bool:
        """Whether it applies and does not hold; NaN never holds."""
        return self.measured is not None and not self.measured <= self.limit

    @property
    def verdict(self) -> str:
        """In a word: "pass", "FAIL" or "n/a"."""
        return "FAIL" if self.failed else "pass" if self.applies else "n/a"

    @property
    def figure(self) -> str:
        """What was measured, as a table shows it."""
        if self.measured is None:
            return ""
        return (
            "0" if self.measured == 0 else str(self.measured) if math.isnan(self.measured) else f"{self.measured:.1e}"
        )


def does_not_apply(name: str, statement: str, reason: str) -> Finding:
    """The finding of a check that says nothing of this model, for a ``reason``."""
    return Finding(name, statement, None, 0.0, reason)
