"""Sums that stay accurate however long they are."""

from __future__ import annotations

from typing import Any

import numpy as np


def accurate_sum(xp: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The sum of ``x`` along ``axis``, which is kept with size 1; float32 is added up in float64.

    NumPy adds pairwise only along the axis that is contiguous, and one after the other along the others: the mean of
    four million float32 numbers came out 4% wrong. With channels last, the axes summed over are mostly the others.
    """
    return xp.sum(x, axis=axis, keepdims=True, dtype=np.float64 if x.dtype == np.float32 else None)
