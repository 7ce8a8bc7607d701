"""Every function of the backend, in every precision and by every algorithm, against float64."""

from __future__ import annotations

from collections.abc import Iterator

from bench.gpu import convolution_checks, large, normalization_checks, other_checks, pooling_checks, volume_checks
from bench.gpu.case import Case
from bench.gpu.checks import Check
from bench.gpu.place import Place

FAMILIES = (convolution_checks, volume_checks, pooling_checks, normalization_checks, other_checks)


def cases(place: Place) -> Iterator[Case]:
    """One for each function and shape; last, what is large."""
    for check in checks():
        yield check.case(place)
    yield from large.cases(place)


def checks() -> Iterator[Check]:
    """Of all families."""
    for family in FAMILIES:
        yield from family.checks()
