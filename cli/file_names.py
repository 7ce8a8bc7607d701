"""What files made of a user's images are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def stems(images: Sequence[Path]) -> list[str]:
    """A file name for each image: its own, with a number behind one that comes again."""
    from tinyconv.features.folders import file_name

    names: list[str] = []
    for image in images:
        stem, number = file_name(image.stem), 2
        name = stem
        while name in names:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
    return names
