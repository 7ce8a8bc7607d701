"""The parameters that a user hands to an optimiser: tensors, or pairs of a name and a tensor."""

from __future__ import annotations

from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.tensor import Tensor


def named_and_plain(optimizer: str, given: Any) -> tuple[list[str] | None, list[Any]]:
    """The names (None where there are none) and the tensors of ``given``, one group's ``params``."""
    if isinstance(given, set):
        raise ArgumentError(f"{optimizer}: the parameters of a group need an order, which a set has not; use a list")
    items = [given] if isinstance(given, Tensor) else list(given)
    named = [item for item in items if isinstance(item, tuple)]
    if not named:
        return None, items
    if len(named) != len(items) or not all(len(item) == 2 and isinstance(item[0], str) for item in named):
        raise ArgumentError(
            f"{optimizer}: either all parameters have names, as pairs (name, tensor), or none; "
            f"{len(named)} of these {len(items)} are tuples"
        )
    return [name for name, _ in named], [parameter for _, parameter in named]
