"""The datasets that a name can ask for: ``load("orl")``, ``load("folder:photos")``.

A name is a source, and for the user's own files a path after a colon. Each source's module is imported when it is asked
for: scikit-learn and scikit-image take longer to import than tinyconv.
"""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import NamedTuple

from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, DataError
from tinyconv.data.images import ImageData


class Source(NamedTuple):
    """Where a source's loader stands, and what it holds, in one line for a help text.

    ``argument``: what may stand after a colon, in brackets if it may also be left out. ``downloads``: the loader takes
    the folder of downloads, and an argument.
    """

    module: str
    function: str
    summary: str
    argument: str = ""
    downloads: bool = False

    @property
    def takes_path(self) -> bool:
        """Whether it is nothing without a path."""
        return self.argument == "PATH"


def _download(module: str, function: str, summary: str, argument: str = "[PATH]") -> Source:
    return Source(module, function, summary, argument, downloads=True)


SOURCES = {
    "lfw-subset": Source("bundled", "lfw_subset", "100 faces and 100 other patches, 25x25, inside scikit-image"),
    "digits": Source("bundled", "digits", "1797 handwritten digits, 8x8, inside scikit-learn"),
    "orl": Source("orl", "orl", "40 people, 10 photographs each, 56x46 (pip install 'tinyconv[faces]')"),
    "lfw": _download("lfw", "lfw", "people with 70 or more photographs in LFW, 50x37 (download)", "[FACES or PATH]"),
    "olivetti": _download("downloads", "olivetti", "40 people, 10 photographs each, 64x64 (download)", ""),
    "mnist": _download("classics", "mnist", "70,000 handwritten digits, 28x28 (download, or IDX files)"),
    "fashion-mnist": _download("classics", "fashion_mnist", "70,000 garments, 28x28 (download, or IDX files)"),
    "cifar10": _download("classics", "cifar10", "60,000 colour photographs, 32x32 (download, or binary version)"),
    "folder": Source("folder", "folder", "your own images, one folder per class, or a .tar or .zip of them", "PATH"),
    "npz": Source("npz", "npz", "your own arrays, `images` and `labels`", "PATH"),
}


def names() -> tuple[str, ...]:
    """The sources as a user writes them.

    Raises: nothing of its own.

    >>> from tinyconv.data import sources
    >>> "lfw-subset" in sources.names()
    True
    """
    return tuple(f"{name}:PATH" if source.takes_path else name for name, source in SOURCES.items())


def load(
    spec: str,
    image_size: Pair | None = None,
    data_home: str | Path | None = None,
    min_per_class: int | None = None,
) -> ImageData:
    """The dataset that ``spec`` names, e.g. ``"lfw-subset"``, ``"folder:photos"``, ``"npz:faces.npz"``.

    ``image_size``: (height, width) to resize every image to; by default the source's own. ``data_home``: the folder of
    the sources that download, by default scikit-learn's (``SCIKIT_LEARN_DATA``, or ``~/scikit_learn_data``). Only
    those ever use the network, and only where they are named without a path: ``"mnist:folder"`` reads files.
    ``min_per_class``: leave out classes with fewer images.
    Raises ``DataError`` in one sentence if there is no such source, or its images cannot be used.

    Raises: ``DataError`` for a dataset that does not exist, cannot be read, or is not installed.

    >>> from tinyconv.data import sources
    >>> digits = sources.load("digits")
    >>> len(digits.classes), digits.images.shape[1:]
    (10, (1, 8, 8))
    """
    name, colon, path = spec.partition(":")
    source = SOURCES.get(name)
    if source is None:
        raise DataError(_unknown(spec))
    if source.takes_path and not path:
        raise DataError(f"dataset {spec!r} lacks its path: write {name}:PATH")
    if colon and not source.argument:
        raise DataError(f"dataset {name!r} takes no path, got {spec!r}")
    if min_per_class is not None and min_per_class < 1:
        raise ArgumentError(f"the least number of images per class must be at least 1, got {min_per_class}")
    loader = getattr(importlib.import_module(f"tinyconv.data.{source.module}"), source.function)
    if source.takes_path:
        data: ImageData = loader(Path(path).expanduser(), image_size)
    elif name == "lfw" and min_per_class is not None and not path.isdecimal():
        data = loader(image_size, data_home, path, min_per_class)
    elif source.downloads and source.argument:
        data = loader(image_size, data_home, path)
    elif source.downloads:
        data = loader(image_size, data_home)
    else:
        data = loader(image_size)
    return data if min_per_class is None else data.with_at_least(min_per_class)


def _unknown(spec: str) -> str:
    path = Path(spec).expanduser()
    if path.is_dir():
        return f"dataset {spec!r} is a folder: write folder:{spec}"
    if path.is_file():
        return f"dataset {spec!r} is a file: write npz:{spec} if it holds arrays; images belong in one folder per class"
    near = difflib.get_close_matches(spec.partition(":")[0].lower(), SOURCES, n=1, cutoff=0.6)
    question = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no dataset {spec!r}; {question}known: {', '.join(names())}"
