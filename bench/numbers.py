"""Random numbers for arrays of any size, in the time that it takes to copy them."""

from __future__ import annotations

from math import prod

import numpy as np

DRAWN = 3_999_971
"""A prime: where larger arrays repeat, they repeat at no multiple of their sizes."""


def normal(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Normal numbers in float32, the same in every run; maps (N, C, H, W) are stored channels-last."""
    count = prod(shape)
    drawn = np.random.default_rng(seed).standard_normal(min(count, DRAWN), np.float32)
    numbers = np.resize(drawn, count)
    if len(shape) != 4:
        return numbers.reshape(shape)
    n, c, h, w = shape
    return numbers.reshape(n, h, w, c).transpose(0, 3, 1, 2)
