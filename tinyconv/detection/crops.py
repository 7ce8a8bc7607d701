"""What was found, cut out of its photograph: images to train with, the network's own false alarms above all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.data.images import resize
from tinyconv.detection.boxes import Box
from tinyconv.features.canvas import write_png
from tinyconv.features.folders import file_name
from tinyconv.features.input_panel import image_pixels


def save_crops(photo: FloatArray, boxes: Iterable[Box], size: Pair, folder: str | Path, source: str | Path) -> int:
    """Write what ``boxes`` show of ``photo`` (C, H, W), resized to ``size``, as PNG files into ``folder``.

    A file's name says where in ``source``, the photograph's path, it was cut; one that is there already stays as it is.
    Returns how many are new: none, once a search finds nothing that it had not found before.

    Shape: photo (C, H, W) in [0, 1].
    Dtype: photo of floats.
    Raises: ``RunError`` where the folder cannot be made or written.
    Source: Garcia & Delakis, 2004, section 4, which train on such false alarms again and again.

    >>> from tinyconv.detection import Box, save_crops
    >>> photo = np.zeros((1, 100, 80), np.float32)
    >>> [save_crops(photo, [Box(8, 10, 40, 46)], (36, 32), "crops", "hills/one.jpg") for again in range(2)]
    [1, 0]
    """
    new = 0
    path = Path(source)
    for box in boxes:
        top, left = max(round(box.top), 0), max(round(box.left), 0)
        bottom, right = min(round(box.bottom), photo.shape[1]), min(round(box.right), photo.shape[2])
        name = file_name(f"{path.parent.name}-{path.stem}-{left}-{top}-{right - left}x{bottom - top}")
        target = Path(folder) / f"{name}.png"
        if not target.exists():
            write_png(target, image_pixels(resize(photo[:, top:bottom, left:right], size))[0])
            new += 1
    return new
