"""Images with things marked in them, in a NumPy ``.npz`` file: what dissection compares channels with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import DataError
from tinyconv.data.images import ImageData
from tinyconv.data.npz import images_in, read
from tinyconv.train.preprocessing import Preprocessing


@dataclass(frozen=True)
class MarkedImages:
    """``images`` (N, C, H, W) in [0, 1] and ``masks`` bool (N, K, H, W), where each of K ``concepts`` is."""

    images: Array
    masks: Array
    concepts: tuple[str, ...]


def read_masks(path: Path, preprocessing: Preprocessing) -> MarkedImages:
    """The images and masks in the file ``path``, as many channels as the model takes.

    The file holds images as ``--data npz:`` takes them, ``masks``: (N, K, H, W), other than 0 where a thing is, or
    (N, H, W) for one, and ``concepts``: the K names. Raises ``DataError`` with what is wrong.
    """
    arrays = read(path)
    images = images_in(arrays, path)
    if "masks" not in arrays or "concepts" not in arrays:
        missing = "masks" if "masks" not in arrays else "concepts"
        raise DataError(
            f"{path} has no array {missing} (it holds: {', '.join(arrays)}): save images (N, H, W), masks (N, K, H, W) "
            "and the K names of what they mark as concepts"
        )
    masks, concepts = arrays["masks"], tuple(str(name) for name in np.atleast_1d(arrays["concepts"]))
    masks = masks[:, None] if masks.ndim == 3 else masks
    wanted = (len(images), len(concepts), *images.shape[2:])
    if masks.shape != wanted:
        raise DataError(
            f"{path}: masks have shape {arrays['masks'].shape}; for these images and {len(concepts)} concepts they are "
            f"(N, K, H, W) = {wanted}"
        )
    if images.shape[2:] != preprocessing.image_size:
        sizes = "{}x{}".format(*images.shape[2:]), "{}x{}".format(*preprocessing.image_size)
        raise DataError(
            f"{path}: images of {sizes[0]} pixels, and the model takes {sizes[1]}; resize them and their masks"
        )
    data = ImageData(str(path), images, np.zeros(len(images), np.int64), (), "", False)
    return MarkedImages(data.with_channels(preprocessing.channels).images, masks != 0, concepts)
