"""What a block computes: tiles of the result, and how its warps and threads share one.

A warp has ``warp_rows`` x ``warp_columns`` of the tile's results, each of its threads some rows of them, and in each of
those some runs of 4 neighbouring columns: so every thread writes 16 bytes at a time.
"""

from __future__ import annotations

from typing import NamedTuple

WARP = 32
RUN = 4
"""Neighbouring columns that a thread has the results of."""


class Tile(NamedTuple):
    """``rows`` x ``columns`` results of a block, which takes ``depth`` terms of their sums at a time.

    ``stages``: the terms of as many steps are in shared memory, all but one of them on their way there.
    """

    rows: int
    columns: int
    depth: int
    warp_rows: int
    warp_columns: int
    stages: int

    @property
    def warps_across(self) -> int:
        """Warps side by side."""
        return self.columns // self.warp_columns

    @property
    def threads(self) -> int:
        """Of a block."""
        return self.rows // self.warp_rows * self.warps_across * WARP

    @property
    def name(self) -> str:
        """For the names of kernels: the tile, and each warp's part of it."""
        return f"{self.rows}x{self.columns}x{self.depth}_{self.warp_rows}x{self.warp_columns}"
