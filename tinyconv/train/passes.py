"""A pass over batches that begins in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinyconv.core.random import default_generator
from tinyconv.train.records import BatchSource


def going_on(data: BatchSource, batch: int, generator: tuple[int, int]) -> Iterator[Any]:
    """The batches of a pass from number ``batch`` on; ``generator``: the default one's state when the pass began."""
    if hasattr(data, "start_at"):
        data.start_at(batch)
        return iter(data)
    # A loader that draws its order: it draws the same again, and is read up to where it was.
    now = default_generator.get_state()
    default_generator.set_state(generator)
    batches = iter(data)
    for _ in range(batch):
        next(batches, None)
    default_generator.set_state(now)
    return batches
