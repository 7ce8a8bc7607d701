"""Which channels of a layer are meant: "0-31,40"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tinyconv.core.errors import ArgumentError, DimensionError


def parse_channels(text: str) -> list[int]:
    """Channel numbers from a list of numbers and ranges (both ends included): "0-3,8" is [0, 1, 2, 3, 8].

    Each number counts once, in the order written.

    Raises: ``ArgumentError`` for anything else.

    >>> from tinyconv.features import parse_channels
    >>> parse_channels("0-3,8")
    [0, 1, 2, 3, 8]
    """
    numbers: dict[int, None] = {}
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if found is None:
            raise ArgumentError(
                f"channels {text!r}: {part.strip()!r} is not a number or a range; write for example 0-31,40"
            )
        first = int(found[1])
        last = first if found[2] is None else int(found[2])
        if last < first:
            raise ArgumentError(f"channels {text!r}: the range {part.strip()} runs backwards; write {last}-{first}")
        if last - first > 1_000_000:
            raise ArgumentError(f"channels {text!r}: the range {part.strip()} is larger than any layer")
        numbers.update(dict.fromkeys(range(first, last + 1)))
    return list(numbers)


def check_channels(channels: Sequence[int], count: int, layer: str) -> list[int]:
    """``channels`` as a list, if the ``count`` channels of ``layer`` include them. Raises ``DimensionError``."""
    outside = [channel for channel in channels if not 0 <= channel < count]
    if outside:
        raise DimensionError(
            f"layer {layer} has {count} channels, numbered 0 to {count - 1}; there is no channel {outside[0]}: select "
            "among those, or leave the layer out"
        )
    return list(channels)
