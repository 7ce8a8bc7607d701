"""Keeping a report under its size: what is left out first is what its reader misses least, and the page says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Plan:
    """How much of everything a report shows.

    ``maps_room``: bytes of the feature maps' pictures. ``followed``: images in the arithmetic; ``channels``: of each
    layer there, those that answer most. ``units``: dossiers of each layer; ``every_unit``: whether the patches of all
    others are shown. ``cases``: images whose explanations are shown.
    """

    maps_room: int = 5_000_000
    followed: int = 2
    channels: int = 16
    units: int = 12
    every_unit: bool = True
    cases: int = 4


@dataclass(frozen=True)
class Step:
    """One thing that is left out: ``changes`` of the plan, and ``words`` for the reader about the ``subject``.

    Of the feature maps the page itself says what they show: it depends on how much was recorded.
    """

    subject: str
    words: str
    changes: dict[str, Any]

    def applied(self, plan: Plan) -> Plan:
        """``plan`` with less."""
        return replace(plan, **self.changes)


TRIM_ORDER = (
    Step("feature maps", "", {"maps_room": 3_000_000}),
    Step("arithmetic", "one image instead of two", {"followed": 1}),
    Step("units", "no patches of units without a dossier", {"every_unit": False}),
    Step("arithmetic", "one image, and 8 channels of a layer", {"channels": 8}),
    Step("feature maps", "", {"maps_room": 1_500_000}),
    Step("units", "6 dossiers of a layer", {"units": 6}),
    Step("explanations", "two images", {"cases": 2}),
    Step("arithmetic", "one image, and 3 channels of a layer", {"channels": 3}),
    Step("units", "3 dossiers of a layer", {"units": 3}),
    Step("feature maps", "", {"maps_room": 400_000}),
    Step("arithmetic", "one image, and one channel of a layer", {"channels": 1}),
    Step("explanations", "one image", {"cases": 1}),
)
"""From the first that is left out to the last."""
