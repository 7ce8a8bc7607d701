"""What keeps an image natural while an activation is maximised: Yosinski's four regularisers, and a ball.

After each step of gradient ascent the image goes through r_theta (Yosinski, Clune, Nguyen, Fuchs and Lipson, 2015,
"Understanding neural networks through deep visualization", section 3). Images are (N, C, H, W) with 0 at the mean of
the training data; each of the N is on its own.
"""

from __future__ import annotations

import numpy as np

from tinyconv.core.arrays import FloatArray


def decayed(images: FloatArray, share: float) -> FloatArray:
    """L2 decay: x (1 - share). Keeps a few extreme pixels from dominating."""
    return images * (1 - share)


def blurred(images: FloatArray, radius: float) -> FloatArray:
    """Gaussian blur of standard deviation ``radius`` (pixels): removes the high frequencies that gradients favour."""
    from scipy.ndimage import gaussian_filter

    result: FloatArray = gaussian_filter(images, (0, 0, radius, radius))
    return result


def without_small_norms(images: FloatArray, percentile: float) -> FloatArray:
    """Sets the pixels with the smallest norms over the channels to 0, as many as ``percentile`` says."""
    norms = np.sqrt((images**2).sum(axis=1))
    return images * _at_least(norms, percentile)


def without_small_contributions(images: FloatArray, gradient: FloatArray, percentile: float) -> FloatArray:
    """Sets the pixels to 0 that contribute least, |sum over channels of x g|: to first order, what they are worth."""
    contributions = np.abs((images * gradient).sum(axis=1))
    return images * _at_least(contributions, percentile)


def within_ball(images: FloatArray, radius: float) -> FloatArray:
    """The nearest image whose L2 norm is at most ``radius``."""
    norms = np.sqrt((images**2).sum(axis=(1, 2, 3), keepdims=True))
    return images * np.minimum(1.0, radius / np.maximum(norms, np.finfo(images.dtype).tiny)).astype(images.dtype)


def _at_least(scores: FloatArray, percentile: float) -> FloatArray:
    """(N, 1, H, W): 0 where a score (N, H, W) is below its image's percentile, else 1."""
    thresholds = np.percentile(scores, percentile, axis=(1, 2), keepdims=True)
    kept: FloatArray = (scores >= thresholds)[:, None].astype(scores.dtype)
    return kept
