"""Face datasets that scikit-learn downloads once and keeps in its data folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Pair
from tinyconv.core.errors import DataError
from tinyconv.data.images import ImageData

MIN_FACES_PER_PERSON = 70
"""Leaves 7 people: the benchmark of scikit-learn's own example."""

REDUCTION = 0.4
"""Of the 125x94 pixels around the face, as in that example: 50x37."""


def lfw(image_size: Pair | None = None, data_home: str | Path | None = None) -> ImageData:
    """Labeled Faces in the Wild: gray faces of the people with at least 70 photographs, 50x37 pixels.

    With an ``image_size`` they are resized to it from the full 125x94 instead. ``data_home``: see ``sources.load``.
    """
    from sklearn.datasets import fetch_lfw_people

    bunch = _fetch(
        "lfw",
        "about 200 MB",
        fetch_lfw_people,
        data_home,
        min_faces_per_person=MIN_FACES_PER_PERSON,
        resize=None if image_size else REDUCTION,
    )
    credit = "Labeled Faces in the Wild (Huang et al., 2007)"
    return _image_data("lfw", bunch.images, bunch.target, bunch.target_names, credit).resized(image_size)


def olivetti(image_size: Pair | None = None, data_home: str | Path | None = None) -> ImageData:
    """The Olivetti faces: 40 people, 10 photographs each, 64x64 gray. ``data_home``: see ``sources.load``."""
    from sklearn.datasets import fetch_olivetti_faces

    bunch = _fetch("olivetti", "about 4 MB", fetch_olivetti_faces, data_home)
    people = [f"person {number}" for number in range(int(bunch.target.max()) + 1)]
    credit = "The Olivetti faces, AT&T Laboratories Cambridge"
    return _image_data("olivetti", bunch.images, bunch.target, people, credit).resized(image_size)


def _fetch(name: str, amount: str, fetcher: Callable[..., Any], data_home: str | Path | None, **options: Any) -> Any:
    """What scikit-learn's ``fetcher`` returns; its errors as one sentence that says what to do."""
    from sklearn.datasets import get_data_home

    try:
        home = get_data_home(data_home)
        with warnings.catch_warnings():
            # Its attempts to connect; the sentence below says what came of them.
            warnings.filterwarnings("ignore", message="Retry downloading")
            return fetcher(data_home=home, **options)
    except OSError as error:
        folder = data_home or "scikit-learn's data folder"
        raise DataError(
            f"dataset {name!r} could not be downloaded into {folder} or read from it "
            f"({' '.join(str(error).split())}): connect once ({amount}), or point SCIKIT_LEARN_DATA to a folder that "
            "has it, or use one that needs no download: lfw-subset, digits, orl"
        ) from None
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"dataset {name!r} in {home} is incomplete ({reason}); delete it there") from None


def _image_data(name: str, images: Any, target: Any, people: Any, credit: str) -> ImageData:
    array = np.asarray(images, np.float32)[:, None].clip(0.0, 1.0)
    classes = tuple(str(person) for person in people)
    return ImageData(name, array, np.asarray(target).astype(np.int64), classes, credit, mirror=True)
