"""What is known of natural images, as energies with their gradients: they are smooth, and their pixels are bounded.

Total variation, for each image (Mahendran and Vedaldi, 2015, "Understanding deep image representations by inverting
them", section 3):

    TV(x) = sum over pixels, channels of ((x[i, j+1] - x[i, j])^2 + (x[i+1, j] - x[i, j])^2)^(beta / 2)

where a difference over the last row or column is 0; and the alpha-norm, the sum of |x|^alpha.
"""

from __future__ import annotations

import numpy as np

from tinyconv.core.arrays import FloatArray

SHARPEST_EDGE = 1e-10
"""Squared differences below it count as this much where beta < 2: the gradient has a pole at 0."""


def total_variation(images: FloatArray, beta: float = 2.0) -> tuple[FloatArray, FloatArray]:
    """(N,) TV of images (N, C, H, W), and its gradient (N, C, H, W)."""
    right, down = np.zeros_like(images), np.zeros_like(images)
    right[..., :-1] = images[..., 1:] - images[..., :-1]
    down[..., :-1, :] = images[..., 1:, :] - images[..., :-1, :]
    squares = right**2 + down**2
    values = (squares ** (beta / 2)).sum(axis=(1, 2, 3))
    # d/dx of s^(beta/2) is beta s^(beta/2 - 1) times the difference, at its two ends with opposite signs.
    slope = beta * (np.maximum(squares, SHARPEST_EDGE) ** (beta / 2 - 1) if beta != 2 else 1.0)
    right, down = slope * right, slope * down
    gradient = -(right + down)
    gradient[..., 1:] += right[..., :-1]
    gradient[..., 1:, :] += down[..., :-1, :]
    return values, gradient


def alpha_norm(images: FloatArray, alpha: float = 6.0) -> tuple[FloatArray, FloatArray]:
    """(N,) sums of |x|^alpha of images (N, C, H, W), and their gradient: large alpha bounds the brightest pixels."""
    magnitudes = np.abs(images)
    return (magnitudes**alpha).sum(axis=(1, 2, 3)), alpha * magnitudes ** (alpha - 1) * np.sign(images)
