"""Labeled Faces in the Wild, through scikit-learn: downloaded once, or photographs that are there already."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import DataError
from tinyconv.data.downloads import fetched
from tinyconv.data.duplicates import near_duplicates
from tinyconv.data.images import ImageData

MIN_FACES_PER_PERSON = 70
"""Leaves 7 people: the benchmark of scikit-learn's own example. With 20 there are 62."""

REDUCTION = 0.4
"""Of the 125x94 pixels around the face, as in that example: 50x37."""

PHOTOGRAPHS = ("lfw_funneled", "lfw")
SHUFFLING_SEED = 42  # scikit-learn's, of the order in which it returns the photographs


def lfw(
    image_size: Pair | None = None,
    data_home: str | Path | None = None,
    argument: str = "",
    min_faces: int = MIN_FACES_PER_PERSON,
) -> ImageData:
    """Gray faces of the people with ``min_faces`` photographs or more, 50x37 pixels.

    With an ``image_size`` they are resized to it from the full 125x94 instead. ``argument``: another number of faces,
    or a folder in scikit-learn's layout (``lfw_home/lfw_funneled/<person>/*.jpg``), from which alone is read and into
    which nothing is written. ``data_home``: see ``sources.load``.
    """
    if argument.isdecimal():
        min_faces = int(argument)
    if not argument or argument.isdecimal():
        return _fetched(image_size, data_home, min_faces, download=True)
    photographs = _photographs(Path(argument).expanduser())
    # scikit-learn writes a cache beside the photographs and wants lists of pairs there.
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "lfw_home"
        home.mkdir()
        (home / PHOTOGRAPHS[0]).symlink_to(photographs.resolve(), target_is_directory=True)
        for name in ("pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt"):
            (home / name).touch()
        return _fetched(image_size, folder, min_faces, download=False, where=f"lfw:{argument}")


def _fetched(
    image_size: Pair | None, data_home: str | Path | None, min_faces: int, download: bool, where: str = "lfw"
) -> ImageData:
    from sklearn.datasets import fetch_lfw_people, get_data_home

    try:
        bunch = fetched(
            "lfw",
            "about 200 MB",
            fetch_lfw_people,
            data_home,
            local=", or write lfw:PATH",
            min_faces_per_person=min_faces,
            resize=None if image_size else REDUCTION,
            download_if_missing=download,
        )
    except DataError as error:
        if "too restrictive" in str(error):
            raise DataError(
                f"{where} has nobody with {min_faces} photographs; ask for fewer (lfw:FACES, or --min-per-class)"
            ) from None
        raise
    images = np.asarray(bunch.images, np.float32)[:, None].clip(0.0, 1.0)
    labels = np.asarray(bunch.target).astype(np.int64)
    people = tuple(str(name) for name in bunch.target_names)
    if len(people) < 2:
        raise DataError(
            f"{where} has one person only with {min_faces} photographs ({people[0]}), and telling people apart "
            "takes at least two; ask for fewer"
        )
    data = ImageData("lfw", images, labels, people, "Labeled Faces in the Wild (Huang et al., 2007)", mirror=True)
    data.names = _names(Path(get_data_home(data_home)) / "lfw_home" / PHOTOGRAPHS[0], people, labels)
    data.groups = near_duplicates(images, labels)
    return data.resized(image_size)


def _photographs(folder: Path) -> Path:
    """Where the people's folders are, below ``folder`` or it itself."""
    places = [folder / home / name for home in ("lfw_home", "") for name in PHOTOGRAPHS]
    found = next((place for place in places if place.is_dir()), folder)
    if not found.is_dir() or not any(entry.is_dir() for entry in found.iterdir()):
        raise DataError(
            f"lfw:{folder}: there are no photographs; give the folder that holds lfw_home/{PHOTOGRAPHS[0]}, with one "
            "folder of photographs per person"
        )
    return found


def _names(folder: Path, people: tuple[str, ...], labels: Array) -> tuple[str, ...]:
    """The photographs' files, in the order in which scikit-learn returns them; none if that order is another now."""
    listed: list[tuple[str, str]] = []
    wanted = set(people)
    for person in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        name = person.name.replace("_", " ")
        if name in wanted:
            listed += [(name, f"{person.name}/{file.name}") for file in sorted(person.iterdir())]
    order: Any = np.arange(len(listed))
    np.random.RandomState(SHUFFLING_SEED).shuffle(order)
    expected = [people[label] for label in labels]
    if len(listed) != len(labels) or [listed[index][0] for index in order] != expected:
        return ()
    return tuple(listed[index][1] for index in order)
