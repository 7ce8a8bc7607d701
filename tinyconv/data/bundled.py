"""Real images that lie inside the installed packages: nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.arrays import Pair
from tinyconv.data.images import ImageData

FACES_IN_LFW_SUBSET = 100


def lfw_subset(image_size: Pair | None = None) -> ImageData:
    """100 faces and 100 patches without one, 25x25 gray, from Labeled Faces in the Wild, in scikit-image.

    The array holds the faces first.
    """
    from skimage import data

    module: Any = data
    images = np.asarray(module.lfw_subset(), np.float32)[:, None]
    labels = (np.arange(len(images)) < FACES_IN_LFW_SUBSET).astype(np.int64)
    credit = "Labeled Faces in the Wild (Huang et al., 2007), the subset that scikit-image carries"
    return ImageData("lfw-subset", images, labels, ("non-face", "face"), credit, mirror=True).resized(image_size)


def digits(image_size: Pair | None = None) -> ImageData:
    """1797 handwritten digits, 8x8 with 17 levels of gray, in scikit-learn."""
    from sklearn.datasets import load_digits

    brightest = 16
    bunch = load_digits()
    images = np.asarray(bunch.images, np.float32)[:, None] / np.float32(brightest)
    classes = tuple(str(name) for name in bunch.target_names)
    credit = "Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, UCI, 1998), as in scikit-learn"
    return ImageData("digits", images, bunch.target.astype(np.int64), classes, credit, mirror=False).resized(image_size)
