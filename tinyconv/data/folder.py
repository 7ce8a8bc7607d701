"""A folder of the user's own images: one subfolder per class; or a .tar or .zip archive of such a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinyconv.core.arrays import Pair
from tinyconv.core.errors import DataError
from tinyconv.data import decoding
from tinyconv.data.image_files import ImageFile, Tree, tree
from tinyconv.data.images import ImageData

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
)
"""A file so named must be an image; any other is passed over and counted."""

LARGEST_DEFAULT_SIDE = 64
RUN_FILE = "run.json"  # what marks a folder that a training wrote
TRAIN_NAMES = ("train", "training")
HELD_OUT_NAMES = ("val", "valid", "validation", "test", "testing")
"""The first of these that there is, is held out: test images beside validation images wait for a later judgement."""


class _Files(NamedTuple):
    """Image files in order, their labels, which are held out (None: nobody said), and how many others there are."""

    classes: tuple[str, ...]
    files: list[ImageFile]
    labels: list[int]
    held_out: list[bool] | None
    skipped: int


def folder(path: Path, image_size: Pair | None = None) -> ImageData:
    """The images below ``path``: ``path/<class>/**/<image>``, classes in the order of their names.

    With ``path/train/<class>`` and ``path/test/<class>`` (or val) in place of the classes, those of the latter are held
    out. Hidden files and folders are ignored; files whose names are not those of images are counted in ``skipped``,
    images that cannot be read are left out and named in ``damaged``.
    All images are resized to one size: ``image_size``, or else the commonest size among them, reduced in proportion so
    that its longer side is at most 64 pixels. They are gray (one channel) if every image is. Where they would take more
    than 1 GiB, they are decoded when they are needed.
    ``mirror`` is false, because nobody can know. Raises ``DataError``, naming the folder or file at fault.
    """
    found = _listing(path)
    headers = decoding.in_threads(decoding.read_header, found.files)
    good = [index for index, header in enumerate(headers) if header is not None]
    kept = [header for header in headers if header is not None]
    _check_rest(path, found, np.array(good, int))
    size = image_size or common_size([header.size for header in kept])
    channels = 1 if all(header.gray for header in kept) else 3
    files = [found.files[index] for index in good]
    images, readable = decoding.decode_all(files, channels, size, any(header.deep for header in kept))
    chosen = np.array(good)[readable]
    _check_rest(path, found, chosen)
    damaged = sorted({file.name for file in found.files} - {found.files[index].name for index in chosen})
    return ImageData(
        str(path),
        images,
        np.array(found.labels, np.int64)[chosen],
        found.classes,
        f"images in {path}",
        False,
        found.skipped,
        tuple(damaged),
        tuple(found.files[index].name for index in chosen),
        None if found.held_out is None else np.flatnonzero(np.array(found.held_out)[chosen]),
    )


def common_size(sizes: list[Pair]) -> Pair:
    """The commonest (height, width), the smaller of two equally common; at most 64 pixels on its longer side."""
    counts = Counter(sizes)
    height, width = min(counts, key=lambda size: (-counts[size], size[0] * size[1], size))
    longer = max(height, width)
    if longer <= LARGEST_DEFAULT_SIDE:
        return height, width
    scale = LARGEST_DEFAULT_SIDE / longer
    return max(1, round(height * scale)), max(1, round(width * scale))


def _listing(path: Path) -> _Files:
    everything = tree(path)
    if (path / RUN_FILE).is_file():
        raise DataError(f"{path} is a run folder of tinyconv (it has {RUN_FILE}), not a folder of images per class")
    parts = {name.lower(): name for name in everything.top_folders}
    train = next((parts[name] for name in TRAIN_NAMES if name in parts), None)
    held_out = next((parts[name] for name in HELD_OUT_NAMES if name in parts), None)
    if not parts.keys() <= {*TRAIN_NAMES, *HELD_OUT_NAMES} or not parts:
        return _of_classes(path, everything)
    if train is None or held_out is None:
        given = ", ".join(parts.values())
        raise DataError(
            f"folder {path} holds parts of a dataset ({given}), not classes, and both train and test (or val) are "
            f"needed to keep their split; give one part, as in folder:{path / everything.top_folders[-1]}"
        )
    learnt = _of_classes(path / train, everything.below(train))
    tested = _of_classes(path / held_out, everything.below(held_out), learnt.classes)
    return _Files(
        learnt.classes,
        [
            file._replace(name=f"{part}/{file.name}")
            for part, found in ((train, learnt), (held_out, tested))
            for file in found.files
        ],
        learnt.labels + tested.labels,
        [False] * len(learnt.files) + [True] * len(tested.files),
        learnt.skipped + tested.skipped,
    )


def _of_classes(path: Path, found: Tree, classes: tuple[str, ...] = ()) -> _Files:
    """The files of the folders at the top, which are ``classes`` (or some of them) where such are given."""
    names = tuple(found.top_folders)
    _check_classes(path, names, found)
    if strangers := [name for name in names if classes and name not in classes]:
        raise DataError(f"class folder {path / strangers[0]} has no counterpart among the training images")
    classes = classes or names
    if len(classes) == 1:
        raise DataError(f"folder {path} has one class only ({classes[0]}); telling classes apart takes at least two")
    of_class: dict[str, list[ImageFile]] = {name: [] for name in names}
    for file in found.files:
        if "/" in file.name and file.suffix in SUFFIXES:
            of_class[file.name.partition("/")[0]].append(file)
    files: list[ImageFile] = []
    labels: list[int] = []
    for name, images in of_class.items():
        if not images:
            raise DataError(f"class folder {path / name} holds no images; fill it or delete it")
        files += images
        labels += [classes.index(name)] * len(images)
    return _Files(classes, files, labels, None, len(found.files) - len(files))


def _check_classes(path: Path, names: tuple[str, ...], found: Tree) -> None:
    if not found.files and not names:
        raise DataError(f"folder {path} is empty; it should hold one subfolder of images per class")
    if not names:
        raise DataError(f"folder {path} has no subfolders; put the images of each class into a subfolder of its own")


def _check_rest(path: Path, found: _Files, chosen: object) -> None:
    """Raise unless every class has an image left that can be read, to learn from."""
    indices = np.asarray(chosen, int)
    learnt = indices if found.held_out is None else indices[~np.array(found.held_out)[indices]]
    left = np.bincount(np.array(found.labels)[learnt], minlength=len(found.classes))
    for label in np.flatnonzero(left == 0):
        file = found.files[found.labels.index(int(label))].name
        raise DataError(
            f"{path}: no image of class {found.classes[label]} can be read: {file} is damaged or not an image, and so "
            "are the others; replace or delete them"
        )
