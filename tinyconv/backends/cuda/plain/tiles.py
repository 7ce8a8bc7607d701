"""How a block of threads divides a matrix product among itself."""

from __future__ import annotations

from typing import NamedTuple

from tinyconv.backends.cuda.compiler import SIMULATED


class Tile(NamedTuple):
    """A block computes ``rows`` x ``columns`` of the result, ``depth`` terms of all its sums at a time.

    A thread computes ``thread_rows`` neighbouring rows, whose numbers it reads four at a time, of ``thread_columns``
    columns, which lie as far apart as there are threads side by side: so neighbouring threads write neighbouring
    columns. The more it has of both, the more it multiplies for every number that it reads from shared memory.
    """

    rows: int
    columns: int
    depth: int
    thread_rows: int
    thread_columns: int

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return (self.rows // self.thread_rows) * (self.columns // self.thread_columns)

    @property
    def name(self) -> str:
        """The sizes, as kernels are named after them."""
        return f"{self.rows}x{self.columns}x{self.depth}"


if SIMULATED:  # few threads: each is one of Python's
    WIDE, NARROW, SQUARE, FLAT = Tile(8, 8, 4, 4, 2), Tile(8, 4, 4, 4, 1), Tile(4, 8, 4, 2, 2), Tile(4, 4, 4, 2, 1)
else:
    WIDE, NARROW, SQUARE, FLAT = (
        Tile(128, 64, 8, 8, 4), Tile(128, 16, 8, 8, 2), Tile(64, 64, 8, 8, 4), Tile(16, 64, 8, 4, 2)
    )  # fmt: skip
"""WIDE for pixels x outputs, NARROW where outputs are few, as in groups of few channels; SQUARE for weight gradients,
whose rows are the outputs, and FLAT for those of few."""

PAD = 4
"""Numbers between the rows of a tile in shared memory: its columns then lie in different banks, and the rows at
addresses from which four numbers can be read at once."""

ALIGNMENT = None if SIMULATED else 16
"""Bytes; for the same."""

UNROLLED = 2
"""Terms of a sum that are added without a test in between."""

FAR = -(2**30)
"""A row of pixels that no image has, whatever is added to it."""
