"""Datasets that scikit-learn downloads once and keeps in its data folder."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import DataError
from tinyconv.data.images import ImageData

WITHOUT_DOWNLOAD = "lfw-subset, digits, orl"


def olivetti(image_size: Pair | None = None, data_home: str | Path | None = None) -> ImageData:
    """The Olivetti faces: 40 people, 10 photographs each, 64x64 gray. ``data_home``: see ``sources.load``."""
    from sklearn.datasets import fetch_olivetti_faces

    bunch = fetched("olivetti", "about 4 MB", fetch_olivetti_faces, data_home)
    images = np.asarray(bunch.images, np.float32)[:, None].clip(0.0, 1.0)
    people = tuple(f"person {number}" for number in range(int(bunch.target.max()) + 1))
    credit = "The Olivetti faces, AT&T Laboratories Cambridge"
    labels = np.asarray(bunch.target).astype(np.int64)
    return ImageData("olivetti", images, labels, people, credit, mirror=True).resized(image_size)


def openml(name: str, dataset: str, amount: str, data_home: str | Path | None) -> tuple[Array, Array]:
    """The rows of pixels 0 to 255 (N, pixels) as uint8, and the labels (N,) as int64, of ``dataset`` at OpenML."""
    from sklearn.datasets import fetch_openml

    # Without pandas scikit-learn reads the file by a parser of its own, which takes minutes and gigabytes.
    parser = "pandas" if importlib.util.find_spec("pandas") else "liac-arff"
    fetch = partial(fetch_openml, dataset, version=1, as_frame=False, parser=parser)
    bunch = fetched(name, amount, fetch, data_home, local=f", or write {name}:PATH")
    return np.asarray(bunch.data).astype(np.uint8), np.asarray(bunch.target).astype(np.int64)


def fetched(
    name: str,
    amount: str,
    fetcher: Callable[..., Any],
    data_home: str | Path | None,
    local: str = "",
    **options: Any,
) -> Any:
    """What scikit-learn's ``fetcher`` returns; its errors as one sentence that says what to do."""
    from sklearn.datasets import get_data_home

    try:
        home = get_data_home(data_home)
        with warnings.catch_warnings():
            # Its attempts to connect; the sentence below says what came of them.
            warnings.filterwarnings("ignore", message="Retry downloading|A network error occurred")
            return fetcher(data_home=home, **options)
    except OSError as error:
        folder = data_home or "scikit-learn's data folder"
        raise DataError(
            f"dataset {name!r} could not be downloaded into {folder} or read from it "
            f"({' '.join(str(error).split())}): connect once ({amount}), or point SCIKIT_LEARN_DATA to a folder that "
            f"has it{local}, or use one that needs no download: {WITHOUT_DOWNLOAD}"
        ) from None
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"dataset {name!r} in {home} is incomplete ({reason}); delete it there") from None
