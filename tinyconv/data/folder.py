"""A folder of the user's own images: one subfolder per class."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import DataError
from tinyconv.data.images import ImageData, is_gray, open_image, read_image, upright_size

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
)
"""A file so named must be an image; any other is passed over and counted."""

LARGEST_DEFAULT_SIDE = 64
RUN_FILE = "run.json"  # what marks a folder that a training wrote
SPLIT_NAMES = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))


def folder(path: Path, image_size: Pair | None = None) -> ImageData:
    """The images below ``path``: ``path/<class>/**/<image>``, classes in the order of their names.

    Hidden files and folders are ignored; files whose names are not those of images are counted in ``skipped``.
    All images are resized to one size: ``image_size``, or else the commonest size among them, reduced in proportion so
    that its longer side is at most 64 pixels. They are gray (one channel) if every image is.
    ``mirror`` is false, because nobody can know. Raises ``DataError``, naming the folder or file at fault.
    """
    classes, files, labels, skipped = _listing(path)
    sizes, gray_modes = _headers(files)
    size = image_size or common_size(sizes)
    images = np.stack([read_image(file, 1 if gray_modes else 3, size) for file in files])
    if images.shape[1] == 3 and _without_colour(images):
        images = images[:, :1]
    return ImageData(str(path), images, np.array(labels, np.int64), classes, f"images in {path}", False, skipped)


def common_size(sizes: list[Pair]) -> Pair:
    """The commonest (height, width), the smaller of two equally common; at most 64 pixels on its longer side."""
    counts = Counter(sizes)
    height, width = min(counts, key=lambda size: (-counts[size], size[0] * size[1], size))
    longer = max(height, width)
    if longer <= LARGEST_DEFAULT_SIDE:
        return height, width
    scale = LARGEST_DEFAULT_SIDE / longer
    return max(1, round(height * scale)), max(1, round(width * scale))


def _listing(path: Path) -> tuple[tuple[str, ...], list[Path], list[int], int]:
    """Class names, image files in order, their labels, and how many other files there are."""
    if not path.exists():
        raise DataError(f"folder {path} does not exist")
    if not path.is_dir():
        raise DataError(f"{path} is a file; give the folder that holds one subfolder of images per class")
    if (path / RUN_FILE).is_file():
        raise DataError(f"{path} is a run folder of tinyconv (it has {RUN_FILE}), not a folder of images per class")
    try:
        entries = _visible(path)
        class_folders = [entry for entry in entries if entry.is_dir()]
        found = [[file for file in _walk(class_folder) if not file.is_dir()] for class_folder in class_folders]
    except PermissionError as error:
        raise DataError(f"folder {error.filename} may not be read (permission denied)") from None
    classes = tuple(class_folder.name for class_folder in class_folders)
    _check_classes(path, classes, entries)
    files: list[Path] = []
    labels: list[int] = []
    for label, (name, inside) in enumerate(zip(classes, found, strict=True)):
        images = [file for file in inside if file.suffix.lower() in SUFFIXES]
        if not images:
            raise DataError(f"class folder {path / name} holds no images; fill it or delete it")
        files += images
        labels += [label] * len(images)
    every = sum(map(len, found)) + len(entries) - len(class_folders)
    return classes, files, labels, every - len(files)


def _check_classes(path: Path, classes: tuple[str, ...], entries: list[Path]) -> None:
    if not entries:
        raise DataError(f"folder {path} is empty; it should hold one subfolder of images per class")
    if not classes:
        raise DataError(f"folder {path} has no subfolders; put the images of each class into a subfolder of its own")
    if len(classes) == 1:
        raise DataError(f"folder {path} has one class only ({classes[0]}); telling classes apart takes at least two")
    if all(name.lower() in SPLIT_NAMES for name in classes):
        raise DataError(
            f"folder {path} holds parts of a dataset ({', '.join(classes)}), not classes; give one part, as in "
            f"folder:{path / classes[-1]}"
        )


def _visible(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))


def _walk(path: Path) -> list[Path]:
    """Every visible file below ``path``, sorted."""
    files: list[Path] = []
    for entry in _visible(path):
        files += _walk(entry) if entry.is_dir() else [entry]
    return files


def _headers(files: list[Path]) -> tuple[list[Pair], bool]:
    """Every image's (height, width), and whether all are gray by their modes. Reads no pixels."""
    sizes: list[Pair] = []
    gray = True
    for file in files:
        with open_image(file) as image:
            sizes.append(upright_size(image))
            gray = gray and is_gray(image)
    return sizes, gray


def _without_colour(images: Array) -> bool:
    """Whether red, green and blue are equal in every pixel: gray photographs are often stored as RGB."""
    return bool((images[:, 0] == images[:, 1]).all() and (images[:, 0] == images[:, 2]).all())
