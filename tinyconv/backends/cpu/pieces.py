"""How elementwise work is dealt out: in pieces of many elements, inside which a plain loop is vectorised."""

from __future__ import annotations

import numpy as np

from tinyconv.backends.cpu.compilation import helper

PIECE = 16384
"""Elements: enough to make a piece's start negligible, few enough for all threads to finish together."""


def pieces_of(size: int) -> int:
    """The number of pieces for ``size`` elements; it does not depend on the number of threads."""
    return -(-size // PIECE)


@helper
def piece_bounds(piece, pieces, size):
    """The first element of a piece, and the one after its last."""
    number = np.int64(piece)
    return size * number // pieces, size * (number + 1) // pieces
