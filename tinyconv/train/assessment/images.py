"""What a run is judged on: its own held-out images, found again, or other images of the same classes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import DataError, RunError
from tinyconv.data import sources
from tinyconv.data.images import ImageData, rows
from tinyconv.train.loading import LoadedRun
from tinyconv.train.run_folder import RunFolder

NAMES_LISTED = 5


@dataclass(frozen=True)
class JudgedImages:
    """Images (N, C, H, W) as the run takes them, with ``labels`` that index the run's classes.

    ``source``: where they come from, as ``--data`` of the command takes it. ``indices``: their places in it; ``names``:
    of their files, where they have any.
    ``learnt``: bool (N,), whether the run learnt from an image; None where nobody can tell. ``notes``: what a reader
    of the figures must know of them.

    Raises: nothing of its own.

    >>> from tinyconv.train import JudgedImages
    >>> images = np.zeros((2, 1, 4, 4), np.float32)
    >>> JudgedImages("npz:mine.npz", images, np.array([0, 1]), np.arange(2), np.array([True, False]), ()).seen
    1
    """

    source: str
    images: Array
    labels: Array
    indices: Array
    learnt: Array | None
    notes: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def seen(self) -> int:
        """How many of them the run learnt from, as far as that is known."""
        return 0 if self.learnt is None else int(self.learnt.sum())


def held_out_images(run: LoadedRun) -> JudgedImages:
    """The images that ``run`` held out, found again from its record.

    Raises: ``DataError`` where its data are not there any more, or are others.

    >>> from tinyconv.train.assessment import held_out_images
    >>> held_out_images.__name__
    'held_out_images'
    """
    data = own_data(run)
    _, indices = _split(run, len(data))
    return _chosen(own_origin(run)[0], data, indices, data.labels[indices], np.zeros(len(indices), bool), [])


def other_images(run: LoadedRun, spec: str) -> JudgedImages:
    """The images of dataset ``spec`` whose classes ``run`` knows by name, in its size and number of channels.

    Raises: ``DataError`` where there is no such dataset, or no class of it is one of the run's.

    >>> from tinyconv.train.assessment import other_images
    >>> other_images.__name__
    'other_images'
    """
    data = sources.load(spec, run.preprocessing.image_size).with_channels(run.preprocessing.channels)
    places = {name: label for label, name in enumerate(run.classes)}
    unknown = [name for name in data.classes if name not in places]
    if len(unknown) == len(data.classes):
        raise DataError(
            f"no class of {spec} is one of run {run.path}: it has {_listed(data.classes)}, and the run "
            f"{_listed(run.classes)}; classes are matched by name"
        )
    translation = np.array([places.get(name, -1) for name in data.classes], np.int64)
    labels = translation[data.labels]
    indices = np.flatnonzero(labels >= 0)
    notes = []
    if unknown:
        notes.append(
            f"left out: {_counted(len(data) - len(indices), 'image')} of classes that the run does not know "
            f"({_listed(unknown)})"
        )
    if absent := [name for name in run.classes if name not in data.classes]:
        notes.append(f"no images of {len(absent)} of the run's {len(run.classes)} classes ({_listed(absent)})")
    if data.damaged:
        notes.append(f"left out: {_counted(len(data.damaged), 'file')} that cannot be read ({_listed(data.damaged)})")
    try:
        learnt: Array | None = _learnt(run, rows(data.images, indices))
    except DataError as error:
        learnt = None
        notes.append(f"whether the run learnt from some of these images is unknown: {error}")
    return _chosen(spec, data, indices, labels[indices], learnt, notes)


def _chosen(
    source: str, data: ImageData, indices: Array, labels: Array, learnt: Array | None, notes: list[str]
) -> JudgedImages:
    names = tuple(data.names[index] for index in indices) if data.names else ()
    return JudgedImages(source, rows(data.images, indices), labels, indices, learnt, tuple(notes), names)


def own_origin(run: LoadedRun) -> tuple[str, dict[str, Any]]:
    """The dataset that ``run`` was trained on, as ``--data`` takes it, and with what else it was loaded."""
    record = run.record.get("data")
    if record is None:
        raise DataError(f"run {run.path} was imported, and no images with it; give images with --data")
    if "spec" in record:
        return str(record["spec"]), dict(record.get("options", {}))
    name = str(record["source"])  # of a run before the other was recorded
    known = name in sources.SOURCES
    spec = name if known else f"folder:{name}" if Path(name).is_dir() else f"npz:{name}"
    return spec, {"image_size": run.preprocessing.image_size}


def own_data(run: LoadedRun) -> ImageData:
    """All images of the dataset that ``run`` was trained on, if they are still those that its record describes.

    Raises: ``DataError`` where they are not.
    """
    (spec, options), record = own_origin(run), run.record["data"]
    way_out = "give images with --data"
    try:
        data = sources.load(spec, **options)
    except DataError as error:
        raise DataError(f"the images that run {run.path} was trained on are not found: {error}; {way_out}") from None
    if data.classes != run.classes or len(data) != record["images"] or data.channels != run.preprocessing.channels:
        raise DataError(
            f"{spec} is not any more what run {run.path} was trained on: it has {len(data)} images of "
            f"{len(data.classes)} classes, and the record says {record['images']} of {len(run.classes)}; {way_out}"
        )
    return data


def _split(run: LoadedRun, images: int) -> tuple[Array, Array]:
    """Which of the run's own images it learnt from, and which it held out."""
    file = RunFolder(run.path).splits
    try:
        parts = json.loads(file.read_text(encoding="utf-8"))
        training, held_out = (np.array(parts[part]["indices"], np.int64) for part in ("training", "held_out"))
    except FileNotFoundError:  # a run before splits were written
        held_out = np.array(run.record["data"]["held_out_indices"], np.int64)
        training = np.setdiff1d(np.arange(images), held_out)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{file} is damaged or cannot be read ({error})") from None
    return training, held_out


def _learnt(run: LoadedRun, images: Array) -> Array:
    data = own_data(run)
    known = set(_fingerprints(rows(data.images, _split(run, len(data))[0])))
    return np.array([fingerprint in known for fingerprint in _fingerprints(images)], bool)


def _fingerprints(images: Array) -> list[bytes]:
    """A digest of each image's pixels in 8 bits: the same photograph has the same one in every file format."""
    found = []
    for index in range(len(images)):
        pixels = np.rint(images[index] * 255).astype(np.uint8)
        found.append(hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16).digest())
    return found


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:NAMES_LISTED])
    return f"{shown}, ..." if len(names) > NAMES_LISTED else shown
