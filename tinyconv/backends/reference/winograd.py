"""Winograd's minimal filtering F(4x4, 3x3) by its definition, for one tile.

The matrices are those of the points 0, 1, -1, 2, -2 and infinity as they stand in print (Lavin & Gray, "Fast algorithms
for convolutional neural networks", 2016). ``backends.cpu.winograd_matrices`` derives its own from the points.
"""

from __future__ import annotations

import numpy as np

from tinyconv.core.arrays import Array

B_TRANSPOSED = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
A_TRANSPOSED = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


def winograd_tile(d: Array, g: Array) -> Array:
    """Y = Aᵀ [sum over c of (G g Gᵀ) ⊙ (Bᵀ d B)] A: the 4x4 outputs of a filter g (C, 3, 3) on d (C, 6, 6)."""
    products = np.zeros((6, 6))
    for d_of_channel, g_of_channel in zip(d, g, strict=True):
        products += (G @ g_of_channel @ G.T) * (B_TRANSPOSED @ d_of_channel @ B_TRANSPOSED.T)
    y: Array = A_TRANSPOSED @ products @ A_TRANSPOSED.T
    return y
